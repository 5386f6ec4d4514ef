"""The composition root: settings in, ASGI apps out. The only file that knows all services."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from litestar import Litestar
from litestar.di import Provide
from litestar.types import ASGIApp

from wealist.auth import api as auth
from wealist.auth import people
from wealist.auth.routes import router as auth_router
from wealist.board import api as board
from wealist.board.jobs import JOBS as BOARD_JOBS
from wealist.board.routes import router as board_router
from wealist.chat import api as chat
from wealist.chat import places, sending
from wealist.chat.jobs import JOBS as CHAT_JOBS
from wealist.chat.routes import router as chat_router
from wealist.core import (
    bus,
    db,
    edge_socket,
    envelopes,
    events,
    frames,
    health,
    hub,
    idempotency,
    identity,
    internal,
    keys,
    live,
    logs,
    metrics,
    migrate,
    objects,
    objects_http,
    online,
    openapi,
    presence,
    readiness,
    redis,
    replicas,
    server_secret,
    site,
    tokens,
    tracing,
    versions,
    whispers,
)
from wealist.core.body import JsonBody
from wealist.core.doomed import sweep
from wealist.core.edge import Edge
from wealist.core.entrance import Entrance
from wealist.core.jobs import Job, Runner
from wealist.core.settings import Settings
from wealist.noti import api as notifications
from wealist.noti import live as bells
from wealist.noti import mail, preferences, purge, push, waker
from wealist.noti import producers as noti
from wealist.noti.delivery_jobs import DELIVERY_JOBS
from wealist.noti.jobs import JOBS as NOTI_JOBS
from wealist.noti.routes import router as noti_router
from wealist.noti.wire import BELL
from wealist.pages import handlers as page_handlers
from wealist.user import api as user
from wealist.user.jobs import JOBS as USER_JOBS
from wealist.user.routes import router as user_router

frames.shapes["board"] = board.frame
frames.shapes["chat"] = frames.shapes["chats"] = chat.frame
frames.shapes[BELL] = bells.frame
user.on_member_come += [noti.welcome_member, chat.workspace_member_come]
user.on_member_changed.append(noti.note_role)
user.on_join_requested.append(noti.note_request)
user.on_member_gone += [
    board.forget_member,
    chat.workspace_member_gone,
    preferences.forget_member,
    purge.forget_member,
    noti.note_removal,
]
user.on_workspace_gone += [
    board.forget_workspace,
    chat.workspace_gone,
    preferences.forget_workspace,
    purge.forget_workspace,
]
user.on_account_forgotten.append(purge.forget_person)

board.on_member_come.append(chat.project_member_come)
board.on_member_gone.append(chat.project_member_gone)
board.on_project_gone.append(chat.project_gone)
chat.use_projects(board.people_of_project)
notifications.audiences["chat"] = chat.participants_among
online.on_change.append(chat.presence_changed)

ROUTERS = (auth_router, user_router, noti_router, board_router, chat_router)


def jobs() -> list[Job]:
    """All background work of a process."""
    return [
        Job("core.events", 6 * 3600, events.keep_partitions),
        Job("core.idempotency", 3600, idempotency.purge),
        Job("core.objects", 60, sweep),
        *USER_JOBS,
        *NOTI_JOBS,
        *DELIVERY_JOBS,
        *BOARD_JOBS,
        *CHAT_JOBS,
    ]


def create_app(settings: Settings) -> Litestar:
    """The Litestar app of both ports; opens nothing before its lifespan starts."""
    app = Litestar(
        route_handlers=[
            *ROUTERS,
            health.exposition_route("/metrics"),
            *objects_http.handlers,
            *page_handlers,
        ],
        dependencies={
            "caller": Provide(identity.caller, sync_to_thread=False),
            "if_match": Provide(versions.if_match, sync_to_thread=False),
        },
        dto=JsonBody,
        return_dto=None,
        middleware=[Entrance(), idempotency.IdempotencyMiddleware()],
        after_request=versions.add_etag,
        after_exception=[edge_socket.remember],
        exception_handlers={Exception: envelopes.handle},
        lifespan=[lambda _: serving(settings)],
        openapi_config=openapi.config(),
        request_max_body_size=settings.max_body_bytes,
        logging_config=None,
        pdb_on_exception=False,
    )
    openapi.describe(app)
    return app


def build(settings: Settings) -> tuple[ASGIApp, ASGIApp]:
    """The app behind the public port's edge, and behind the internal port's."""
    app = create_app(settings)
    return Edge(app, settings=settings), Edge(app, settings=settings, internal=True)


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[None]:
    """Everything a verb needs, opened in order and closed in reverse; the schema is at head."""
    async with AsyncExitStack() as stack:
        logs.configure(settings)
        site.open(settings)
        internal.open(settings)
        events.open(settings)
        server_secret.open(settings)
        keys.open(settings)
        tracing.open(settings)
        stack.push_async_callback(tracing.close)
        await db.open(settings)
        stack.push_async_callback(db.close)
        if settings.migrates_on_start:
            await migrate.migrate(settings)
        await redis.open(settings)
        stack.push_async_callback(redis.close)
        await bus.open(settings)
        stack.push_async_callback(bus.close)
        whispers.open()
        stack.push_async_callback(whispers.close)
        hub.open()
        stack.push_async_callback(hub.close)
        await tokens.open(settings)
        stack.push_async_callback(tokens.close)
        await identity.open(settings)
        stack.push_async_callback(identity.close)
        live.open(settings)
        stack.push_async_callback(live.close)
        replicas.open()
        stack.push_async_callback(replicas.close)
        presence.open()
        stack.push_async_callback(presence.close)
        online.open()
        stack.push_async_callback(online.close)
        await objects.open(settings)
        stack.push_async_callback(objects.close)
        places.open()
        stack.push_async_callback(places.close)
        sending.open()
        stack.push_async_callback(sending.close)
        auth.open(settings)
        bells.open(settings)
        purge.open(settings)
        mail.open(settings)
        push.open(settings)
        people.use(user)
        yield


@contextlib.asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[None]:
    """`opened`, plus what only a server does: probes, measurements and background work."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(opened(settings))
        metrics.start()
        stack.push_async_callback(metrics.stop)
        waker.open()
        stack.push_async_callback(waker.close)
        await readiness.open(settings)
        stack.push_async_callback(readiness.close)
        runner = Runner(jobs())
        runner.start()
        stack.push_async_callback(runner.stop)
        yield
