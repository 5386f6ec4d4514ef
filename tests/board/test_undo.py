"""Taking one's own last change of a card back, whatever has happened since."""

from typing import Any

import pytest

from tests.board.making import Team, ask, call, refused
from tests.board.views import ProjectView
from tests.fold import folds
from wealist.board import ranks


async def undone(team: Team, card: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = await call(team.ann, "POST", f"/boards/{card['boardId']}/undo")
    return found


async def test_undoing_a_move_gives_the_old_place_back(team: Team) -> None:
    one, two, three = [await team.card(title=f"{n}") for n in range(3)]
    path = f"/boards/{three['boardId']}"
    body = team.moving("pending", beforeBoardId=one["boardId"])
    await call(team.ann, "PUT", f"{path}/move", body)
    assert [card["title"] for card in await team.cards()] == ["2", "0", "1"]
    [moved] = (await call(team.ann, "GET", f"{path}/activities"))[:1]
    assert [one["field"] for one in moved["changes"]] == ["rank"]
    back = await undone(team, three)
    assert (back["rank"], back["status"]) == (three["rank"], "PENDING")
    assert [card["title"] for card in await team.cards()] == ["0", "1", "2"]
    body = team.moving("review", beforeBoardId=two["boardId"])
    await call(team.ann, "PUT", f"{path}/move", body)
    back = await undone(team, three)
    assert (back["rank"], back["status"]) == (three["rank"], "PENDING")


async def test_an_old_place_that_is_taken_is_left_to_who_has_it(team: Team) -> None:
    one, two, three = [await team.card(title=f"{n}") for n in range(3)]
    between = team.moving("pending", afterBoardId=one["boardId"])
    await call(team.ann, "PUT", f"/boards/{three['boardId']}/move", between)
    last = team.moving("pending", afterBoardId=two["boardId"])
    await call(team.ann, "PUT", f"/boards/{three['boardId']}/move", last)
    four = await team.card(title="3")
    await call(team.bob, "PUT", f"/boards/{four['boardId']}/move", between)
    await undone(team, three)
    found = await team.cards()
    assert [card["title"] for card in found] == ["0", "3", "2", "1"]
    assert len({card["rank"] for card in found}) == 4


async def test_a_card_that_somebody_moved_since_stays_where_he_put_it(team: Team) -> None:
    one, _, three = [await team.card(title=f"{n}") for n in range(3)]
    path = f"/boards/{three['boardId']}"
    await call(
        team.ann, "PUT", f"{path}/move", team.moving("pending", beforeBoardId=one["boardId"])
    )
    await call(team.bob, "PUT", f"{path}/move", team.moving("pending", afterBoardId=one["boardId"]))
    answer = await ask(team.ann, "POST", f"{path}/undo")
    assert answer.status_code == 409
    assert [one["field"] for one in answer.json()["difference"]] == ["rank"]


async def test_what_changes_nothing_is_no_change_to_take_back(team: Team) -> None:
    """Clients repeat requests, and save dialogs in which nothing was changed."""
    card = await team.card(title="One")
    path = f"/boards/{card['boardId']}"
    await call(team.ann, "PUT", path, {"title": "Two"})
    same = await call(team.ann, "PUT", path, {})
    assert same["version"] == 3
    for _ in range(2):
        await call(team.ann, "PUT", f"{path}/move", team.moving("review"))
    assert (await undone(team, card))["status"] == "PENDING"
    assert (await undone(team, card))["title"] == "One"


async def test_people_come_back_in_an_order_that_every_client_can_follow(team: Team) -> None:
    card = await team.card()
    path = f"/boards/{card['boardId']}"
    await call(team.ann, "PUT", path, {"participants": [team.owner.id, team.bob.id]})
    await call(team.ann, "PUT", path, {"participants": [team.bob.id]})
    async with folds(ProjectView(team.owner, team.project_id)):
        await undone(team, card)
    found = await call(team.ann, "GET", path)
    assert found["participantIds"] == [team.bob.id, team.owner.id]
    assert (await undone(team, card))["participantIds"] == []


async def test_dates_that_no_longer_go_together_stay(team: Team) -> None:
    card = await team.card(dueDate="2026-12-10")
    path = f"/boards/{card['boardId']}"
    await call(team.ann, "PUT", path, {"dueDate": "2026-12-20"})
    await call(team.bob, "PUT", path, {"startDate": "2026-12-15"})
    await refused(team.ann, "POST", f"{path}/undo", None, 409, says="startDate")


async def test_a_card_whose_rank_was_only_spread_anew_keeps_its_place(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards = [await team.card(title=f"{n}") for n in range(3)]
    path = f"/boards/{cards[2]['boardId']}"
    monkeypatch.setattr(ranks, "LONGEST", 1)
    body = team.moving("review", afterBoardId=cards[0]["boardId"])
    await call(team.ann, "PUT", f"{path}/move", body)
    back = await undone(team, cards[2])
    assert back["status"] == "PENDING"
    assert [card["title"] for card in await team.cards()] == ["0", "2", "1"]


async def test_people_who_were_added_or_taken_off_can_be_taken_back(team: Team) -> None:
    card = await team.card()
    body = {"boardId": card["boardId"], "userIds": [team.bob.id]}
    await call(team.ann, "POST", "/participants", body)
    await call(team.ann, "DELETE", f"/participants/board/{card['boardId']}/user/{team.bob.id}")
    assert (await undone(team, card))["participantIds"] == [team.bob.id]
    assert (await undone(team, card))["participantIds"] == []


async def test_only_who_deleted_a_card_last_can_undo_that_while_he_may_delete(team: Team) -> None:
    await call(team.owner, "POST", f"/projects/{team.project_id}/members", {"userId": team.ann.id})
    card = await team.card()
    path = f"/boards/{card['boardId']}"
    await call(team.ann, "DELETE", path)
    await call(team.owner, "POST", f"{path}/restore")
    await call(team.ann, "PUT", path, {"title": "Mine"})
    assert (await undone(team, card))["title"] == card["title"]
    await call(team.owner, "DELETE", path)
    await refused(team.ann, "POST", f"{path}/undo", None, 404)
    await call(team.owner, "POST", f"{path}/undo")
    await call(team.ann, "DELETE", path)
    await call(team.owner, "DELETE", f"/projects/{team.project_id}/members/{team.ann.id}")
    await refused(team.ann, "POST", f"{path}/undo", None, 403)


@pytest.mark.parametrize("kind", ["single_user", "multi_user", "number", "date"])
async def test_a_value_that_its_field_takes_no_more_stays_away(team: Team, kind: str) -> None:
    here = f"/projects/{team.project_id}/fields"
    field = {"fieldName": "Note", "fieldType": "text", "key": "note"}
    await call(team.owner, "POST", here, field)
    card = await team.card(customFields={"note": "hello"})
    path = f"/boards/{card['boardId']}"
    await call(team.ann, "PUT", path, {"customFields": {"note": None}})
    await call(team.owner, "DELETE", f"{here}/note")
    await call(team.owner, "POST", here, field | {"fieldType": kind})
    await refused(team.ann, "POST", f"{path}/undo", None, 409, says="note")


async def test_no_field_is_called_like_what_every_card_has(team: Team) -> None:
    here = f"/projects/{team.project_id}/fields"
    new = {"fieldName": "Title", "fieldType": "text"}
    await refused(team.owner, "POST", here, new | {"key": "title"}, 400, says="key")
    field = await call(team.owner, "POST", here, new)
    card = await team.card(title="T", customFields={field["key"]: "hacked"})
    path = f"/boards/{card['boardId']}"
    await call(team.ann, "PUT", path, {"customFields": {field["key"]: "T"}})
    back = await undone(team, card)
    assert (back["title"], back["customFields"][field["key"]]) == ("T", "hacked")
