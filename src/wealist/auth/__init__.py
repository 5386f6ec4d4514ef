"""Sign-in and tokens: from a provider's account, or a page in development, to a *session*.

A session is a *family* of tokens: an access token that proves a *caller* for half an hour, and a
refresh token that is exchanged for a successor. Signing out ends the family on all replicas.
This service keeps no users; it asks whoever `people` has been given.
"""
