"""The verbs on profiles: how a person appears in one workspace, or by default."""

from uuid import UUID

from piccolo.columns.combination import And

from wealist.core import db, metrics
from wealist.core.errors import AlreadyExists, BadRequest, Invalid, NotFound
from wealist.core.identity import Caller
from wealist.core.ids import NIL, uuid7
from wealist.core.text import required, web_address
from wealist.core.versions import expect
from wealist.core.wire import now
from wealist.user import avatars, queries, seating
from wealist.user.access import seat
from wealist.user.tables import Changes, ProfileRow
from wealist.user.wire import NewProfile, Profile, ProfileChange, User

MISSING = "there is no such profile"


async def create_profile(caller: Caller, new: NewProfile) -> Profile:
    """Make the caller's profile in a workspace of his. Raises `AlreadyExists` if he has one."""
    if new.workspace_id == NIL:
        raise Invalid("must be the id of a workspace", field="workspaceId")
    nick_name = required(new.nick_name, field="nickName", limit=seating.NICK_NAME)
    image = _image(new.profile_image_url, None)
    async with db.transaction():
        await seat(caller, new.workspace_id, "profile.write", lock=True)
        made = await _insert(caller.user_id, new.workspace_id, nick_name, new.email, image)
        if not made:
            raise AlreadyExists("you already have a profile in this workspace")
        return await _announced(caller, new.workspace_id)


async def _insert(
    user_id: UUID, workspace_id: UUID, nick_name: str, email: str, image: str | None
) -> bool:
    """Insert a profile unless there is one; the unique key decides between concurrent calls."""
    made = await db.execute(
        """
        INSERT INTO "user".profiles
            (id, user_id, workspace_id, nick_name, email, image, created_at, updated_at, version)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $7, 1)
        ON CONFLICT (user_id, workspace_id) DO NOTHING
        """,
        uuid7(),
        user_id,
        workspace_id,
        nick_name,
        email,
        image,
        now(),
    )
    if made:
        db.after_commit(metrics.count, "user_service_profile_created_total")
    return bool(made)


def _image(text: str | None, current: str | None) -> str | None:
    """The picture's address to store; an empty text takes it away. The address under which we
    show a stored picture may come back from a client that saves the whole profile: leave it."""
    if text is None or text == avatars.address(current):
        return current
    if not text.strip():
        return None
    return web_address(text, field="profileImageUrl")


async def _announced(caller: Caller, workspace_id: UUID) -> Profile:
    profile = await queries.profile(caller.user_id, workspace_id)
    assert profile is not None
    await seating.announce_profile(profile, actor=caller.user_id)
    return profile


async def my_profile(caller: Caller, workspace_id: UUID) -> Profile:
    """The caller's profile of a workspace, else his default one. Raises `NotFound`."""
    found = await queries.profile_or_default(caller.user_id, workspace_id)
    if found is None:
        raise NotFound(MISSING)
    return found


async def view_profile(caller: Caller, workspace_id: UUID, user_id: UUID) -> Profile:
    """Somebody's profile in a workspace that the caller belongs to."""
    await seat(caller, workspace_id, "profile.read")
    found = await queries.profile(user_id, workspace_id)
    if found is None:
        raise NotFound(MISSING)
    return found


async def active_user(caller: Caller) -> User:
    """The caller's own account. Raises `NotFound` when it is gone."""
    user = await queries.user(caller.user_id, lock=True)
    if user is None or not user.is_active:
        raise NotFound("there is no such user")
    return user


async def open_profile(caller: Caller, workspace_id: UUID, nick_name: str | None = None) -> None:
    """Make sure that the caller has a profile there (nil: the default one) and hold its row.

    Raises `NotFound` or `Forbidden` unless he is a member of the workspace.
    """
    if workspace_id != NIL:
        await seat(caller, workspace_id, "profile.write", lock=True)
    user = await active_user(caller)
    name = nick_name or seating.nick_name(user)
    await _insert(caller.user_id, workspace_id, name, user.email, None)


async def change_profile(
    caller: Caller, workspace_id: UUID, change: ProfileChange, expected: int | None
) -> Profile:
    """Change the caller's profile of a workspace or, for the nil id, his default one.

    A missing profile is made. Members of `change` that are None stay as they are.
    """
    nick_name = None
    if change.nick_name is not None:
        nick_name = required(change.nick_name, field="nickName", limit=seating.NICK_NAME)
    async with db.transaction():
        await open_profile(caller, workspace_id, nick_name)
        before = await queries.profile(caller.user_id, workspace_id)
        assert before is not None
        expect(expected, before.version, before)
        values: Changes = {}
        if nick_name is not None:
            values[ProfileRow.nick_name] = nick_name
        if change.profile_image_url is not None:
            stored = await _stored_image(caller.user_id, workspace_id)
            values[ProfileRow.image] = _image(change.profile_image_url, stored)
            if values[ProfileRow.image] != stored:
                await seating.doom_picture(stored)
        await _update(caller.user_id, workspace_id, values)
        return await _announced(caller, workspace_id)


async def _stored_image(user_id: UUID, workspace_id: UUID) -> str | None:
    row = await ProfileRow.select(ProfileRow.image).where(_is(user_id, workspace_id)).first()
    return row["image"] if row else None


def _is(user_id: UUID, workspace_id: UUID) -> And:
    return (ProfileRow.user_id == user_id) & (ProfileRow.workspace_id == workspace_id)


async def _update(user_id: UUID, workspace_id: UUID, values: Changes) -> None:
    stamps: Changes = {ProfileRow.updated_at: now(), ProfileRow.version: ProfileRow.version + 1}
    await ProfileRow.update({**values, **stamps}).where(_is(user_id, workspace_id))


async def show_picture(caller: Caller, workspace_id: UUID, key: str) -> Profile:
    """Put a stored picture on a profile that `open_profile` holds; the old one is deleted."""
    await seating.doom_picture(await _stored_image(caller.user_id, workspace_id))
    await _update(caller.user_id, workspace_id, {ProfileRow.image: key})
    return await _announced(caller, workspace_id)


async def delete_profile(caller: Caller, workspace_id: UUID) -> None:
    """Go back to the default profile in a workspace; fine when there is nothing to delete."""
    if workspace_id == NIL:
        raise BadRequest("the default profile can't be deleted")
    async with db.transaction():
        # As in `open_profile`: nobody finds a profile there that is about to go.
        await queries.user(caller.user_id, lock=True)
        if await seating.drop_profile(caller.user_id, workspace_id, actor=caller.user_id):
            await seating.announce_looks(caller.user_id, workspace_id, actor=caller.user_id)
