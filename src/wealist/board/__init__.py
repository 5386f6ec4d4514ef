"""Projects of a workspace and the cards on their kanban, live for everybody who looks at them.

Nouns: a *project* has *members*, *join requests* and *fields*; a select field has *options*, and
the options of `stage` are the columns one sees first. A card is called *board*, as its clients
call it: it has *participants*, *comments*, *attachments* and a *checklist*, and lies in the trash
for 30 days when it is deleted. Each change is an *activity* that people can read and undo.

Events go to `board:<project>` (docs/events.md). Whoever is a member of the workspace may read;
`access.py` says who may do what.
"""
