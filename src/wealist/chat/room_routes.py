"""Rooms, their people, and one's own view of them over HTTP (contract: chat.md §4.1)."""

from litestar import Response, delete, get, patch, post, put
from litestar.params import FromPath, JSONBody

from wealist.chat import own_settings, rooms, seats
from wealist.chat.wire import (
    Chat,
    ChatChange,
    Invitees,
    MyChat,
    NewChat,
    Participant,
    RoleChange,
    Said,
    Settings,
    SettingsChange,
    said,
)
from wealist.core.openapi import shows
from wealist.core.params import IfMatch, Known, Me, uuid
from wealist.core.versions import unless_known

CHATS = "/api/chats"
ID = f"{CHATS}/{{chat_id:str}}"


@post(CHATS, opt={"access": "caller"}, summary="Make a chat")
async def create_chat(caller: Me, data: JSONBody[NewChat]) -> Chat:
    return await rooms.create_chat(caller, data)


@get(
    [CHATS, f"{CHATS}/my"],
    opt={"access": "caller"},
    responses={200: shows(Said[list[MyChat]], "One's own chats, last active first")},
    summary="One's own chats, in all workspaces",
)
async def my_chats(caller: Me, known: Known = None) -> Response[bytes]:
    return unless_known(said(await rooms.my_chats(caller)), known)


@get(
    f"{CHATS}/workspace/{{workspace_id:str}}",
    opt={"access": "caller"},
    summary="One's own chats in a workspace",
)
async def chats_of_workspace(caller: Me, workspace_id: FromPath[str]) -> Said[list[MyChat]]:
    return said(await rooms.chats_of_workspace(caller, uuid(workspace_id, "workspaceId")))


@get(ID, opt={"access": "chat.read"}, summary="A chat")
async def read_chat(caller: Me, chat_id: FromPath[str]) -> Said[Chat]:
    return said(await rooms.read_chat(caller, uuid(chat_id, "chatId")))


@put(ID, opt={"access": "chat.update"}, summary="Rename a chat, or change its topic")
async def change_chat(
    caller: Me, chat_id: FromPath[str], data: JSONBody[ChatChange], if_match: IfMatch
) -> Said[Chat]:
    return said(await rooms.change_chat(caller, uuid(chat_id, "chatId"), data, if_match))


@delete(ID, opt={"access": "chat.delete"}, summary="Delete a chat for everybody")
async def delete_chat(caller: Me, chat_id: FromPath[str]) -> None:
    await rooms.delete_chat(caller, uuid(chat_id, "chatId"))


@get(f"{ID}/participants", opt={"access": "chat.read"}, summary="Who takes part in a chat")
async def list_participants(caller: Me, chat_id: FromPath[str]) -> Said[list[Participant]]:
    return said(await seats.list_participants(caller, uuid(chat_id, "chatId")))


@post(
    f"{ID}/participants",
    status_code=200,
    opt={"access": "chat.invite"},
    summary="Let people into a chat",
)
async def add_participants(
    caller: Me, chat_id: FromPath[str], data: JSONBody[Invitees]
) -> Said[Chat]:
    return said(await seats.add_participants(caller, uuid(chat_id, "chatId"), data.user_ids))


@delete(
    f"{ID}/participants/{{user_id:str}}",
    opt={"access": "chat.remove"},
    summary="Leave a chat, or take somebody out of it",
)
async def remove_participant(caller: Me, chat_id: FromPath[str], user_id: FromPath[str]) -> None:
    await seats.remove_participant(caller, uuid(chat_id, "chatId"), uuid(user_id, "userId"))


@put(
    f"{ID}/participants/{{user_id:str}}/role",
    opt={"access": "chat.change_role"},
    summary="Give somebody another role in a chat",
)
async def change_role(
    caller: Me, chat_id: FromPath[str], user_id: FromPath[str], data: JSONBody[RoleChange]
) -> Said[Participant]:
    target, person = uuid(chat_id, "chatId"), uuid(user_id, "userId")
    return said(await seats.change_role(caller, target, person, data.role))


@get(f"{ID}/settings", opt={"access": "chat.read"}, summary="One's own settings of a chat")
async def settings(caller: Me, chat_id: FromPath[str]) -> Said[Settings]:
    return said(await own_settings.settings(caller, uuid(chat_id, "chatId")))


@patch(f"{ID}/settings", opt={"access": "chat.read"}, summary="Mute, pin, archive a chat; draft")
async def change_settings(
    caller: Me, chat_id: FromPath[str], data: JSONBody[SettingsChange]
) -> Said[Settings]:
    return said(await own_settings.change_settings(caller, uuid(chat_id, "chatId"), data))


handlers = [
    create_chat,
    my_chats,
    chats_of_workspace,
    read_chat,
    change_chat,
    delete_chat,
    list_participants,
    add_participants,
    remove_participant,
    change_role,
    settings,
    change_settings,
]
