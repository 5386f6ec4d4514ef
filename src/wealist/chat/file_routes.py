"""Files over HTTP (contract: chat.md §4.3)."""

from typing import Any

from litestar import get, post
from litestar.params import FromPath, JSONBody
from litestar.types import ASGIApp

from wealist.chat import files, uploads
from wealist.chat.message_wire import UploadRequest, UploadTicket
from wealist.chat.wire import Ticket
from wealist.core import objects_http
from wealist.core.params import Me
from wealist.core.wire import answer


@post(
    "/api/chats/files/presigned-url",
    status_code=200,
    opt={"access": "caller"},
    summary="A link for an upload",
)
async def sign_upload(caller: Me, data: JSONBody[UploadRequest]) -> Ticket[UploadTicket]:
    ticket = await uploads.sign_upload(caller, data)
    return Ticket(True, ticket, ticket, answer(None).request_id)


@get(
    "/files/{capability:str}",
    opt={"access": "signed"},
    include_in_schema=False,
    summary="A file of a message",
)
async def file(capability: FromPath[str]) -> ASGIApp | Any:
    return await objects_http.redirect(capability, files.shown)


handlers = [sign_upload, file]
