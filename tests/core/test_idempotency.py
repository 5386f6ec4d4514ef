"""`Idempotency-Key`: a repeated POST is carried out once and answered twice."""

import asyncio

import pytest

from tests.people import Person, Server
from wealist.core import db, idempotency

CREATE = "/svc/user/api/workspaces/create"
ALL = "/svc/user/api/workspaces/all"


def key(text: str = "k1") -> dict[str, str]:
    return {"Idempotency-Key": text}


async def count(person: Person) -> int:
    return len((await person.get(ALL)).json())


async def test_a_repeated_post_gets_the_first_answer(server: Server) -> None:
    ann = await server.person("Ann")
    body = {"workspaceName": "One"}
    first = await ann.post(CREATE, json=body, headers=key())
    again = await ann.post(CREATE, json=body, headers=key())
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert first.headers["etag"] == again.headers["etag"]
    assert again.headers["idempotent-replay"] == "true"
    assert "idempotent-replay" not in first.headers
    assert await count(ann) == 1


async def test_the_key_of_another_request_is_refused(server: Server) -> None:
    ann = await server.person("Ann")
    await ann.post(CREATE, json={"workspaceName": "One"}, headers=key())
    other = await ann.post(CREATE, json={"workspaceName": "Two"}, headers=key())
    assert other.status_code == 422
    assert other.json()["error"]["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert await count(ann) == 1


async def test_keys_belong_to_their_callers(server: Server) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    for person in (ann, ben):
        answer = await person.post(CREATE, json={"workspaceName": "One"}, headers=key())
        assert answer.json()["ownerId"] == person.id


async def test_twenty_repeats_at_once_are_carried_out_once(server: Server) -> None:
    ann = await server.person("Ann")
    answers = await asyncio.gather(
        *(ann.post(CREATE, json={"workspaceName": "One"}, headers=key()) for _ in range(20))
    )
    statuses = {answer.status_code for answer in answers}
    assert statuses <= {201, 409}
    assert 201 in statuses
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 409)
    assert await count(ann) == 1


async def test_a_refusal_is_repeated_too(server: Server) -> None:
    ann = await server.person("Ann")
    for _ in range(2):
        answer = await ann.post(CREATE, json={"workspaceName": ""}, headers=key())
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "VALIDATION_ERROR"


async def test_after_a_crash_before_the_commit_a_repeat_is_carried_out(server: Server) -> None:
    ann = await server.person("Ann")
    body = {"workspaceName": "One"}
    await ann.post(CREATE, json=body, headers=key())
    await db.execute('DELETE FROM "user".members')
    await db.execute(
        "UPDATE core.idempotency SET status = NULL, committed = false,"
        " locked_until = now() - interval '1 second'"
    )
    assert (await ann.post(CREATE, json=body, headers=key())).status_code == 201
    assert await count(ann) == 1


async def test_after_a_crash_between_commit_and_answer_nothing_is_done_twice(
    server: Server,
) -> None:
    ann = await server.person("Ann")
    body = {"workspaceName": "One"}
    await ann.post(CREATE, json=body, headers=key())
    assert await db.fetch_value("SELECT committed FROM core.idempotency")
    await db.execute(
        "UPDATE core.idempotency SET status = NULL, locked_until = now() - interval '1 second'"
    )
    answer = await ann.post(CREATE, json=body, headers=key())
    assert (answer.status_code, answer.json()["error"]["code"]) == (
        409,
        "IDEMPOTENCY_ANSWER_LOST",
    )
    assert await count(ann) == 1


@pytest.mark.parametrize("text", ["", "x" * 256, "tab\there"])
async def test_a_key_has_a_form(server: Server, text: str) -> None:
    ann = await server.person("Ann")
    answer = await ann.post(CREATE, json={"workspaceName": "One"}, headers=key(text))
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["error"]["message"]


async def test_answers_are_kept_for_a_day(server: Server) -> None:
    ann = await server.person("Ann")
    await ann.post(CREATE, json={"workspaceName": "One"}, headers=key())
    assert await idempotency.purge() == "0 kept answers forgotten"
    await db.execute("UPDATE core.idempotency SET created_at = now() - interval '25 hours'")
    assert await idempotency.purge() == "1 kept answers forgotten"


async def test_events_name_the_request_that_made_them(server: Server) -> None:
    ann = await server.person("Ann")
    await ann.post(CREATE, json={"workspaceName": "One"}, headers=key("my-change"))
    names = await db.fetch_value("SELECT array_agg(DISTINCT mutation_id) FROM core.event")
    assert "my-change" in names


async def test_answers_with_tokens_are_never_kept(server: Server) -> None:
    ann = await server.person("Ann")
    answer = await ann.post("/svc/auth/api/test/token", json={"email": ann.email}, headers=key())
    assert answer.status_code == 200
    assert await db.fetch_value("SELECT count(*) FROM core.idempotency") == 0
