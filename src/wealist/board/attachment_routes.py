"""Files over HTTP (contract: board.md §6.7)."""

from typing import Any

from litestar import delete, get, post
from litestar.params import FromPath, JSONBody
from litestar.response import Stream
from litestar.types import ASGIApp

from wealist.board import attachments, files, uploads
from wealist.board.wire import AttachmentFull, NewAttachment, Upload, UploadRequest
from wealist.core import objects, objects_http
from wealist.core.openapi import shows
from wealist.core.params import Me, uuid
from wealist.core.wire import Data, Done, answer

ID = "/api/attachments/{attachment_id:str}"


@post(
    "/api/attachments/presigned-url",
    status_code=200,
    opt={"access": "attachment.upload"},
    summary="A link for an upload",
)
async def sign_upload(caller: Me, data: JSONBody[UploadRequest]) -> Data[Upload]:
    return answer(await uploads.sign_upload(caller, data))


@post("/api/attachments", opt={"access": "caller"}, summary="What was uploaded under a key")
async def known_upload(caller: Me, data: JSONBody[NewAttachment]) -> Data[AttachmentFull]:
    return answer(await uploads.known_upload(caller, data))


@delete(ID, status_code=200, opt={"access": "attachment.delete"}, summary="Delete a file")
async def delete_attachment(caller: Me, attachment_id: FromPath[str]) -> Data[Done]:
    await attachments.delete_attachment(caller, uuid(attachment_id, "attachmentId"))
    return answer(Done("Attachment deleted successfully"))


@get(
    f"{ID}/download",
    opt={"access": "board.read"},
    responses={200: shows(bytes, "The file, as the type that it was uploaded as", "*/*")},
    summary="Download a file",
)
async def download(caller: Me, attachment_id: FromPath[str]) -> Stream:
    found = await uploads.download(caller, uuid(attachment_id, "attachmentId"))
    return Stream(objects.store().stream(found.key), headers=found.headers)


@get(
    "/api/projects/{project_id:str}/attachments",
    opt={"access": "project.read"},
    summary="A project's files",
)
async def of_project(caller: Me, project_id: FromPath[str]) -> Data[list[AttachmentFull]]:
    return answer(await attachments.of_project(caller, uuid(project_id, "projectId")))


@get(
    "/api/boards/{board_id:str}/attachments",
    opt={"access": "board.read"},
    summary="A board's files",
)
async def of_board(caller: Me, board_id: FromPath[str]) -> Data[list[AttachmentFull]]:
    return answer(await attachments.of_board(caller, uuid(board_id, "boardId")))


@get(
    "/api/comments/{comment_id:str}/attachments",
    opt={"access": "board.read"},
    summary="A comment's files",
)
async def of_comment(caller: Me, comment_id: FromPath[str]) -> Data[list[AttachmentFull]]:
    return answer(await attachments.of_comment(caller, uuid(comment_id, "commentId")))


@get(
    "/files/{capability:str}",
    opt={"access": "signed"},
    include_in_schema=False,
    summary="A file of a project, board or comment",
)
async def file(capability: FromPath[str]) -> ASGIApp | Any:
    return await objects_http.redirect(capability, files.shown)


handlers = [
    sign_upload,
    known_upload,
    delete_attachment,
    download,
    of_project,
    of_board,
    of_comment,
    file,
]
