"""The user service over HTTP: accounts here, workspaces and profiles in the files beside."""

from typing import Any

from litestar import Request, Router, delete, get, post, put
from litestar.params import FromPath, JSONBody
from litestar.types import ASGIApp

from wealist.core import health, objects_http
from wealist.core.internal import internal_key
from wealist.core.params import IfMatch, Me, uuid
from wealist.core.wire import Done
from wealist.user import images, queries, users
from wealist.user.profile_routes import handlers as profile_handlers
from wealist.user.wire import Exists, NewUser, OAuthLogin, User, UserChange, UserRef
from wealist.user.workspace_routes import handlers as workspace_handlers


@post(
    "/api/internal/oauth/login",
    status_code=200,
    guards=[internal_key],
    opt={"access": "internal"},
    summary="Find or create a user by e-mail",
)
async def oauth_login(data: JSONBody[OAuthLogin]) -> UserRef:
    user = await users.find_or_create(email=data.email, name=data.name, provider=data.provider)
    return UserRef(user.user_id)


@get(
    "/api/internal/users/{user_id:str}/exists",
    guards=[internal_key],
    opt={"access": "internal"},
    summary="Whether a user is active",
)
async def user_exists(user_id: FromPath[str]) -> Exists:
    user = await queries.user(uuid(user_id, "userId"))
    return Exists(user is not None and user.is_active)


@post("/api/users", guards=[internal_key], opt={"access": "internal"}, summary="Register a user")
async def create_user(data: JSONBody[NewUser]) -> User:
    return await users.create_user(data)


@get("/api/users/me", opt={"access": "caller"}, summary="My account")
async def my_account(caller: Me) -> User:
    return await users.view_user(caller, caller.user_id)


@delete("/api/users/me", status_code=200, opt={"access": "caller"}, summary="Delete my account")
async def delete_account(caller: Me) -> Done:
    await users.delete_user(caller)
    return Done("User deleted successfully")


@get("/api/users/{user_id:str}", opt={"access": "caller"}, summary="A colleague's account")
async def view_user(caller: Me, user_id: FromPath[str]) -> User:
    return await users.view_user(caller, uuid(user_id, "userId"))


@put("/api/users/{user_id:str}", opt={"access": "caller"}, summary="Change my account")
async def change_user(
    caller: Me,
    user_id: FromPath[str],
    data: JSONBody[UserChange],
    if_match: IfMatch,
) -> User:
    return await users.change_user(caller, uuid(user_id, "userId"), data, if_match)


@put("/api/users/{user_id:str}/restore", opt={"access": "caller"}, summary="Restore my account")
async def restore_user(caller: Me, user_id: FromPath[str]) -> User:
    return await users.restore_user(caller, uuid(user_id, "userId"))


@get(
    "/images/{capability:str}",
    opt={"access": "signed"},
    include_in_schema=False,
    summary="A profile picture",
)
async def picture(capability: FromPath[str], request: Request[Any, Any, Any]) -> ASGIApp | Any:
    return await objects_http.redirect(capability, images.shown)


router = Router(
    "/svc/user",
    tags=["user"],
    route_handlers=[
        *health.go_routes("user", "/api"),
        oauth_login,
        user_exists,
        create_user,
        my_account,
        delete_account,
        view_user,
        change_user,
        restore_user,
        picture,
        *workspace_handlers,
        *profile_handlers,
    ],
)
