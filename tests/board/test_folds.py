"""Every change of a project can be followed from its events: old snapshot + events = new one."""

import re
from typing import Any

from tests.board.making import upload
from tests.board.views import API, ProjectListView, ProjectView, RequestsView
from tests.fold import folds
from tests.matrix.board_cells import CELLS
from tests.people import Person, Server

SILENT = {
    f"POST {API}/attachments",
    f"POST {API}/attachments/presigned-url",
}
"""They prepare something that nobody else can see yet."""


class Story:
    """Calls that each must leave events from which every view can follow; and which routes."""

    def __init__(self, workspace_id: str, reader: Person) -> None:
        self.workspace_id, self.reader = workspace_id, reader
        self.project_id = ""
        self.told: set[str] = set()

    async def tell(self, actor: Person, method: str, path: str, body: Any = None) -> Any:
        views: list[Any] = [ProjectListView(self.reader, self.workspace_id)]
        if self.project_id:
            views.append(ProjectView(self.reader, self.project_id))
            views.append(RequestsView(self.reader, self.project_id))
        async with folds(*views):
            answer = await actor.http.request(method, f"{API}{path}", json=body)
            assert answer.status_code in (200, 201), (method, path, answer.text)
        self.told.add(_template(method, path))
        return answer.json()["data"]


def _template(method: str, path: str) -> str:
    """Which of the matrix's routes an address belongs to."""
    path = path.partition("?")[0]
    for name in CELLS:
        verb, template = name.split(" ", 1)
        pattern = re.sub(r"\{\w+\}", "[^/]+", template)
        if verb == method and re.fullmatch(pattern, f"{API}{path}"):
            return name
    raise AssertionError(f"no route: {method} {path}")


async def test_every_mutation_can_be_followed_from_its_events(server: Server) -> None:
    owner, colleague, guest = [
        await server.person(name) for name in ("Owner", "Colleague", "Guest")
    ]
    workspace_id = (await owner.workspace())["workspaceId"]
    membership = {}
    for person in (colleague, guest):
        made = await owner.invites(workspace_id, person)
        membership[person.id] = made["workspaceMemberId"]
    story = Story(workspace_id, owner)
    tell = story.tell

    new = {"workspaceId": workspace_id, "name": "Roadmap"}
    project = (await tell(owner, "POST", "/projects", new))["projectId"]
    story.project_id = project
    here = f"/projects/{project}"
    file = await upload(owner, workspace_id, "PROJECT")
    await tell(owner, "PUT", here, {"name": "Roadmap 2", "attachmentIds": [file]})
    await tell(owner, "DELETE", f"/attachments/{file}")
    await tell(owner, "POST", f"{here}/members", {"userId": colleague.id})
    await tell(owner, "PUT", f"{here}/members/{colleague.id}/role", {"roleName": "ADMIN"})
    request = (await tell(guest, "POST", "/join-requests", {"projectId": project}))["requestId"]
    await tell(owner, "PUT", f"/join-requests/{request}", {"status": "APPROVED"})

    field = await tell(
        owner, "POST", f"{here}/fields", {"fieldName": "Labels", "fieldType": "multi_select"}
    )
    key = field["key"]
    await tell(owner, "PATCH", f"{here}/fields/{key}", {"fieldName": "Tags"})
    options = {}
    for value in ("red", "blue"):
        option = {"projectId": project, "fieldType": key, "value": value, "label": value.title()}
        option |= {"color": "#abc"}
        options[value] = (await tell(owner, "POST", "/field-options", option))["optionId"]
    await tell(owner, "POST", "/field-options", option | {"color": "#def"})
    await tell(owner, "PATCH", f"/field-options/{options['red']}", {"label": "Crimson"})
    person = await tell(
        owner, "POST", f"{here}/fields", {"fieldName": "Tester", "fieldType": "single_user"}
    )

    cards = []
    for number in range(4):
        card = {"projectId": project, "title": f"Card {number}", "participants": [guest.id]}
        card |= {"customFields": {key: ["red", "blue"], person["key"]: guest.id}}
        cards.append((await tell(colleague, "POST", "/boards", card))["boardId"])
    first, second, third, last = cards
    file = await upload(colleague, workspace_id, "BOARD")
    change = {"title": "Changed", "assigneeId": guest.id, "attachmentIds": [file]}
    change |= {"dueDate": "2031-01-02T00:00:00Z", "participants": [owner.id, guest.id]}
    await tell(colleague, "PUT", f"/boards/{first}", change)
    await tell(colleague, "PUT", f"/boards/{first}", {"title": "Changed again"})
    await tell(colleague, "POST", f"/boards/{first}/undo")
    move = {"projectId": project, "groupByFieldName": "stage", "newFieldValue": "review"}
    await tell(owner, "PUT", f"/boards/{second}/move", move | {"beforeBoardId": first})
    await tell(owner, "POST", f"/boards/{second}/undo")
    await tell(owner, "PUT", f"/boards/{third}/move", move | {"afterBoardId": last})

    who = {"boardId": second, "userIds": [owner.id, colleague.id]}
    await tell(owner, "POST", "/participants", who)
    await tell(owner, "DELETE", f"/participants/board/{second}/user/{owner.id}")
    item = await tell(owner, "POST", f"/boards/{second}/checklist", {"text": "One"})
    item = await tell(owner, "POST", f"/boards/{second}/checklist", {"text": "Two"})
    await tell(owner, "PATCH", f"/checklist/{item['itemId']}", {"isDone": True})
    await tell(owner, "DELETE", f"/checklist/{item['itemId']}")
    file = await upload(guest, workspace_id, "COMMENT")
    said = {"boardId": second, "content": "Look", "attachmentIds": [file]}
    comment = (await tell(guest, "POST", "/comments", said))["commentId"]
    await tell(guest, "PUT", f"/comments/{comment}", {"content": "Look here"})
    await tell(guest, "DELETE", f"/attachments/{file}")
    await tell(guest, "DELETE", f"/comments/{comment}")

    await tell(owner, "DELETE", f"/field-options/{options['red']}?replacement=blue")
    stages = await owner.get(f"{API}/field-options?fieldType=stage&projectId={project}")
    pending = next(one for one in stages.json()["data"] if one["value"] == "pending")
    await tell(owner, "DELETE", f"/field-options/{pending['optionId']}")
    await tell(owner, "DELETE", f"{here}/fields/{key}")
    await tell(owner, "DELETE", f"/boards/{last}")
    await tell(owner, "POST", f"/boards/{last}/restore")

    async with folds(ProjectView(owner, project)):
        gone = await owner.delete(
            f"/svc/user/api/workspaces/{workspace_id}/members/{membership[guest.id]}"
        )
        assert gone.status_code == 200
    await tell(owner, "DELETE", f"{here}/members/{colleague.id}")
    await tell(owner, "DELETE", here)

    mutations = {name for name in CELLS if not name.startswith(("GET", "WS"))} - SILENT
    assert mutations - story.told == set()


async def test_deleting_a_workspace_can_be_followed(server: Server) -> None:
    owner = await server.person("Owner")
    workspace_id = (await owner.workspace())["workspaceId"]
    new = {"workspaceId": workspace_id, "name": "Roadmap"}
    made = await owner.post(f"{API}/projects", json=new)
    project = made.json()["data"]["projectId"]
    async with folds(ProjectView(owner, project), ProjectListView(owner, workspace_id)):
        gone = await owner.delete(f"/svc/user/api/workspaces/{workspace_id}")
        assert gone.status_code == 200
