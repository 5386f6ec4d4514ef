"""What people are called, remembered for a minute: every message carries its author's name."""

from time import monotonic
from uuid import UUID

from wealist.chat.message_wire import Message
from wealist.chat.wire import Participant
from wealist.user import api as user
from wealist.user.api import Face

SECONDS = 60.0
MOST = 20_000

_known: dict[tuple[UUID, UUID], tuple[float, Face]] = {}
_NOBODY = Face("", None)


def put(
    on: Message | Participant, faces: dict[tuple[UUID, UUID], Face], workspace_id: UUID
) -> None:
    """Let a message or participant show its person's name and picture, as known there."""
    face = faces.get((workspace_id, on.user_id))
    if face is not None:
        on.user_name, on.user_profile_image = face.name, face.image


async def of(workspace_id: UUID, person: UUID) -> Face:
    """Somebody's name and picture in a workspace, at most a minute old."""
    pair = workspace_id, person
    found = _known.get(pair)
    if found is not None and monotonic() < found[0]:
        return found[1]
    face = (await user.faces([pair])).get(pair, _NOBODY)
    _known.pop(pair, None)
    if len(_known) >= MOST:
        del _known[next(iter(_known))]
    _known[pair] = monotonic() + SECONDS, face
    return face
