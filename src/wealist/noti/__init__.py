"""Notifications: what a person should learn although he was not looking.

Whoever has something to tell calls `api.notify` inside the transaction of the change; it becomes a
fact on the workspace's channel of facts. `reader.py` makes notifications of it for those who may
know, by the table in `rules.py` and by what each of them wants (`preferences.py`): rows, exact
counters of what is unread, and events on the person's `bell`, which is a stream (`live.py`). What
shall reach people elsewhere waits as deliveries for the jobs that send e-mail and push messages.
"""
