"""The verbs on participants (contract: board.md §6.4)."""

from uuid import UUID

from wealist.board import access, board_queries, edits, feed
from wealist.board.access import NO_BOARD
from wealist.board.wire import Added, AddedAll, Change, Invitees, Participant
from wealist.core import db
from wealist.core.errors import Invalid, NotFound
from wealist.core.identity import Caller
from wealist.core.ids import NIL
from wealist.user import api as user

MOST = 200
"""People on one card."""


async def list_participants(caller: Caller, board_id: UUID) -> list[Participant]:
    """Who takes part in a card, in the order of joining."""
    await access.board(caller, board_id, "board.read")
    return await board_queries.participants(board_id)


async def add_participants(caller: Caller, wanted: Invitees) -> AddedAll:
    """Add people to a card; the answer tells of each whether it worked.

    Raises `Invalid` when none could be added.
    """
    people = list(dict.fromkeys(wanted.user_ids))
    if wanted.board_id == NIL:
        raise Invalid("is required", field="boardId")
    async with db.transaction():
        place = await access.board(caller, wanted.board_id, "board.write", hold=True)
        old = await board_queries.board(wanted.board_id)
        if old is None:
            raise NotFound(NO_BOARD)
        members = await user.members_among(place.workspace_id, people)
        results = [_judged(one, members, old.participant_ids) for one in people]
        new = [result.user_id for result in results if result.success]
        if len(old.participant_ids) + len(new) > MOST:
            raise Invalid(f"a board has at most {MOST} participants", field="userIds")
        if not new:
            raise Invalid(results[0].error or "nobody could be added", field="userIds")
        await edits.replace_participants(old.id, [], new)
        board = await feed.board_changed(place.project_id, old.id, actor=caller.user_id)
        changes = [Change("participants", old.participant_ids, board.participant_ids)]
        await feed.record_board(board, "participant.added", actor=caller.user_id, changes=changes)
        feed.notify(
            "BOARD_PARTICIPANT_ADDED",
            new,
            place,
            actor=caller.user_id,
            board_id=board.id,
            title=board.title,
        )
    return AddedAll(len(people), len(new), len(people) - len(new), results)


def _judged(person: UUID, members: set[UUID], present: list[UUID]) -> Added:
    if person in present:
        return Added(person, False, "Participant already exists")
    if person not in members:
        return Added(person, False, "Not a member of the workspace")
    return Added(person, True)


async def remove_participant(caller: Caller, board_id: UUID, person: UUID) -> None:
    """Take somebody off a card. Raises `NotFound` if he is not on it."""
    async with db.transaction():
        place = await access.board(caller, board_id, "board.write", hold=True)
        gone = await db.execute(
            "DELETE FROM board.participants WHERE board_id = $1 AND user_id = $2", board_id, person
        )
        if not gone:
            raise NotFound("this person is not a participant")
        board = await feed.board_changed(place.project_id, board_id, actor=caller.user_id)
        before = [*board.participant_ids, person]
        changes = [Change("participants", before, board.participant_ids)]
        await feed.record_board(board, "participant.removed", actor=caller.user_id, changes=changes)
