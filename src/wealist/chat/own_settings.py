"""How somebody has set a room up for himself: news of it, mute, pin, archive, draft."""

from datetime import datetime
from uuid import UUID

from msgspec import UNSET

from wealist.chat import access, feed
from wealist.chat.sending import CONTENT
from wealist.chat.wire import Settings, SettingsChange
from wealist.core import db
from wealist.core.errors import Invalid
from wealist.core.identity import Caller
from wealist.core.text import verbatim
from wealist.core.wire import now

_SETTINGS = """
    SELECT p.chat_id, c.workspace_id, p.level, p.muted_until, p.pinned_at, p.archived_at, p.draft
    FROM chat.participants p JOIN chat.chats c ON c.id = p.chat_id
    WHERE p.chat_id = $1 AND p.user_id = $2
"""


async def settings(caller: Caller, chat_id: UUID) -> Settings:
    """The caller's settings of a room."""
    await access.chat(caller, chat_id, "chat.read")
    found = await db.fetch_one(Settings, _SETTINGS, chat_id, caller.user_id)
    assert found is not None
    return found


async def change_settings(caller: Caller, chat_id: UUID, change: SettingsChange) -> Settings:
    """Change some of them; the caller's other devices hear of it."""
    draft = None
    if isinstance(change.draft, str):
        draft = verbatim(change.draft, field="draft", most=CONTENT)
    muted = change.muted_until
    if isinstance(muted, datetime) and muted.tzinfo is None:
        raise Invalid("must be a time with an offset", field="mutedUntil")
    async with db.transaction():
        await access.chat(caller, chat_id, "chat.read")
        await db.execute(
            """
            UPDATE chat.participants SET level = coalesce($3, level),
                muted_until = CASE WHEN $4::boolean THEN $5::timestamptz ELSE muted_until END,
                pinned_at = CASE WHEN $6::boolean IS NULL THEN pinned_at
                    WHEN $6 THEN coalesce(pinned_at, $8::timestamptz) END,
                archived_at = CASE WHEN $7::boolean IS NULL THEN archived_at
                    WHEN $7 THEN coalesce(archived_at, $8::timestamptz) END,
                draft = coalesce($9, draft), version = version + 1
            WHERE chat_id = $1 AND user_id = $2
            """,
            chat_id,
            caller.user_id,
            change.level if isinstance(change.level, str) else None,
            muted is not UNSET,
            muted if isinstance(muted, datetime) else None,
            change.pinned if isinstance(change.pinned, bool) else None,
            change.archived if isinstance(change.archived, bool) else None,
            now(),
            draft,
        )
        found = await db.fetch_one(Settings, _SETTINGS, chat_id, caller.user_id)
        assert found is not None
        feed.tell_person(caller.user_id, "CHAT_SETTINGS", found, actor=caller.user_id)
    return found
