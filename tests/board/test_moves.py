"""Moving cards: to another column, within one, by many people at once."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.board.making import Team, ask, call, refused
from wealist.board import ranks
from wealist.core import db, events

Count = Callable[[Awaitable[object]], Awaitable[int]]


async def order(team: Team) -> list[str]:
    return [card["boardId"] for card in await team.cards()]


async def test_a_move_answers_as_clients_expect_and_says_where_it_lies(team: Team) -> None:
    card = await team.card()
    path = f"/boards/{card['boardId']}/move"
    moved = await call(team.ann, "PUT", path, team.moving("review"))
    assert moved == {
        "boardId": card["boardId"],
        "newFieldValue": "review",
        "rank": card["rank"],
        "version": 2,
        "message": "Board moved successfully",
    }
    [event] = (await events.since(f"board:{team.project_id}", 0))[-1:]
    assert event.type == "BOARD_MOVED"
    payload = json.loads(bytes(event.payload))
    assert (payload["from"], payload["to"], payload["fieldName"]) == ("pending", "review", "stage")


async def test_a_move_costs_six_statements_in_one_transaction(
    team: Team, statements: Count
) -> None:
    cards = [await team.card(participants=[team.bob.id]) for _ in range(3)]
    body = team.moving("review", afterBoardId=cards[2]["boardId"])
    path = f"/boards/{cards[0]['boardId']}/move"
    assert await statements(call(team.ann, "PUT", path, body)) <= 6


async def test_a_card_can_be_put_between_any_two(team: Team) -> None:
    one, two, three, four = [(await team.card())["boardId"] for _ in range(4)]
    await call(team.ann, "PUT", f"/boards/{four}/move", team.moving("pending", afterBoardId=one))
    assert await order(team) == [one, four, two, three]
    await call(team.ann, "PUT", f"/boards/{three}/move", team.moving("review", beforeBoardId=one))
    assert await order(team) == [three, one, four, two]
    await call(team.ann, "PUT", f"/boards/{three}/move", team.moving("review", afterBoardId=two))
    assert await order(team) == [one, four, two, three]
    await call(team.ann, "PUT", f"/boards/{one}/move", team.moving("review"))
    assert await order(team) == [one, four, two, three]


async def test_a_hundred_moves_at_once_leave_one_order_and_every_card(team: Team) -> None:
    cards = [(await team.card(title=f"{n}"))["boardId"] for n in range(20)]
    pick = random.Random(7)
    people = (team.owner, team.ann, team.bob)

    async def move(number: int) -> int:
        card, other = pick.sample(cards, 2)
        side = pick.choice(("beforeBoardId", "afterBoardId"))
        body = team.moving("review", **{side: other})
        answer = await ask(people[number % 3], "PUT", f"/boards/{card}/move", body)
        return answer.status_code

    assert set(await asyncio.gather(*(move(n) for n in range(100)))) == {200}
    found = await team.cards()
    assert sorted(card["boardId"] for card in found) == sorted(cards)
    assert len({card["rank"] for card in found}) == 20
    assert [card["rank"] for card in found] == sorted(card["rank"] for card in found)
    # Whoever only followed the events has come to the same order.
    followed: dict[str, str] = {}
    for event in await events.since(f"board:{team.project_id}", 0):
        payload = json.loads(bytes(event.payload))
        board = payload.get("board", payload)
        followed[board["boardId"]] = board["rank"]
    assert sorted(followed, key=followed.__getitem__) == [card["boardId"] for card in found]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"groupByFieldName": "size"}, "groupByFieldName"),
        ({"newFieldValue": "nowhere"}, "newFieldValue"),
        ({"newFieldValue": None}, "newFieldValue"),
        ({"projectId": "0190a5b0-0000-7000-8000-000000000000"}, "projectId"),
        ({"afterBoardId": "0190a5b0-0000-7000-8000-000000000000"}, "afterBoardId"),
        ({"beforeBoardId": "0190a5b0-0000-7000-8000-000000000000"}, "beforeBoardId"),
    ],
)
async def test_a_move_to_nowhere_is_refused_and_named(
    team: Team, change: dict[str, Any], field: str
) -> None:
    card = await team.card()
    path = f"/boards/{card['boardId']}/move"
    await refused(team.ann, "PUT", path, team.moving("review") | change, 400, says=field)
    assert await team.cards() == [card]


async def test_a_neighbour_of_another_project_counts_for_nothing(team: Team) -> None:
    card = await team.card()
    other = await team.project(name="Other")
    far = await team.card(projectId=other["projectId"])
    body = team.moving("review", afterBoardId=far["boardId"])
    await refused(team.ann, "PUT", f"/boards/{card['boardId']}/move", body, 400)


async def test_a_full_column_takes_no_card_more_however_many_come(team: Team) -> None:
    await team.limit("review", 3)
    cards = [(await team.card(title=f"{n}"))["boardId"] for n in range(20)]
    answers = await asyncio.gather(
        *(ask(team.ann, "PUT", f"/boards/{card}/move", team.moving("review")) for card in cards),
        *(
            ask(team.bob, "PUT", f"/boards/{card}", {"customFields": {"stage": "review"}})
            for card in cards
        ),
        *(
            ask(
                team.owner,
                "POST",
                "/boards",
                {
                    "projectId": team.project_id,
                    "title": f"New {n}",
                    "customFields": {"stage": "review"},
                },
            )
            for n in range(10)
        ),
    )
    assert {answer.status_code for answer in answers} <= {200, 201, 409}
    inside = [one for one in await team.cards() if one["customFields"]["stage"] == "review"]
    assert len(inside) == 3
    full = next(answer for answer in answers if answer.status_code == 409)
    assert full.json()["error"]["code"] == "WIP_LIMIT_REACHED"
    # Inside of it cards can still be changed and put in order.
    one, two = inside[0]["boardId"], inside[1]["boardId"]
    await call(team.ann, "PUT", f"/boards/{one}/move", team.moving("review", afterBoardId=two))
    await call(team.ann, "PUT", f"/boards/{one}", {"title": "Renamed"})
    await team.limit("review", None)
    await call(team.ann, "PUT", f"/boards/{cards[0]}/move", team.moving("review"))


async def test_ranks_that_have_become_long_are_spread_anew(team: Team) -> None:
    cards = [(await team.card(title=f"{n}"))["boardId"] for n in range(4)]
    long = "a0" + "V" * ranks.LONGEST
    await db.execute("UPDATE board.boards SET rank = $2 WHERE id = $1::uuid", cards[0], long)
    body = team.moving("pending", afterBoardId=cards[0])
    before = await order(team)
    await db.execute("UPDATE board.boards SET rank = $2 WHERE id = $1::uuid", cards[1], long + "1")
    await call(team.ann, "PUT", f"/boards/{cards[3]}/move", body)
    assert before[0] == cards[0]
    found = await team.cards()
    assert [card["boardId"] for card in found] == [cards[0], cards[3], cards[1], cards[2]]
    assert max(len(card["rank"]) for card in found) < 10
    kinds = [event.type for event in await events.since(f"board:{team.project_id}", 0)]
    assert kinds[-2:] == ["BOARD_MOVED", "BOARDS_REORDERED"]
