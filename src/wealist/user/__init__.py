"""Users, and the workspaces they share.

Nouns: a *user* is an account; a *workspace* has *members* with a role (OWNER, ADMIN, MEMBER) and
*join requests* of people who want to become one; a *profile* is how a user appears in one
workspace, and the *default profile* (nil workspace id) everywhere else; an *attachment* is an
uploaded profile picture before and after it is used.

Events on `workspace:<id>`: workspace.created, .updated, .deleted; member.added, .updated,
.removed; join_request.created, .updated. On `user:<id>`: user.updated, .deleted, .restored;
membership.added, .updated, .removed; join_request.created, .updated; profile.updated, .deleted.
"""
