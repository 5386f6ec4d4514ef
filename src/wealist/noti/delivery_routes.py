"""How people are told, over HTTP: preferences, times, mutes, push, and the link in each e-mail."""

from typing import Annotated, Any

from litestar import Request, Response, delete, get, patch, post, put
from litestar.params import FromPath, JSONBody, QueryParameter

from wealist.core.errors import NotFound
from wealist.core.openapi import shows
from wealist.core.params import IfMatch, Me, Text, uuid
from wealist.noti import mutes, preferences, schedules, subscriptions, unsubscribe, unsubscribe_page
from wealist.noti.delivery_wire import (
    Entries,
    EntryChange,
    Mutes,
    NewMute,
    NewPush,
    NotificationSettings,
    Preferences,
    PushKey,
    PushSubscription,
    PushSubscriptions,
    SettingsChange,
)
from wealist.noti.preferences import Scope

ROOT = "/api/notifications"
MINE = {"access": "caller"}
LINK = {"access": "signed", "errors": (404,)}
_PAGE = {
    200: shows(str, "A page for people", "text/html"),
    404: shows(str, "A page that says that the link isn't one of ours", "text/html"),
}

Token = Annotated[str | None, QueryParameter(name="token", description="From the e-mail.")]


def _scope(workspace_id: str | None, project_id: str | None) -> Scope:
    return Scope(
        uuid(workspace_id, "workspaceId") if workspace_id else None,
        uuid(project_id, "projectId") if project_id else None,
    )


# --- preferences -----------------------------------------------------------------------------


@get(f"{ROOT}/preferences", opt=MINE, summary="By which channels I am told of what")
async def view_preferences(
    caller: Me,
    workspaceId: Text = None,  # noqa: N803
    projectId: Text = None,  # noqa: N803
) -> Preferences:
    return await preferences.view(caller, _scope(workspaceId, projectId))


@put(f"{ROOT}/preferences", opt=MINE, summary="Replace my preferences of a scope")
async def replace_preferences(
    caller: Me,
    data: JSONBody[Entries],
    workspaceId: Text = None,  # noqa: N803
    projectId: Text = None,  # noqa: N803
) -> Preferences:
    return await preferences.replace(caller, _scope(workspaceId, projectId), data.entries)


@patch(f"{ROOT}/preferences", opt=MINE, summary="Change one of my preferences")
async def change_preference(
    caller: Me,
    data: JSONBody[EntryChange],
    workspaceId: Text = None,  # noqa: N803
    projectId: Text = None,  # noqa: N803
) -> Preferences:
    return await preferences.change(caller, _scope(workspaceId, projectId), data)


@delete(f"{ROOT}/preferences", opt=MINE, summary="Forget my preferences of a scope")
async def reset_preferences(
    caller: Me,
    workspaceId: Text = None,  # noqa: N803
    projectId: Text = None,  # noqa: N803
) -> None:
    await preferences.reset(caller, _scope(workspaceId, projectId))


# --- times -----------------------------------------------------------------------------------


@get(f"{ROOT}/settings", opt=MINE, summary="When and how often I hear from weAlist")
async def view_settings(caller: Me) -> NotificationSettings:
    return await schedules.view(caller)


@put(f"{ROOT}/settings", opt=MINE, summary="Change when and how often")
async def change_settings(
    caller: Me, data: JSONBody[SettingsChange], if_match: IfMatch
) -> NotificationSettings:
    return await schedules.change(caller, data, if_match)


# --- mutes -----------------------------------------------------------------------------------


@get(f"{ROOT}/mutes", opt=MINE, summary="What I have muted")
async def list_mutes(caller: Me) -> Mutes:
    return await mutes.list_mutes(caller)


@put(f"{ROOT}/mutes/{{thing_id:str}}", opt=MINE, summary="Mute a workspace, project or card")
async def mute(caller: Me, thing_id: FromPath[str], data: JSONBody[NewMute]) -> Mutes:
    return await mutes.mute(caller, uuid(thing_id, "thingId"), data)


@delete(f"{ROOT}/mutes/{{thing_id:str}}", opt=MINE, summary="Hear of it again")
async def unmute(caller: Me, thing_id: FromPath[str]) -> None:
    await mutes.unmute(caller, uuid(thing_id, "thingId"))


# --- push ------------------------------------------------------------------------------------


@get(f"{ROOT}/push/key", opt=MINE, summary="The key with which browsers subscribe")
async def push_key(caller: Me) -> PushKey:
    return subscriptions.key()


@get(f"{ROOT}/push/subscriptions", opt=MINE, summary="My browsers that get push messages")
async def list_subscriptions(caller: Me) -> PushSubscriptions:
    return await subscriptions.list_subscriptions(caller)


@post(f"{ROOT}/push/subscriptions", opt=MINE, summary="Send push messages to this browser")
async def subscribe(
    caller: Me, data: JSONBody[NewPush], request: Request[Any, Any, Any]
) -> PushSubscription:
    return await subscriptions.subscribe(caller, data, request.headers.get("user-agent"))


@delete(
    f"{ROOT}/push/subscriptions/{{subscription_id:str}}",
    opt=MINE,
    summary="Send no more to a browser",
)
async def end_subscription(caller: Me, subscription_id: FromPath[str]) -> None:
    await subscriptions.unsubscribe(caller, uuid(subscription_id, "subscriptionId"))


# --- the link in each e-mail -------------------------------------------------------------------


@get(f"{ROOT}/unsubscribe", opt=LINK, responses=_PAGE, summary="Ask whether to stop e-mail")
async def ask(token: Token = None) -> Response[str]:
    try:
        subscription = unsubscribe.read(token or "")
    except NotFound as error:
        return _html(unsubscribe_page.unknown(error.message), 404)
    return _html(unsubscribe_page.question(await unsubscribe.describe(subscription)))


@post(
    f"{ROOT}/unsubscribe",
    status_code=200,
    opt=LINK,
    responses=_PAGE,
    summary="Stop e-mail (RFC 8058)",
)
async def stop(token: Token = None) -> Response[str]:
    try:
        subscription = unsubscribe.read(token or "")
    except NotFound as error:
        return _html(unsubscribe_page.unknown(error.message), 404)
    what = await unsubscribe.describe(subscription)
    await unsubscribe.end(subscription)
    return _html(unsubscribe_page.done(what))


def _html(page: str, status: int = 200) -> Response[str]:
    return Response(
        page, status_code=status, media_type="text/html", headers=unsubscribe_page.HEADERS
    )


handlers = [
    view_preferences,
    replace_preferences,
    change_preference,
    reset_preferences,
    view_settings,
    change_settings,
    list_mutes,
    mute,
    unmute,
    push_key,
    list_subscriptions,
    subscribe,
    end_subscription,
    ask,
    stop,
]
