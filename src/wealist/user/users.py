"""The verbs on accounts: signing in makes one, its owner may delete and restore it."""

from uuid import UUID

from wealist.core import db, events, identity, metrics
from wealist.core.errors import AlreadyExists, Conflict, Forbidden, NotFound, Unavailable
from wealist.core.identity import Caller
from wealist.core.ids import NIL, uuid7
from wealist.core.text import optional
from wealist.core.versions import expect
from wealist.core.wire import now
from wealist.user import hooks, join_requests, queries, seating, workspaces
from wealist.user.tables import Changes, ProfileRow, UserRow
from wealist.user.wire import NewUser, User, UserChange, user_channel

SYSTEM_ID = UUID(int=1)
NAME = 200
ATTEMPTS = 3
RESTORE_DAYS = 30
"""How long a deleted account can come back; then a job forgets who it was."""


async def find_or_create(
    *,
    email: str,
    name: str,
    provider: str,
    subject: str | None = None,
    user_id: UUID | None = None,
) -> User:
    """The account of a person whose address a provider has verified; made at first sight.

    Found by (provider, subject), else by `user_id`, else by e-mail regardless of case; the
    subject is remembered then. A deleted account comes back. Raises `Forbidden` for the system
    user, and `Conflict` when the address belongs to somebody else at the same provider.
    """
    async with db.transaction():
        # One at a time for an address, so that two first sign-ins make one account.
        await db.execute("SELECT pg_advisory_xact_lock(hashtextextended(lower($1), 1))", email)
        user = await _known(email=email, provider=provider, subject=subject, user_id=user_id)
        if user is None:
            user = await _create(email, name, provider, user_id or uuid7())
        if user.user_id == SYSTEM_ID:
            raise Forbidden("nobody can sign in as the system")
        if subject is not None:
            await _remember(user.user_id, provider, subject)
        if not user.is_active:
            user = await _revive(user)
        if not user.name and name:
            user = await _update(user, {UserRow.name: name[:NAME]})
        return user


async def _known(
    *, email: str, provider: str, subject: str | None, user_id: UUID | None
) -> User | None:
    if subject is not None:
        known = await db.fetch_value(
            'SELECT user_id FROM "user".identities WHERE provider = $1 AND subject = $2',
            provider,
            subject,
        )
        if known is not None:
            return await queries.user(known, lock=True)
    if user_id is not None:
        found = await queries.user(user_id, lock=True)
        if found is not None:
            return found
    found = await queries.user_by_email(email)
    return await queries.user(found.user_id, lock=True) if found is not None else None


async def _remember(user_id: UUID, provider: str, subject: str) -> None:
    """Link a provider's subject to the account. Raises `Conflict` if it has another one there."""
    linked = await db.fetch_value(
        """
        INSERT INTO "user".identities (provider, subject, user_id, created_at)
        VALUES ($1, $2, $3, now())
        ON CONFLICT DO NOTHING RETURNING subject
        """,
        provider,
        subject,
        user_id,
    )
    if linked is None:
        owner = await db.fetch_value(
            'SELECT user_id FROM "user".identities WHERE provider = $1 AND subject = $2',
            provider,
            subject,
        )
        if owner != user_id:
            raise Conflict("this e-mail address belongs to another account")


async def _create(email: str, name: str, provider: str, user_id: UUID) -> User:
    moment = now()
    await UserRow.insert(
        UserRow(
            id=user_id,
            email=email,
            name=name.strip()[:NAME],
            provider=provider,
            is_active=True,
            created_at=moment,
            updated_at=moment,
            version=1,
        )
    )
    user = await queries.user(user_id)
    assert user is not None
    events.append(user_channel(user_id), "user.updated", user, actor=user_id)
    await seating.ensure_profile(user, NIL)
    db.after_commit(metrics.count, "user_service_user_created_total")
    return user


async def _update(user: User, values: Changes, kind: str = "user.updated") -> User:
    stamps: Changes = {UserRow.updated_at: now(), UserRow.version: user.version + 1}
    await UserRow.update({**values, **stamps}).where(UserRow.id == user.user_id)
    changed = await queries.user(user.user_id)
    assert changed is not None
    events.append(user_channel(user.user_id), kind, changed, actor=user.user_id)
    return changed


async def _revive(user: User) -> User:
    revived = await _update(
        user, {UserRow.is_active: True, UserRow.deleted_at: None}, "user.restored"
    )
    await seating.ensure_profile(revived, NIL)
    return revived


async def create_user(new: NewUser) -> User:
    """Register an account for another service. Raises `AlreadyExists` for a known address."""
    async with db.transaction():
        await db.execute("SELECT pg_advisory_xact_lock(hashtextextended(lower($1), 1))", new.email)
        if await queries.user_by_email(new.email) is not None:
            raise AlreadyExists("there is a user with this e-mail address")
        user = await _create(new.email, "", new.provider, uuid7())
        if new.google_id:
            try:
                await _remember(user.user_id, "google", new.google_id)
            except Conflict:
                raise AlreadyExists("googleId: belongs to another user") from None
        created = await queries.user(user.user_id)
    assert created is not None
    return created


