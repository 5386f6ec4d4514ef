"""Cards over HTTP (contract: board.md §6.3), their history, trash and checklist."""

from litestar import Response, delete, get, patch, post, put
from litestar.params import FromPath, JSONBody

from wealist.board import activities, boards, checklist, moves, search, trash
from wealist.board.live_wire import Activity
from wealist.board.pages import paged
from wealist.board.wire import (
    Board,
    BoardChange,
    BoardDetail,
    Item,
    ItemChange,
    Move,
    Moved,
    NewBoard,
    NewItem,
)
from wealist.core.pages import Limit, Window
from wealist.core.params import IfMatch, Me, Text, uuid
from wealist.core.wire import Data, Done, answer

ID = "/api/boards/{board_id:str}"
PROJECT = "/api/projects/{project_id:str}"


@get("/api/boards", opt={"access": "board.read"}, summary="A project's boards, or one's own")
async def list_boards(
    caller: Me,
    projectId: Text = None,  # noqa: N803
    customFields: Text = None,  # noqa: N803
    limit: Limit = None,
    cursor: Text = None,
    q: Text = None,
    assigneeId: Text = None,  # noqa: N803
    dueFrom: Text = None,  # noqa: N803
    dueTo: Text = None,  # noqa: N803
    hideCompleted: Text = None,  # noqa: N803
    sort: Text = None,
) -> Response[Data[list[Board]]]:
    wanted = search.Wanted(
        limit, cursor, q, assigneeId, customFields, dueFrom, dueTo, hideCompleted, sort
    )
    if not projectId:
        if wanted.anything or wanted.fields:
            return paged(await search.search_own(caller, wanted))
        return Response(answer(await search.own_boards(caller)))
    project = uuid(projectId, "projectId")
    if wanted.anything:
        return paged(await search.search(caller, project, wanted))
    return Response(answer(await search.all_boards(caller, project, customFields)))


@get(
    "/api/boards/project/{project_id:str}",
    opt={"access": "board.read"},
    summary="A project's boards",
)
async def boards_of_project(
    caller: Me,
    project_id: FromPath[str],
    customFields: Text = None,  # noqa: N803
) -> Data[list[Board]]:
    target = uuid(project_id, "projectId")
    return answer(await search.all_boards(caller, target, customFields))


@post("/api/boards", opt={"access": "board.write"}, summary="Create a board")
async def create_board(caller: Me, data: JSONBody[NewBoard]) -> Data[Board]:
    return answer(await boards.create_board(caller, data))


@get(ID, opt={"access": "board.read"}, summary="A board with all that hangs on it")
async def view_board(caller: Me, board_id: FromPath[str]) -> Data[BoardDetail]:
    return answer(await boards.view_board(caller, uuid(board_id, "boardId")))


@put(ID, opt={"access": "board.write"}, summary="Change a board")
async def change_board(
    caller: Me, board_id: FromPath[str], data: JSONBody[BoardChange], if_match: IfMatch
) -> Data[Board]:
    target = uuid(board_id, "boardId")
    return answer(await boards.change_board(caller, target, data, if_match))


@put(f"{ID}/move", opt={"access": "board.write"}, summary="Move a board")
async def move_board(
    caller: Me, board_id: FromPath[str], data: JSONBody[Move], if_match: IfMatch
) -> Data[Moved]:
    return answer(await moves.move_board(caller, uuid(board_id, "boardId"), data, if_match))


@delete(ID, status_code=200, opt={"access": "board.delete"}, summary="Put a board into the trash")
async def delete_board(caller: Me, board_id: FromPath[str]) -> Data[None]:
    await trash.delete_board(caller, uuid(board_id, "boardId"))
    return answer(None)


# --- trash and history -----------------------------------------------------------------------


@get(f"{PROJECT}/trash", opt={"access": "board.read"}, summary="A project's trash")
async def list_trash(
    caller: Me, project_id: FromPath[str], limit: Limit = None, cursor: Text = None
) -> Response[Data[list[Board]]]:
    target = uuid(project_id, "projectId")
    return paged(await trash.list_trash(caller, target, Window.of(limit, cursor)))


@post(
    f"{ID}/restore",
    status_code=200,
    opt={"access": "board.delete"},
    summary="Take a board out of the trash",
)
async def restore_board(caller: Me, board_id: FromPath[str]) -> Data[Board]:
    return answer(await trash.restore_board(caller, uuid(board_id, "boardId")))


@get(f"{ID}/activities", opt={"access": "board.read"}, summary="What happened to a board")
async def board_activities(
    caller: Me, board_id: FromPath[str], limit: Limit = None, cursor: Text = None
) -> Response[Data[list[Activity]]]:
    target = uuid(board_id, "boardId")
    return paged(await activities.of_board(caller, target, Window.of(limit, cursor)))


@get(f"{PROJECT}/activities", opt={"access": "board.read"}, summary="What happened in a project")
async def project_activities(
    caller: Me, project_id: FromPath[str], limit: Limit = None, cursor: Text = None
) -> Response[Data[list[Activity]]]:
    target = uuid(project_id, "projectId")
    return paged(await activities.of_project(caller, target, Window.of(limit, cursor)))


@post(
    f"{ID}/undo",
    status_code=200,
    opt={"access": "board.write"},
    summary="Take back one's own last change of a board",
)
async def undo(caller: Me, board_id: FromPath[str]) -> Data[Board]:
    return answer(await activities.undo(caller, uuid(board_id, "boardId")))


# --- checklist -------------------------------------------------------------------------------


@get(f"{ID}/checklist", opt={"access": "board.read"}, summary="A board's checklist")
async def list_items(caller: Me, board_id: FromPath[str]) -> Data[list[Item]]:
    return answer(await checklist.list_items(caller, uuid(board_id, "boardId")))


@post(f"{ID}/checklist", opt={"access": "board.write"}, summary="Add to a checklist")
async def add_item(caller: Me, board_id: FromPath[str], data: JSONBody[NewItem]) -> Data[Item]:
    return answer(await checklist.add_item(caller, uuid(board_id, "boardId"), data))


@patch("/api/checklist/{item_id:str}", opt={"access": "board.write"}, summary="Change an item")
async def change_item(
    caller: Me, item_id: FromPath[str], data: JSONBody[ItemChange], if_match: IfMatch
) -> Data[Item]:
    return answer(await checklist.change_item(caller, uuid(item_id, "itemId"), data, if_match))


@delete(
    "/api/checklist/{item_id:str}",
    status_code=200,
    opt={"access": "board.write"},
    summary="Delete an item",
)
async def delete_item(caller: Me, item_id: FromPath[str]) -> Data[Done]:
    await checklist.delete_item(caller, uuid(item_id, "itemId"))
    return answer(Done("Item deleted successfully"))


handlers = [
    list_boards,
    boards_of_project,
    create_board,
    view_board,
    change_board,
    move_board,
    delete_board,
    list_trash,
    restore_board,
    board_activities,
    project_activities,
    undo,
    list_items,
    add_item,
    change_item,
    delete_item,
]
