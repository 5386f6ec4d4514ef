"""Options and fields: columns, labels and whatever a project's people add (board.md §6.6)."""

import asyncio
from typing import Any

import pytest

from tests.board.making import Team, ask, call, refused
from tests.people import Server


def new(team: Team, **members: Any) -> dict[str, Any]:
    option = {"projectId": team.project_id, "fieldType": "stage", "value": "blocked"}
    return option | {"label": "막힘", "color": "#112233"} | members


async def test_a_new_option_appears_in_the_settings_of_its_project_only(team: Team) -> None:
    other = await team.project(name="Other")
    made = await call(team.owner, "POST", "/field-options", new(team), ok=201)
    assert made["isSystemDefault"] is False
    for project, there in ((team.project_id, True), (other["projectId"], False)):
        settings = await call(team.ann, "GET", f"/projects/{project}/init-settings")
        ids = [one["optionId"] for one in settings["fields"][0]["options"]]
        assert (made["optionId"] in ids) is there


async def test_sending_all_options_again_changes_them_in_place(team: Team) -> None:
    """As the option manager does (frontend need 16): no project, its order from 0."""
    settings = await call(team.owner, "GET", f"/projects/{team.project_id}/init-settings")
    shown = settings["fields"][0]["options"]
    for order, option in enumerate([*shown, {"optionLabel": "New one"}]):
        body = {
            "fieldType": "stage",
            "value": option["optionLabel"].lower().replace(" ", "_"),
            "label": option["optionLabel"],
            "color": "#abcdef",
            "displayOrder": order,
        }
        made = await call(team.owner, "POST", "/field-options", body)
        if "optionId" in option:
            assert made["optionId"] == option["optionId"]
            assert made["value"] == option["optionValue"]
    after = await call(team.owner, "GET", f"/projects/{team.project_id}/init-settings")
    options = after["fields"][0]["options"]
    assert len(options) == len(shown) + 1
    assert {one["color"] for one in options} == {"#abcdef"}
    assert [one["displayOrder"] for one in options] == list(range(len(options)))


async def test_without_a_project_and_without_a_visit_it_is_asked_for(team: Team) -> None:
    body = new(team)
    del body["projectId"]
    await refused(team.owner, "POST", "/field-options", body, 400, says="projectId")


async def test_thirty_identical_options_at_once_are_one(team: Team) -> None:
    answers = await asyncio.gather(
        *(ask(team.owner, "POST", "/field-options", new(team)) for _ in range(30))
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 29 + [201]
    assert len({answer.json()["data"]["optionId"] for answer in answers}) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"fieldType": "size"}, "fieldType"),
        ({"value": ""}, "value"),
        ({"value": "x" * 101}, "value"),
        ({"label": "x" * 201}, "label"),
        ({"color": "red"}, "color"),
        ({"color": "#12345"}, "color"),
        ({"displayOrder": 2**31}, "displayOrder"),
        ({"wipLimit": 0}, "wipLimit"),
    ],
)
async def test_bad_options_are_refused_and_named(
    team: Team, body: dict[str, Any], field: str
) -> None:
    await refused(team.owner, "POST", "/field-options", new(team, **body), 400, says=field)


async def test_a_colleague_outside_of_the_project_reads_but_changes_nothing(team: Team) -> None:
    await refused(team.ann, "POST", "/field-options", new(team), 403)
    found = await call(
        team.ann, "GET", f"/field-options?fieldType=stage&projectId={team.project_id}"
    )
    assert len(found) == 5


async def test_options_of_all_projects_are_those_one_can_see(team: Team, server: Server) -> None:
    stranger = await server.person("Stranger")
    place = (await stranger.workspace())["workspaceId"]
    await call(stranger, "POST", "/projects", {"workspaceId": place, "name": "Far"})
    found = await call(team.owner, "GET", "/field-options?fieldType=role")
    assert {one["projectId"] for one in found} == {team.project_id}
    assert await call(team.bob, "GET", "/field-options?fieldType=role") == found
    await refused(team.owner, "GET", "/field-options?fieldType=size", None, 400, says="fieldType")
    await refused(team.owner, "GET", "/field-options", None, 400, says="fieldType")


async def test_a_deleted_option_is_replaced_on_all_cards(team: Team) -> None:
    cards = [await team.card(title=f"{n}") for n in range(5)]
    option = await team.option("stage", "pending")
    path = f"/field-options/{option['optionId']}"
    await refused(team.owner, "DELETE", f"{path}?replacement=nowhere", None, 400, says="replace")
    await call(team.owner, "DELETE", f"{path}?replacement=approved")
    found = await team.cards()
    assert {card["customFields"]["stage"] for card in found} == {"approved"}
    assert [card["version"] for card in found] == [2] * 5
    assert [card["boardId"] for card in found] == [card["boardId"] for card in cards]
    first = await team.option("importance", "urgent")
    await call(team.owner, "DELETE", f"/field-options/{first['optionId']}")
    assert {card["customFields"]["importance"] for card in await team.cards()} == {"high"}
    await refused(team.owner, "DELETE", path, None, 404)


async def test_a_replacement_takes_no_more_cards_than_it_may_hold(team: Team) -> None:
    for _ in range(2):
        card = await team.card()
    await call(team.ann, "PUT", f"/boards/{card['boardId']}/move", team.moving("review"))
    await team.limit("review", 1)
    option = await team.option("stage", "pending")
    path = f"/field-options/{option['optionId']}"
    query = "?replacement=review"
    await refused(team.owner, "DELETE", f"{path}{query}", None, 409, "WIP_LIMIT_REACHED")
    await team.limit("review", 2)
    await call(team.owner, "DELETE", f"{path}{query}")
    assert [card["status"] for card in await team.cards()] == ["REVIEW"] * 2


