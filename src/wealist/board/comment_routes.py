"""Comments and participants over HTTP (contract: board.md §6.4, §6.5)."""

from typing import Any

from litestar import Response, delete, get, post, put
from litestar.params import FromPath, JSONBody

from wealist.board import comments, participants
from wealist.board.wire import (
    AddedAll,
    Comment,
    CommentChange,
    Invitees,
    NewComment,
    Participant,
)
from wealist.core.openapi import shows
from wealist.core.params import IfMatch, Me, Text, uuid
from wealist.core.wire import Data, answer

ID = "/api/comments/{comment_id:str}"


@get("/api/comments", opt={"access": "board.read"}, summary="A board's comments")
async def list_comments(caller: Me, boardId: Text = None) -> Data[list[Comment]]:  # noqa: N803
    return answer(await comments.list_comments(caller, uuid(boardId or "", "boardId")))


@get(
    "/api/comments/board/{board_id:str}", opt={"access": "board.read"}, summary="A board's comments"
)
async def comments_of_board(caller: Me, board_id: FromPath[str]) -> Data[list[Comment]]:
    return answer(await comments.list_comments(caller, uuid(board_id, "boardId")))


@post("/api/comments", opt={"access": "board.write"}, summary="Comment on a board")
async def create_comment(caller: Me, data: JSONBody[NewComment]) -> Data[Comment]:
    return answer(await comments.create_comment(caller, data))


@put(ID, opt={"access": "comment.change"}, summary="Change a comment")
async def change_comment(
    caller: Me, comment_id: FromPath[str], data: JSONBody[CommentChange], if_match: IfMatch
) -> Data[Comment]:
    target = uuid(comment_id, "commentId")
    return answer(await comments.change_comment(caller, target, data, if_match))


@delete(ID, status_code=200, opt={"access": "comment.delete"}, summary="Delete a comment")
async def delete_comment(caller: Me, comment_id: FromPath[str]) -> Data[None]:
    await comments.delete_comment(caller, uuid(comment_id, "commentId"))
    return answer(None)


@post(
    "/api/participants",
    opt={"access": "board.write"},
    responses={
        201: shows(Data[AddedAll], "All were added"),
        207: shows(Data[AddedAll], "Some were added; the members of `data` stand beside it, too"),
    },
    summary="Add people to a board",
)
async def add_participants(caller: Me, data: JSONBody[Invitees]) -> Response[Any]:
    done = await participants.add_participants(caller, data)
    enveloped = answer(done)
    if not done.total_failed:
        return Response(enveloped, status_code=201)
    # Clients of this answer read the payload with and without the envelope (frontend need 27).
    bare: dict[str, Any] = {
        name: getattr(done, field)
        for name, field in zip(done.__struct_encode_fields__, done.__struct_fields__, strict=True)
    }
    both = bare | {"data": done, "requestId": enveloped.request_id}
    return Response(both, status_code=207)


@get(
    "/api/participants/board/{board_id:str}",
    opt={"access": "board.read"},
    summary="Who takes part in a board",
)
async def list_participants(caller: Me, board_id: FromPath[str]) -> Data[list[Participant]]:
    return answer(await participants.list_participants(caller, uuid(board_id, "boardId")))


@delete(
    "/api/participants/board/{board_id:str}/user/{user_id:str}",
    status_code=200,
    opt={"access": "board.write"},
    summary="Take somebody off a board",
)
async def remove_participant(
    caller: Me, board_id: FromPath[str], user_id: FromPath[str]
) -> Data[None]:
    target, person = uuid(board_id, "boardId"), uuid(user_id, "userId")
    await participants.remove_participant(caller, target, person)
    return answer(None)


handlers = [
    list_comments,
    comments_of_board,
    create_comment,
    change_comment,
    delete_comment,
    add_participants,
    list_participants,
    remove_participant,
]
