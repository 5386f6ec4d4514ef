"""What the matrix sends to each route, and where it expects something special.

A route's access says who may use it; that is all the expectation there is, except for the
differences explained here. A route of the app that is missing here fails the build.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from tests.matrix.scene import Place, Scene
from tests.people import NIL

Body = Callable[[Scene, Place], Any]


class Cell(NamedTuple):
    """`ok` is the status for those who may. `only` maps personas to other expectations."""

    ok: int = 200
    body: Body | None = None
    header: bool = False
    """Whether the workspace is named in X-Workspace-Id."""
    only: Mapping[str, int] = MappingProxyType({})
    why: str = ""


def _const(value: Any) -> Body:
    return lambda scene, place: value


EMPTY = _const({})

CELLS: dict[str, Cell] = {
    # --- auth
    "GET /svc/auth/.well-known/jwks.json": Cell(),
    "GET /svc/auth/.well-known/openid-configuration": Cell(),
    "POST /svc/auth/api/auth/refresh": Cell(
        ok=401, body=_const({"refreshToken": "x"}), why="the token in the body is what counts"
    ),
    "POST /svc/auth/api/auth/validate": Cell(body=_const({"token": "x"})),
    "POST /svc/auth/api/auth/logout": Cell(
        only={"anonymous": 401, "expired": 401},
        why="it checks the token itself; signing out twice is fine",
    ),
    "GET /svc/auth/api/auth/me": Cell(),
    "GET /svc/auth/api/test/status": Cell(),
    "POST /svc/auth/api/test/token": Cell(
        body=_const({"email": "robot@example.com"}), why="enabled for these tests"
    ),
    "GET /svc/auth/oauth2/authorization/google": Cell(why="the built-in page of development"),
    "GET /svc/auth/oauth2/callback/google": Cell(ok=302, why="to the target, with an error"),
    "GET /svc/auth/login/oauth2/code/google": Cell(ok=302),
    "POST /svc/auth/oauth2/dev/sign-in": Cell(ok=400, why="nothing was filled in"),
    # --- user: accounts
    "GET /svc/user/api/users/me": Cell(),
    "DELETE /svc/user/api/users/me": Cell(
        only={"owner": 409}, why="an owner with members must delete the workspace first"
    ),
    "GET /svc/user/api/users/{user_id}": Cell(
        only={"outsider": 404}, why="colleagues and oneself only"
    ),
    "PUT /svc/user/api/users/{user_id}": Cell(
        body=_const({"name": "New"}),
        only={"outsider": 403, "member": 403, "admin": 403, "owner": 403},
        why="oneself only",
    ),
    "PUT /svc/user/api/users/{user_id}/restore": Cell(
        only={"outsider": 403, "member": 403, "admin": 403, "owner": 403}, why="oneself only"
    ),
    "POST /svc/user/api/users": Cell(ok=201, body=_const({"email": "new@example.com"})),
    "POST /svc/user/api/internal/oauth/login": Cell(
        body=_const({"email": "new@example.com", "name": "New", "provider": "google"})
    ),
    "GET /svc/user/api/internal/users/{user_id}/exists": Cell(),
    "GET /svc/user/images/{capability}": Cell(ok=404),
    # --- user: workspaces
    "GET /svc/user/api/workspaces": Cell(),
    "GET /svc/user/api/workspaces/all": Cell(),
    "POST /svc/user/api/workspaces/create": Cell(ok=201, body=_const({"workspaceName": "New"})),
    "GET /svc/user/api/workspaces/public/{text}": Cell(),
    "POST /svc/user/api/workspaces/default": Cell(
        body=lambda scene, place: {"workspaceId": place.workspace_id}
    ),
    "GET /svc/user/api/workspaces/{workspace_id}": Cell(),
    "PUT /svc/user/api/workspaces/{workspace_id}": Cell(body=_const({"workspaceName": "New"})),
    "PUT /svc/user/api/workspaces/ids/{workspace_id}": Cell(body=_const({"workspaceName": "New"})),
    "DELETE /svc/user/api/workspaces/{workspace_id}": Cell(),
    "GET /svc/user/api/workspaces/{workspace_id}/settings": Cell(),
    "PUT /svc/user/api/workspaces/{workspace_id}/settings": Cell(
        body=_const({"workspaceName": "New"})
    ),
    "GET /svc/user/api/workspaces/{workspace_id}/members": Cell(),
    "GET /svc/user/api/workspaces/{workspace_id}/validate-member/{user_id}": Cell(
        only={"author": 200}, why="everybody may ask about himself, wherever"
    ),
    "POST /svc/user/api/workspaces/{workspace_id}/members/invite": Cell(
        ok=201, body=lambda scene, place: {"email": scene.people["stranger"].email}
    ),
    "PUT /svc/user/api/workspaces/{workspace_id}/members/{member_id}/role": Cell(
        body=_const({"roleName": "ADMIN"})
    ),
    "DELETE /svc/user/api/workspaces/{workspace_id}/members/{member_id}": Cell(
        only={"author": 200}, why="everybody may leave"
    ),
    "POST /svc/user/api/workspaces/join-requests": Cell(
        ok=201, body=lambda scene, place: {"workspaceId": place.workspace_id}
    ),
    "GET /svc/user/api/workspaces/{workspace_id}/joinRequests": Cell(),
    "GET /svc/user/api/workspaces/{workspace_id}/pendingMembers": Cell(),
    "PUT /svc/user/api/workspaces/{workspace_id}/joinRequests/{request_id}": Cell(
        body=_const({"status": "APPROVED"})
    ),
    "POST /svc/user/api/workspaces/{workspace_id}/members/{user_id}/approve": Cell(body=EMPTY),
    "POST /svc/user/api/workspaces/{workspace_id}/members/{user_id}/reject": Cell(body=EMPTY),
    # --- user: profiles
    "POST /svc/user/api/profiles": Cell(
        ok=409,
        body=lambda scene, place: {
            "workspaceId": place.workspace_id,
            "nickName": "New",
            "email": "new@example.com",
        },
        why="every member has a profile already",
    ),
    "GET /svc/user/api/profiles/me": Cell(header=True),
    "GET /svc/user/api/profiles/all/me": Cell(),
    "PUT /svc/user/api/profiles/me": Cell(header=True, body=_const({"nickName": "New"})),
    "GET /svc/user/api/profiles/workspace/{workspace_id}/user/{user_id}": Cell(),
    "DELETE /svc/user/api/profiles/workspace/{workspace_id}": Cell(),
    "POST /svc/user/api/profiles/me/image/presigned-url": Cell(
        body=_const({"fileName": "a.png", "fileSize": 5, "contentType": "image/png"})
    ),
    "POST /svc/user/api/profiles/me/image/attachment": Cell(
        ok=400,
        body=_const(
            {"fileKey": "x", "fileName": "a.png", "fileSize": 5, "contentType": "image/png"}
        ),
        why="nothing was uploaded",
    ),
    "PUT /svc/user/api/profiles/me/image": Cell(
        ok=404,
        header=True,
        body=_const({"attachmentId": NIL}),
        only=dict.fromkeys(("outsider", "member", "admin", "owner", "author"), 404),
        why="the attachment is looked for first and there is none",
    ),
}
"""Method and path template → cell."""
