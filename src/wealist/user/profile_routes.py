"""Profiles and their pictures over HTTP (contract: user.md §2.6)."""

from litestar import delete, get, post, put
from litestar.params import FromPath, JSONBody

from wealist.core.params import IfMatch, Me, WorkspaceId, uuid, workspace_header
from wealist.core.wire import Done
from wealist.user import images, profiles, queries
from wealist.user.wire import (
    Attachment,
    ImageChoice,
    ImageConfirm,
    ImageRequest,
    ImageUpload,
    NewProfile,
    Profile,
    ProfileChange,
)

MINE = {"access": "caller", "workspace_header": True}
HERE = {"access": "profile.write", "workspace_header": True}


@post("/api/profiles", opt={"access": "profile.write"}, summary="Create my profile")
async def create_profile(caller: Me, data: JSONBody[NewProfile]) -> Profile:
    return await profiles.create_profile(caller, data)


@get("/api/profiles/me", opt=MINE, summary="My profile here, or the default one")
async def my_profile(caller: Me, workspace_id: WorkspaceId = None) -> Profile:
    return await profiles.my_profile(caller, workspace_header(workspace_id))


@get("/api/profiles/all/me", opt={"access": "caller"}, summary="All my profiles")
async def my_profiles(caller: Me) -> list[Profile]:
    return await queries.my_profiles(caller.user_id)


@put("/api/profiles/me", opt=HERE, summary="Change my profile")
async def change_profile(
    caller: Me,
    data: JSONBody[ProfileChange],
    if_match: IfMatch,
    workspace_id: WorkspaceId = None,
) -> Profile:
    return await profiles.change_profile(caller, workspace_header(workspace_id), data, if_match)


@get(
    "/api/profiles/workspace/{workspace_id:str}/user/{user_id:str}",
    opt={"access": "profile.read"},
    summary="A member's profile",
)
async def view_profile(caller: Me, workspace_id: FromPath[str], user_id: FromPath[str]) -> Profile:
    target, person = uuid(workspace_id, "workspaceId"), uuid(user_id, "userId")
    return await profiles.view_profile(caller, target, person)


@delete(
    "/api/profiles/workspace/{workspace_id:str}",
    status_code=200,
    opt={"access": "caller"},
    summary="Go back to my default profile",
)
async def delete_profile(caller: Me, workspace_id: FromPath[str]) -> Done:
    await profiles.delete_profile(caller, uuid(workspace_id, "workspaceId"))
    return Done("Profile deleted successfully")


@post(
    "/api/profiles/me/image/presigned-url",
    status_code=200,
    opt={"access": "caller"},
    summary="Sign a picture's upload",
)
async def sign_upload(caller: Me, data: JSONBody[ImageRequest]) -> ImageUpload:
    return await images.sign_upload(caller, data)


@post("/api/profiles/me/image/attachment", opt={"access": "caller"}, summary="Confirm an upload")
async def confirm_upload(caller: Me, data: JSONBody[ImageConfirm]) -> Attachment:
    return await images.confirm_upload(caller, data)


@put("/api/profiles/me/image", opt=HERE, summary="Use a picture")
async def choose_image(
    caller: Me, data: JSONBody[ImageChoice], workspace_id: WorkspaceId = None
) -> Profile:
    return await images.choose_image(caller, workspace_header(workspace_id), data.attachment_id)


handlers = [
    create_profile,
    my_profile,
    my_profiles,
    change_profile,
    view_profile,
    delete_profile,
    sign_upload,
    confirm_upload,
    choose_image,
]
