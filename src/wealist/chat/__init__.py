"""Chat: rooms of a workspace's members and what they say there, live.

A room (`chat`) is a DM of two, a GROUP, or the PROJECT room whose participants are a project's
members. Its messages are numbered (`seq`) without gaps under the lock of its row; what somebody
has read is one number. Everything that happens in a room is an event of `chat:<room>`; what
concerns one person's list of rooms is an event of `chats:<user>`. Typing, presence and the hint
that something is new are whispers: told now or never.
"""
