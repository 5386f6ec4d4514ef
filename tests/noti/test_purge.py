"""What becomes of notifications when people go, workspaces end, and time passes."""

import asyncio

import pytest

from tests.noti.bells import API, Office, listed, miscounted
from tests.people import Person, Server
from wealist.core import db
from wealist.noti import purge, reader
from wealist.noti.delivery_tables import DELIVERY_TABLES
from wealist.noti.tables import TABLES
from wealist.user import users

WORKSPACES = "/svc/user/api/workspaces"


@pytest.fixture
async def office(server: Server) -> Office:
    return await Office.of(server)


async def test_who_leaves_loses_what_he_was_told_there_and_only_there(office: Office) -> None:
    other = await Office.of(office.boss.server, office.ann)
    await office.happens(3)
    await other.happens(2)
    left = await office.ann.delete(f"{WORKSPACES}/{office.workspace_id}/members/{office.member_id}")
    assert left.status_code == 200
    await reader.catch_up()
    assert await office.list() == []
    assert await office.unread() == 0
    assert await other.unread() == 2
    inbox = (await office.ann.get(f"{API}/inbox")).json()
    assert len(inbox["notifications"]) == 2
    assert await miscounted() == 0


async def test_that_somebody_was_removed_outlives_his_membership(office: Office) -> None:
    for _ in range(2):
        await office.happens(2)
        gone = await office.boss.delete(
            f"{WORKSPACES}/{office.workspace_id}/members/{office.member_id}"
        )
        assert gone.status_code == 200
        await reader.catch_up()
        await office.boss.invites(office.workspace_id, office.ann)
        await reader.catch_up()
    kinds = [one["type"] for one in await office.list()]
    assert kinds == ["WORKSPACE_INVITED", "WORKSPACE_REMOVED", "WORKSPACE_REMOVED"]
    assert await office.unread() == 3
    assert await miscounted() == 0


async def test_a_workspace_that_is_deleted_takes_its_notifications_along(office: Office) -> None:
    other = await Office.of(office.boss.server, office.ann)
    await office.happens(3)
    await other.happens(1)
    await office.asks(2)
    assert (await office.boss.delete(f"{WORKSPACES}/{office.workspace_id}")).status_code == 200
    await reader.catch_up()
    assert await office.list() == []
    assert len(await listed(other.ann, other.workspace_id)) == 1
    assert await db.fetch_value("SELECT count(*) FROM noti.unread") == 1
    assert await miscounted() == 0


async def _age(days: int) -> None:
    await db.execute(
        "UPDATE noti.notifications SET created_at = created_at - make_interval(days => $1)", days
    )


async def test_what_was_read_goes_after_a_month_and_the_rest_after_half_a_year(
    office: Office,
) -> None:
    await office.happens(4)
    read, away, *_ = await office.list()
    await office.ann.http.patch(f"{API}/{read['id']}/read")
    await office.ann.post(f"{API}/{away['id']}/archive")
    await _age(29)
    assert await purge.expire() == "0 old notifications deleted"
    await _age(2)
    assert await purge.expire() == "2 old notifications deleted"
    assert await office.unread() == 2
    await _age(140)
    assert await purge.expire() == "0 old notifications deleted"
    await office.happens()
    await _age(10)
    assert await purge.expire() == "2 old notifications deleted"
    assert await office.unread() == 1
    assert await miscounted() == 0


async def test_more_than_a_batch_goes_in_one_run(office: Office) -> None:
    await db.execute(
        """
        INSERT INTO noti.notifications (id, fact_id, target_id, type, actor_id, workspace_id,
            resource_type, resource_id, shown, created_at)
        SELECT gen_random_uuid(), gen_random_uuid(), $1, 'OLD', $1, $2, 'x', $1, n % 2 = 0,
               now() - interval '181 days'
        FROM generate_series(1, 2500) n
        """,
        office.ann.user_id,
        office.workspace_id,
    )
    await db.execute("UPDATE noti.unread SET count = 1250 WHERE target_id = $1", office.ann.user_id)
    assert await purge.expire() == "2500 old notifications deleted"
    assert await office.unread() == 0


async def test_ageing_while_people_read_keeps_the_counters_exact(office: Office) -> None:
    await office.happens(40)
    await _age(100)
    ids = [one["id"] for one in await office.list()]
    work = [office.ann.http.patch(f"{API}/{one}/read") for one in ids[:30]]
    work += [office.ann.http.patch(f"{API}/{one}/unread") for one in ids[:20]]
    answers = await asyncio.gather(*work, purge.expire(), purge.expire(), purge.expire())
    assert {answer.status_code for answer in answers[: len(work)]} <= {200, 404}
    assert await miscounted() == 0


async def test_of_an_account_that_is_forgotten_nothing_is_left(office: Office) -> None:
    ann, other = office.ann, await Office.of(office.boss.server)
    await other.happens()
    await office.boss.delete(f"{WORKSPACES}/{office.workspace_id}/members/{office.member_id}")
    await reader.catch_up()
    await ann.put(f"{API}/settings", json={"digest": "DAILY"})
    await ann.put(f"{API}/preferences", json={"entries": [{"subject": "*", "email": False}]})
    await ann.delete("/svc/user/api/users/me")
    assert await _rows_of(ann) == {"notifications", "unread", "settings", "preferences"}
    await db.execute(
        "UPDATE \"user\".users SET deleted_at = now() - interval '31 days'"
        " WHERE deleted_at IS NOT NULL"
    )
    assert await users.forget_deleted() == "1 deleted accounts forgotten"
    assert await _rows_of(ann) == set()
    assert await other.unread() == 1


async def _rows_of(person: Person) -> set[str]:
    """The tables that know somebody."""
    found = set()
    for table in (*TABLES, *DELIVERY_TABLES):
        names = {column._meta.db_column_name for column in table._meta.columns}
        for name in names & {"target_id", "user_id"}:
            query = f"SELECT EXISTS (SELECT FROM noti.{table._meta.tablename} WHERE {name} = $1)"
            if await db.fetch_value(query, person.user_id):
                found.add(table._meta.tablename)
    return found