async def view_user(caller: Caller, user_id: UUID) -> User:
    """The caller's own account, or that of somebody he shares a workspace with.

    Others are hidden (404). What a provider calls a colleague stays private.
    """
    found = await queries.user(user_id)
    if found is None or (user_id != caller.user_id and not found.is_active):
        raise NotFound("there is no such user")
    if user_id != caller.user_id:
        if not await queries.share_a_workspace(caller.user_id, user_id):
            raise NotFound("there is no such user")
        found.google_id = None
    return found


async def change_user(
    caller: Caller, user_id: UUID, change: UserChange, expected: int | None
) -> User:
    """Change the caller's own account. Its address is its provider's and never changes here;
    `isActive` is ignored, since deleting has a request of its own."""
    if user_id != caller.user_id:
        raise Forbidden("you can change your own account only")
    async with db.transaction():
        user = await queries.user(user_id, lock=True)
        if user is None or not user.is_active:
            raise NotFound("there is no such user")
        expect(expected, user.version, user)
        email = change.email
        if isinstance(email, str) and email.lower() != user.email.lower():
            raise Conflict("the e-mail address is the one you sign in with and can't be changed")
        if not isinstance(change.name, str):
            return user
        name = optional(change.name, field="name", limit=NAME)
        return await _update(user, {UserRow.name: name})


async def delete_user(caller: Caller) -> None:
    """Delete the caller's account; harmless when it is gone already.

    Workspaces that he has to himself go with it. Raises `Conflict` while he owns one that has
    other members, `Unavailable` when he keeps joining others. All his tokens stop working.
    """
    for _ in range(ATTEMPTS):
        if await _delete_unless_joining(caller):
            return
    raise Unavailable("your workspaces are changing at this moment; try again", retry_after=1)


async def _delete_unless_joining(caller: Caller) -> bool:
    """False when a workspace was joined before the locks were held."""
    async with db.transaction():
        # Workspaces before the user: the order in which every verb locks.
        locked = [place.workspace_id for place in await queries.memberships(caller.user_id)]
        await db.execute(
            'SELECT FROM "user".workspaces WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE',
            locked,
        )
        user = await queries.user(caller.user_id, lock=True)
        if user is None or not user.is_active:
            return True
        places = await queries.memberships(caller.user_id)
        if not {place.workspace_id for place in places} <= set(locked):
            return False
        for place in places:
            if place.role_name != "OWNER":
                await seating.leave_the_seat(
                    caller.user_id, place.workspace_id, actor=caller.user_id
                )
            elif await queries.member_count(place.workspace_id) > 1:
                raise Conflict("you own a workspace that has other members; delete it first")
            else:
                await workspaces.dissolve(place.workspace_id, actor=caller.user_id)
        await _withdraw_requests(caller)
        await _update(user, {UserRow.is_active: False, UserRow.deleted_at: now()}, "user.deleted")
        # Before the commit: when revoking fails nothing is deleted, never the other way round.
        # And after it, for a session that began in between.
        await identity.revoke_user(caller.user_id)
        db.after_commit(identity.revoke_user, caller.user_id)
    return True


async def _withdraw_requests(caller: Caller) -> None:
    for request in await queries.pending_requests_of(caller.user_id):
        await join_requests.settle(
            request.workspace_id, caller.user_id, "REJECTED", actor=caller.user_id
        )


async def restore_user(caller: Caller, user_id: UUID) -> User:
    """Bring the caller's own deleted account back. Raises `Forbidden` for anybody else's."""
    if user_id != caller.user_id:
        raise Forbidden("you can restore your own account only")
    async with db.transaction():
        user = await queries.user(user_id, lock=True)
        if user is None:
            raise NotFound("there is no such user")
        return user if user.is_active else await _revive(user)


async def forget_deleted() -> str:
    """Forget who was behind accounts deleted 30 days ago; the job's sentence."""
    ids = await db.fetch_value(
        """
        SELECT array_agg(u.id) FROM "user".users u
        WHERE u.deleted_at < now() - make_interval(days => $1)
          AND (u.email <> 'deleted-' || u.id || '@invalid'
               OR EXISTS (SELECT FROM "user".profiles p WHERE p.user_id = u.id))
        """,
        RESTORE_DAYS,
    )
    for user_id in ids or ():
        await _forget(user_id)
    return f"{len(ids or ())} deleted accounts forgotten"


async def _forget(user_id: UUID) -> None:
    async with db.transaction():
        user = await queries.user(user_id, lock=True)
        if user is None or user.is_active:
            return
        await _update(user, {UserRow.email: f"deleted-{user_id}@invalid", UserRow.name: ""})
        await db.execute('DELETE FROM "user".identities WHERE user_id = $1', user_id)
        for profile in await ProfileRow.select().where(ProfileRow.user_id == user_id):
            await seating.drop_profile(user_id, profile["workspace_id"], actor=SYSTEM_ID)
        await hooks.account_forgotten(user_id)


async def find_person(user_id: UUID) -> User | None:
    """The account behind an id if it is active, for whoever issues tokens."""
    user = await queries.user(user_id)
    return user if user is not None and user.is_active else None
