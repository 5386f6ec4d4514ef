"""Who of one's colleagues is there, over HTTP (contract: chat.md §4.3)."""

from litestar import get
from litestar.params import FromPath

from wealist.chat import presence
from wealist.chat.presence import Presence
from wealist.chat.wire import Said, said
from wealist.core.params import Me, Text, uuid


@get(
    "/api/chats/presence/online",
    opt={"access": "caller"},
    summary="Which of one's colleagues are there",
)
async def online_colleagues(
    caller: Me,
    workspaceId: Text = None,  # noqa: N803
) -> Said[list[Presence]]:
    scope = uuid(workspaceId, "workspaceId") if workspaceId else None
    return said(await presence.online_colleagues(caller, scope))


@get(
    "/api/chats/presence/status/{user_id:str}",
    opt={"access": "caller"},
    summary="Whether a colleague is there",
)
async def status(caller: Me, user_id: FromPath[str]) -> Said[Presence]:
    return said(await presence.status_of(caller, uuid(user_id, "userId")))


handlers = [online_colleagues, status]
