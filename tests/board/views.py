"""What a project's page shows, and how it follows the project's events (docs/events.md)."""

from typing import Any

from tests.fold import Reducer, State, keyed
from tests.people import Person

API = "/svc/board/api"


class ProjectView:
    """A project with everything in it, as a colleague sees it."""

    def __init__(self, reader: Person, project_id: str) -> None:
        self.reader, self.project_id = reader, project_id
        self.reducers: dict[str, Reducer] = {
            "PROJECT_UPDATED": self._project,
            "PROJECT_DELETED": lambda state, _: state.clear(),
            "MEMBER_ADDED": lambda state, one: _put(state["members"], "memberId", one),
            "MEMBER_UPDATED": self._member,
            "MEMBER_REMOVED": lambda state, one: state["members"].pop(one["memberId"]),
            "PERSON_LEFT": self._left,
            "FIELD_CREATED": self._field,
            "FIELD_UPDATED": self._field,
            "FIELD_DELETED": self._no_field,
            "FIELD_OPTION_CREATED": self._option,
            "FIELD_OPTION_UPDATED": self._option,
            "FIELD_OPTION_DELETED": self._no_option,
            "BOARD_CREATED": self._board,
            "BOARD_UPDATED": self._board,
            "BOARD_MOVED": lambda state, moved: self._board(state, moved["board"]),
            "BOARD_DELETED": self._no_board,
            "BOARD_RESTORED": self._restored,
            "COMMENT_CREATED": lambda state, one: _put(state["comments"], "commentId", one),
            "COMMENT_UPDATED": lambda state, one: _put(state["comments"], "commentId", one),
            "COMMENT_DELETED": lambda state, gone: state["comments"].pop(gone["commentId"]),
            "BOARDS_REORDERED": self._reordered,
            "CHECKLIST_ITEM_CREATED": lambda state, one: _put(state["items"], "itemId", one),
            "CHECKLIST_ITEM_UPDATED": lambda state, one: _put(state["items"], "itemId", one),
            "CHECKLIST_ITEM_DELETED": lambda state, gone: state["items"].pop(gone["itemId"]),
        }

    async def channels(self) -> set[str]:
        return {f"board:{self.project_id}"}

    async def _get(self, path: str) -> Any:
        answer = await self.reader.get(f"{API}{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def snapshot(self) -> State:
        found = await self.reader.get(f"{API}/projects/{self.project_id}")
        if found.status_code == 404:
            return {}
        settings = await self._get(f"/projects/{self.project_id}/init-settings")
        boards = await self._get(f"/boards?projectId={self.project_id}")
        options, comments, items = [], [], []
        for field in settings["fields"]:
            if "select" in field["fieldType"]:
                query = f"projectId={self.project_id}&fieldType={field['fieldId']}"
                options += await self._get(f"/field-options?{query}")
        for board in boards:
            detail = await self._get(f"/boards/{board['boardId']}")
            comments += detail["comments"]
            items += detail["checklist"]
        return {
            "project": found.json()["data"],
            "members": keyed(await self._get(f"/projects/{self.project_id}/members"), "memberId"),
            "fields": {field["fieldId"]: _shown(field) for field in settings["fields"]},
            "options": keyed(options, "optionId"),
            "boards": keyed(boards, "boardId"),
            "comments": keyed(comments, "commentId"),
            "items": keyed(items, "itemId"),
        }

    @staticmethod
    def _project(state: State, project: Any) -> None:
        state["project"] = project

    @staticmethod
    def _member(state: State, member: Any) -> None:
        _put(state["members"], "memberId", member)

    @staticmethod
    def _field(state: State, field: Any) -> None:
        state["fields"][field["key"]] = _shown(field)

    @staticmethod
    def _option(state: State, option: Any) -> None:
        _put(state["options"], "optionId", option)

    @staticmethod
    def _board(state: State, board: Any) -> None:
        _put(state["boards"], "boardId", board)

    @staticmethod
    def _restored(state: State, restored: Any) -> None:
        for one in restored["comments"]:
            _put(state["comments"], "commentId", one)
        for one in restored["checklist"]:
            _put(state["items"], "itemId", one)

    @staticmethod
    def _reordered(state: State, reordered: Any) -> None:
        for key, rank in reordered["ranks"].items():
            if key in state["boards"]:
                board = state["boards"][key]
                board["rank"], board["updatedAt"] = rank, reordered["updatedAt"]
                board["version"] += 1

    @staticmethod
    def _no_board(state: State, gone: Any) -> None:
        del state["boards"][gone["boardId"]]
        for name in ("comments", "items"):
            state[name] = {
                key: one for key, one in state[name].items() if one["boardId"] != gone["boardId"]
            }

    @staticmethod
    def _no_option(state: State, gone: Any) -> None:
        del state["options"][gone["optionId"]]
        key, value, new = gone["fieldType"], gone["value"], gone["replacement"]
        for board in state["boards"].values():
            held = board["customFields"].get(key)
            if isinstance(held, list) and value in held:
                kept = [new if one == value else one for one in held]
                _set(board, key, list(dict.fromkeys(one for one in kept if one)), gone)
            elif held == value:
                _set(board, key, new, gone)

    @staticmethod
    def _no_field(state: State, gone: Any) -> None:
        state["fields"].pop(gone["key"])
        state["options"] = {
            key: one for key, one in state["options"].items() if one["fieldType"] != gone["key"]
        }
        for board in state["boards"].values():
            if gone["key"] in board["customFields"]:
                _set(board, gone["key"], None, gone)

    @staticmethod
    def _left(state: State, left: Any) -> None:
        who = left["userId"]
        state["members"] = {
            key: one for key, one in state["members"].items() if one["userId"] != who
        }
        people = [key for key, field in state["fields"].items() if "user" in field["fieldType"]]
        for board in state["boards"].values():
            touched = False
            if board["assigneeId"] == who:
                board["assigneeId"], touched = None, True
            if who in board["participantIds"]:
                board["participantIds"].remove(who)
                touched = True
            fields = board["customFields"]
            for key in people:
                if fields.get(key) == who:
                    del fields[key]
                    touched = True
                elif isinstance(fields.get(key), list) and who in fields[key]:
                    fields[key].remove(who)
                    touched = True
            if touched:
                board["version"] += 1
                board["updatedAt"] = left["updatedAt"]


def _put(rows: State, key: str, row: Any) -> None:
    rows[row[key]] = row


def _shown(field: Any) -> Any:
    return {"fieldName": field["fieldName"], "fieldType": field["fieldType"]}


def _set(board: Any, key: str, value: Any, why: Any) -> None:
    if value is None:
        board["customFields"].pop(key, None)
    else:
        board["customFields"][key] = value
    if key == "stage":
        board["status"] = str(value).upper()
    board["version"] += 1
    board["updatedAt"] = why["updatedAt"]


class ProjectListView:
    """The projects of a workspace, as its members see them."""

    def __init__(self, reader: Person, workspace_id: str) -> None:
        self.reader, self.workspace_id = reader, workspace_id
        self.reducers: dict[str, Reducer] = {
            "project.created": lambda state, one: _put(state, "projectId", one),
            "project.updated": lambda state, one: _put(state, "projectId", one),
            "project.deleted": lambda state, gone: state.pop(gone["projectId"]),
            "workspace.deleted": lambda state, _: state.clear(),
        }

    async def channels(self) -> set[str]:
        return {f"workspace:{self.workspace_id}"}

    async def snapshot(self) -> State:
        answer = await self.reader.get(f"{API}/projects/workspace/{self.workspace_id}")
        return keyed(answer.json()["data"], "projectId") if answer.status_code == 200 else {}


class RequestsView:
    """Who wants to join a project, as its owner sees it."""

    def __init__(self, reader: Person, project_id: str) -> None:
        self.reader, self.project_id = reader, project_id
        self.reducers: dict[str, Reducer] = {
            "join_request.created": lambda state, one: _put(state, "requestId", one),
            "join_request.updated": lambda state, one: _put(state, "requestId", one),
            "PROJECT_DELETED": lambda state, _: state.clear(),
        }

    async def channels(self) -> set[str]:
        return {f"board-requests:{self.project_id}", f"board:{self.project_id}"}

    async def snapshot(self) -> State:
        answer = await self.reader.get(f"{API}/projects/{self.project_id}/join-requests")
        return keyed(answer.json()["data"], "requestId") if answer.status_code == 200 else {}
