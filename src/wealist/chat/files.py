"""How stored files become addresses that `<img>` can use without a header."""

from urllib.parse import urlsplit

from wealist.core import capability, db, site
from wealist.core.errors import NotFound

FOLDER = "chat/"
PATH = "/svc/chat/files/"


def address(key: str) -> str:
    """The stable address of a stored file."""
    return site.address(PATH + capability.sign(key))


def key_of(text: str) -> str | None:
    """The key that an address or a key means which we have given out, on whatever host."""
    if text.startswith(FOLDER):
        return text
    path = urlsplit(text).path if "://" in text else text
    head, found, proof = path.rpartition(PATH)
    if not found or head not in ("", "/api"):
        return None
    try:
        return capability.key_of(proof)
    except NotFound:
        return None


async def shown(key: str) -> bool:
    """Whether a stored file belongs to a message that isn't deleted, or was uploaded just now."""
    found: bool = await db.fetch_value(
        """
        SELECT EXISTS (
            SELECT FROM chat.files f
            LEFT JOIN chat.messages m ON m.id = f.message_id
            LEFT JOIN chat.chats c ON c.id = m.chat_id
            WHERE f.key = $1 AND (f.expires_at > now()
                OR (m.deleted_at IS NULL AND c.deleted_at IS NULL AND m.id IS NOT NULL))
        )
        """,
        key,
    )
    return found
