"""What the board's matrix sends to each route, and where it expects something special."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from tests.matrix.board_scene import API, Spot
from tests.people import Person

Make = Callable[[Spot, dict[str, Person]], Any]


class Cell(NamedTuple):
    """`ok` is the status for those who may; `only` maps personas to other expectations at their
    own and the public place; `hidden` is what outsiders get where it is not 404."""

    ok: int = 200
    body: Make | None = None
    query: Make | None = None
    only: Mapping[str, int] = MappingProxyType({})
    path: Mapping[str, str] = MappingProxyType({})
    """Path parameters taken from another attribute of the spot."""
    why: str = ""


def const(value: Any) -> Make:
    return lambda spot, people: value


IN_PROJECT: Make = lambda spot, people: {"projectId": spot.project_id}  # noqa: E731
IN_WORKSPACE: Make = lambda spot, people: {"workspaceId": spot.workspace_id}  # noqa: E731
ON_BOARD: Make = lambda spot, people: {"boardId": spot.board_id}  # noqa: E731
PROJECT = f"{API}/projects/{{project_id}}"
BOARD = f"{API}/boards/{{board_id}}"


def _option(spot: Spot, people: dict[str, Person]) -> Any:
    return {
        "projectId": spot.project_id,
        "fieldType": "stage",
        "value": "more",
        "label": "More",
        "color": "#abc",
    }


def _upload(spot: Spot, people: dict[str, Person]) -> Any:
    return {
        "entityType": "BOARD",
        "workspaceId": spot.workspace_id,
        "fileName": "b.txt",
        "fileSize": 5,
        "contentType": "text/plain",
    }


def _file(spot: Spot, people: dict[str, Person]) -> Any:
    return {
        "entityType": "BOARD",
        "fileKey": spot.file_key,
        "fileName": "a.txt",
        "fileSize": 5,
        "contentType": "text/plain",
    }


EVERYBODY = ("outsider", "colleague", "leader", "member", "head", "owner", "author")

CELLS: dict[str, Cell] = {
    # --- projects
    f"GET {API}/projects": Cell(query=IN_WORKSPACE),
    f"POST {API}/projects": Cell(
        ok=201, body=lambda spot, people: {"workspaceId": spot.workspace_id, "name": "New"}
    ),
    f"GET {API}/projects/search": Cell(
        query=lambda spot, people: {"workspaceId": spot.workspace_id, "query": "Matrix"}
    ),
    f"GET {API}/projects/workspace/{{workspace_id}}": Cell(),
    f"GET {API}/projects/workspace/{{workspace_id}}/default": Cell(),
    f"GET {PROJECT}": Cell(),
    f"PUT {PROJECT}": Cell(body=const({"name": "Renamed"})),
    f"DELETE {PROJECT}": Cell(),
    f"GET {PROJECT}/init-settings": Cell(),
    f"GET {PROJECT}/members": Cell(),
    f"POST {PROJECT}/members": Cell(
        ok=201, body=lambda spot, people: {"userId": people["applicant"].id}
    ),
    f"PUT {PROJECT}/members/{{member_id}}/role": Cell(body=const({"roleName": "ADMIN"})),
    f"DELETE {PROJECT}/members/{{member_id}}": Cell(),
    f"GET {PROJECT}/join-requests": Cell(),
    f"POST {API}/join-requests": Cell(
        ok=201,
        body=IN_PROJECT,
        only={"member": 409, "head": 409, "owner": 409},
        why="they are members already",
    ),
    f"PUT {API}/join-requests/{{request_id}}": Cell(body=const({"status": "APPROVED"})),
    f"GET {PROJECT}/attachments": Cell(),
    f"GET {PROJECT}/online-users": Cell(),
    f"GET {PROJECT}/changes": Cell(),
    f"GET {PROJECT}/events": Cell(),
    f"GET {PROJECT}/activities": Cell(),
    f"GET {PROJECT}/trash": Cell(),
    "WS /svc/board/ws/project/{project_id}": Cell(ok=101),
    # --- fields and options
    f"POST {PROJECT}/fields": Cell(
        ok=201, body=const({"fieldName": "Points", "fieldType": "number"})
    ),
    f"PATCH {PROJECT}/fields/{{field_key}}": Cell(body=const({"fieldName": "Tags"})),
    f"DELETE {PROJECT}/fields/{{field_key}}": Cell(),
    f"GET {API}/field-options": Cell(
        query=lambda spot, people: {"projectId": spot.project_id, "fieldType": "stage"}
    ),
    f"POST {API}/field-options": Cell(ok=201, body=_option),
    f"PATCH {API}/field-options/{{option_id}}": Cell(body=const({"label": "Renamed"})),
    f"DELETE {API}/field-options/{{option_id}}": Cell(),
    # --- boards
    f"GET {API}/boards": Cell(query=IN_PROJECT),
    f"POST {API}/boards": Cell(
        ok=201, body=lambda spot, people: {"projectId": spot.project_id, "title": "New"}
    ),
    f"GET {API}/boards/project/{{project_id}}": Cell(),
    f"GET {BOARD}": Cell(),
    f"PUT {BOARD}": Cell(body=const({"title": "Changed"})),
    f"DELETE {BOARD}": Cell(),
    f"PUT {BOARD}/move": Cell(
        body=lambda spot, people: {
            "projectId": spot.project_id,
            "groupByFieldName": "stage",
            "newFieldValue": "review",
        }
    ),
    f"GET {BOARD}/attachments": Cell(),
    f"GET {BOARD}/activities": Cell(),
    f"POST {BOARD}/undo": Cell(
        only=dict.fromkeys(("colleague", "leader", "member", "head", "owner"), 404),
        why="only the author has changed the card",
    ),
    f"POST {BOARD}/restore": Cell(path={"board_id": "trashed_id"}),
    # --- checklist
    f"GET {BOARD}/checklist": Cell(),
    f"POST {BOARD}/checklist": Cell(ok=201, body=const({"text": "More"})),
    f"PATCH {API}/checklist/{{item_id}}": Cell(body=const({"isDone": True})),
    f"DELETE {API}/checklist/{{item_id}}": Cell(),
    # --- participants
    f"POST {API}/participants": Cell(
        ok=201,
        body=lambda spot, people: {
            "boardId": spot.board_id,
            "userIds": [people["colleague"].id],
        },
    ),
    f"GET {API}/participants/board/{{board_id}}": Cell(),
    f"DELETE {API}/participants/board/{{board_id}}/user/{{user_id}}": Cell(),
    # --- comments
    f"GET {API}/comments": Cell(query=ON_BOARD),
    f"POST {API}/comments": Cell(
        ok=201, body=lambda spot, people: {"boardId": spot.board_id, "content": "Hi"}
    ),
    f"GET {API}/comments/board/{{board_id}}": Cell(),
    f"PUT {API}/comments/{{comment_id}}": Cell(body=const({"content": "Changed"})),
    f"DELETE {API}/comments/{{comment_id}}": Cell(),
    f"GET {API}/comments/{{comment_id}}/attachments": Cell(),
    # --- attachments
    f"POST {API}/attachments/presigned-url": Cell(body=_upload),
    f"POST {API}/attachments": Cell(
        ok=201,
        body=_file,
        only=dict.fromkeys(("outsider", "colleague", "leader", "member", "head", "owner"), 400),
        why="a key counts only from whom it was given to",
    ),
    f"GET {API}/attachments/{{attachment_id}}/download": Cell(),
    f"DELETE {API}/attachments/{{attachment_id}}": Cell(),
    "GET /svc/board/files/{capability}": Cell(ok=404),
}
"""Method and path template → cell."""
