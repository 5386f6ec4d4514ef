"""Where tokens may be sent, and all the addresses that only look like it."""

from urllib.parse import urlsplit

import httpx
import pytest

from tests.auth.browsing import START, begun, signed_in
from tests.auth.peers import Provider, relative


@pytest.mark.parametrize(
    "target",
    [
        "https://wealist.co.kr/oauth/callback",
        "https://wealist.co.kr:443/x?keep=1&this=%2F#/route",
        "https://ops.wealist.co.kr/api/ops-portal/login",
        "HTTPS://OPS.wealist.co.kr",
        "http://localhost:3000/elsewhere",
        "http://test/oauth/callback",
        "https://wealist.co.kr/" + "x" * 470,
    ],
)
async def test_tokens_go_to_an_allowed_address_and_its_query_is_kept(
    target: str, visitor: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    back = await provider.sign_in(await begun(visitor, redirect_uri=target), kim)
    answer = await visitor.get(relative(back))
    wanted, found = urlsplit(target), urlsplit(answer.headers["location"])
    assert found[:3] == wanted[:3]
    assert found.fragment == wanted.fragment
    assert found.query.startswith(
        f"{wanted.query}&accessToken=" if wanted.query else "accessToken="
    )


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.com/",
        "https://wealist.co.kr.evil.com/",
        "https://evil.com/https://wealist.co.kr/",
        "https://wealist.co.kr@evil.com/",
        "https://wealist.co.kr:443@evil.com/",
        "https://user:password@wealist.co.kr/",
        "https://evil.com\\@wealist.co.kr/",
        "https://wealist.co.kr\\.evil.com/",
        "https:\\\\wealist.co.kr/",
        "https://wealist.co.kr\t.evil.com/",
        "https://wealist.co.kr\n.evil.com/",
        " https://wealist.co.kr/",
        "https://wealist.co.kr /",
        "https://wealist.co.kr。evil.com/",
        "https://wealist.co.kr./",
        "https://wealist.co.kr%2eevil.com/",
        "https://wealist.co.kr:8443/",
        "https://wealist.co.kr:0/",
        "https://wealist.co.kr:99999/",
        "https://wealist.co.kr:x/",
        "http://wealist.co.kr/",
        "https://sub.wealist.co.kr/",
        "https://WEALIST.co.kr.evil.com",
        "http://localhost:3002/",
        "http://127.0.0.1:3000/",
        "//wealist.co.kr/",
        "/oauth/callback",
        "oauth/callback",
        "https:wealist.co.kr/",
        "https:///wealist.co.kr/",
        "https://",
        "http://[::1",
        "javascript:alert(1)//https://wealist.co.kr/",
        "data:text/html,x",
        "https://wealist.co.kr/\u202e",
        "https://wealist.co.kr/" + "x" * 500,
    ],
)
async def test_a_foreign_address_never_gets_tokens(target: str, visitor: httpx.AsyncClient) -> None:
    answer = await visitor.get(START, params={"redirect_uri": target})
    assert (answer.status_code, answer.json()["code"]) == (400, "AUTH400")
    assert "set-cookie" not in answer.headers


async def test_an_abandoned_sign_in_does_not_lead_the_next_one_to_its_target(
    visitor: httpx.AsyncClient, provider: Provider, kim: str
) -> None:
    await begun(visitor, redirect_uri="https://ops.wealist.co.kr/login")
    assert "accessToken" in await signed_in(visitor, provider, kim)
