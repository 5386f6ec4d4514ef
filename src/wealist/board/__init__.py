"""Projects of a workspace and the cards on their kanban, live for everybody who looks at them.

Nouns: a *project* has *members*, *join requests* and *fields*; a select field has *options*, and
the options of `stage` are the columns one sees first. A card is called *board*, as its clients
call it: it has *participants*, *comments*, *attachments* and a *checklist*, and lies in the trash
for 30 days when it is deleted. Each change is an *activity* that people can read and undo.

Events go to `board:<project>` (docs/events.md). Whoever is a member of the workspace may read;
`access.py` says who may do what.

Where to look:

- a noun's verbs: `projects`, `boards`, `moves`, `comments`, `participants`, `checklist`, `fields`,
  `options`, `members`, `join_requests`, `attachments` and `uploads`; a noun's reads: `…_queries`
- how a change of a card is written (`edits`), told and remembered (`feed`), taken back
  (`activities`), and recognised when it comes twice (`repeats`)
- what may stand in a card's fields: `values`; order: `ranks`; finding: `search`, `pages`
- what ends: `trash`, `option_deletion`, `farewell` (somebody leaves); what comes by itself: `due`
- what a project begins with: `beginnings`, `defaults`, `init_settings`
"""
