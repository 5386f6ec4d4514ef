"""Fields and options over HTTP (contract: board.md §6.6)."""

from litestar import Response, delete, get, patch, post
from litestar.params import FromPath, JSONBody
from msgspec import structs

from wealist.board import fields, option_deletion, options
from wealist.board.project_wire import (
    Field,
    FieldChange,
    FieldOption,
    NewField,
    NewOption,
    OptionChange,
)
from wealist.core.openapi import shows
from wealist.core.params import IfMatch, Me, Text, uuid
from wealist.core.wire import Data, Done, answer

OPTION = "/api/field-options/{option_id:str}"
FIELDS = "/api/projects/{project_id:str}/fields"


@get("/api/field-options", opt={"access": "project.read"}, summary="The options of a field")
async def list_options(
    caller: Me,
    fieldType: Text = None,  # noqa: N803
    projectId: Text = None,  # noqa: N803
) -> Data[list[FieldOption]]:
    project = uuid(projectId, "projectId") if projectId else None
    return answer(await options.list_options(caller, fieldType, project))


@post(
    "/api/field-options",
    opt={"access": "field.change"},
    responses={200: shows(Data[FieldOption], "An option that was there has been changed")},
    summary="Add an option, or change the one with this value or label",
)
async def put_option(
    caller: Me,
    data: JSONBody[NewOption],
    projectId: Text = None,  # noqa: N803
) -> Response[Data[FieldOption]]:
    if data.project_id is None and projectId:
        data = structs.replace(data, project_id=uuid(projectId, "projectId"))
    option, is_new = await options.put_option(caller, data)
    return Response(answer(option), status_code=201 if is_new else 200)


@patch(OPTION, opt={"access": "field.change"}, summary="Change an option")
async def change_option(
    caller: Me, option_id: FromPath[str], data: JSONBody[OptionChange], if_match: IfMatch
) -> Data[FieldOption]:
    target = uuid(option_id, "optionId")
    return answer(await options.change_option(caller, target, data, if_match))


@delete(OPTION, status_code=200, opt={"access": "field.change"}, summary="Delete an option")
async def delete_option(
    caller: Me, option_id: FromPath[str], replacement: Text = None
) -> Data[Done]:
    await option_deletion.delete_option(caller, uuid(option_id, "optionId"), replacement)
    return answer(Done("Field option deleted successfully"))


@post(FIELDS, opt={"access": "field.change"}, summary="Add a field")
async def create_field(
    caller: Me, project_id: FromPath[str], data: JSONBody[NewField]
) -> Data[Field]:
    return answer(await fields.create_field(caller, uuid(project_id, "projectId"), data))


@patch(f"{FIELDS}/{{field_key:str}}", opt={"access": "field.change"}, summary="Change a field")
async def change_field(
    caller: Me,
    project_id: FromPath[str],
    field_key: FromPath[str],
    data: JSONBody[FieldChange],
    if_match: IfMatch,
) -> Data[Field]:
    target = uuid(project_id, "projectId")
    return answer(await fields.change_field(caller, target, field_key, data, if_match))


@delete(
    f"{FIELDS}/{{field_key:str}}",
    status_code=200,
    opt={"access": "field.change"},
    summary="Delete a field",
)
async def delete_field(
    caller: Me, project_id: FromPath[str], field_key: FromPath[str]
) -> Data[Done]:
    await fields.delete_field(caller, uuid(project_id, "projectId"), field_key)
    return answer(Done("Field deleted successfully"))


handlers = [
    list_options,
    put_option,
    change_option,
    delete_option,
    create_field,
    change_field,
    delete_field,
]
