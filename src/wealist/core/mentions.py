"""Who is mentioned in a text that people type, in the one way that all of the product has:
`@[any words](user's id)`, or `<@user's id>`."""

import re
from uuid import UUID

MOST = 50
"""People whom one text can mention; the first ones count."""

_ID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
# The words are bounded, so that no text takes more than linear time.
_MENTION = re.compile(rf"@\[[^\]\n]{{0,200}}\]\(({_ID})\)|<@({_ID})>")


def mentioned(text: str) -> set[UUID]:
    """The ids that a text mentions, at most `MOST`; whether they are anybody's is not asked."""
    found: set[UUID] = set()
    for match in _MENTION.finditer(text):
        found.add(UUID(match[1] or match[2]))
        if len(found) == MOST:
            break
    return found