async def test_two_options_of_a_field_are_never_called_the_same(team: Team) -> None:
    option = await team.option("stage", "pending")
    path = f"/field-options/{option['optionId']}"
    await refused(team.owner, "PATCH", path, {"label": "완료"}, 409, says="label")
    body = new(team, value="pending", label="완료")
    await refused(team.owner, "POST", "/field-options", body, 409, says="label")
    await call(team.owner, "PATCH", path, {"label": "대기"})


async def test_sending_an_option_again_keeps_its_limit_unless_another_is_sent(team: Team) -> None:
    await call(team.owner, "POST", "/field-options", new(team, wipLimit=3))
    for sent, kept in (({}, 3), ({"wipLimit": 5}, 5), ({"wipLimit": None}, None)):
        again = await call(team.owner, "POST", "/field-options", new(team, **sent))
        assert again["wipLimit"] == kept
    await refused(
        team.owner, "POST", "/field-options", new(team, wipLimit=2**31), 400, says="wipLimit"
    )


async def test_the_last_option_of_a_column_in_use_stays(team: Team) -> None:
    await team.card()
    settings = await call(team.owner, "GET", f"/projects/{team.project_id}/init-settings")
    *others, last = settings["fields"][1]["options"]
    for option in others:
        await call(team.owner, "DELETE", f"/field-options/{option['optionId']}")
    await refused(team.owner, "DELETE", f"/field-options/{last['optionId']}", None, 400)
    assert {card["customFields"]["importance"] for card in await team.cards()} == {"low"}


async def test_a_card_in_the_trash_keeps_a_value_for_each_built_in_field(team: Team) -> None:
    card = await team.card()
    await call(team.owner, "DELETE", f"/boards/{card['boardId']}")
    path = f"/field-options?fieldType=role&projectId={team.project_id}"
    *others, last = await call(team.owner, "GET", path)
    for option in others:
        await call(team.owner, "DELETE", f"/field-options/{option['optionId']}")
    await refused(team.owner, "DELETE", f"/field-options/{last['optionId']}", None, 400)
    back = await call(team.owner, "POST", f"/boards/{card['boardId']}/restore")
    assert back["customFields"]["role"] == "qa"


async def test_labels_are_a_field_of_several_values(team: Team) -> None:
    here = f"/projects/{team.project_id}/fields"
    field = await call(
        team.owner, "POST", here, {"fieldName": "Labels", "fieldType": "multi_select"}
    )
    assert field["key"] == field["fieldId"] == "labels"
    ids = {}
    for value in ("red", "blue", "green"):
        option = new(team, fieldType="labels", value=value, label=value.title())
        ids[value] = (await call(team.owner, "POST", "/field-options", option))["optionId"]
    card = await team.card(customFields={"labels": ["red", ids["blue"], "red"]})
    assert card["customFields"]["labels"] == ["red", "blue"]
    path = f"/boards/{card['boardId']}"
    await call(team.owner, "DELETE", f"/field-options/{ids['red']}?replacement=blue")
    found = await call(team.ann, "GET", path)
    assert found["customFields"]["labels"] == ["blue"]
    await call(team.owner, "DELETE", f"/field-options/{ids['blue']}")
    found = await call(team.ann, "GET", path)
    assert found["customFields"]["labels"] == []
    await call(team.owner, "DELETE", f"{here}/labels")
    found = await call(team.ann, "GET", path)
    assert "labels" not in found["customFields"]
    await refused(team.owner, "PUT", path, {"customFields": {"labels": ["green"]}}, 400)


@pytest.mark.parametrize(
    ("kind", "good", "shown", "bad"),
    [
        ("text", "any text", "any text", 5),
        ("number", 2.5, 2.5, "2"),
        ("date", "2031-01-02T23:00:00Z", "2031-01-02", "soon"),
        ("single_user", None, None, "somebody"),
        ("multi_user", None, None, "one"),
    ],
)
async def test_a_field_holds_what_its_type_allows(
    team: Team, kind: str, good: Any, shown: Any, bad: Any
) -> None:
    if kind.endswith("user"):
        good = shown = [team.ann.id] if kind == "multi_user" else team.ann.id
    here = f"/projects/{team.project_id}/fields"
    field = await call(team.owner, "POST", here, {"fieldName": "상태", "fieldType": kind})
    key = field["key"]
    assert key.startswith("f_")
    card = await team.card(customFields={key: good})
    assert card["customFields"][key] == shown
    body = {"customFields": {key: bad}}
    await refused(team.ann, "PUT", f"/boards/{card['boardId']}", body, 400, says=key)
    cleared = await call(
        team.ann, "PUT", f"/boards/{card['boardId']}", {"customFields": {key: None}}
    )
    assert key not in cleared["customFields"]
    assert cleared["customFields"]["stage"] == "pending"


async def test_the_built_in_fields_stay(team: Team) -> None:
    here = f"/projects/{team.project_id}/fields"
    await refused(team.owner, "DELETE", f"{here}/stage", None, 400)
    await refused(team.owner, "PATCH", f"{here}/stage", {"fieldName": "Phase"}, 400)
    await refused(team.owner, "POST", here, {"fieldName": "x", "fieldType": "magic"}, 400)
    await refused(team.owner, "DELETE", f"{here}/unknown", None, 404)
