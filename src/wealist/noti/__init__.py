"""Notifications: what a person should learn although he was not looking.

Whoever has something to tell calls `api.notify` inside the transaction of the change; it becomes
an event on the person's own channel, from which the bell and other ways of telling him are fed.
"""
