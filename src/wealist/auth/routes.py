"""The auth service over HTTP. The edge sends its aliases (`/api/oauth2/…`) here."""

from typing import Any
from urllib.parse import parse_qsl

from litestar import Request, Response, Router, get, post
from litestar.datastructures import Cookie
from litestar.params import FromQuery, JSONBody

from wealist.auth import people, sessions, sign_in, states, test_tokens
from wealist.auth.sign_in import Step
from wealist.auth.wire import (
    LoggedOut,
    LogOut,
    Me,
    Refresh,
    SignedIn,
    TestIdentity,
    TestStatus,
    Validate,
    Validation,
)
from wealist.core import health, keys, params, site
from wealist.core.errors import BadRequest, Unauthorized
from wealist.core.openapi import shows

PUBLIC = {"access": "public"}
BY_TOKEN = {"access": "public", "errors": (401,)}
"""The token is what the call is about."""
FOR_TESTS = {"access": "public", "errors": (401, 403, 404, 409)}

_GOES_ON = shows(str, "On to the provider or the target; an empty page", "text/html")
_OWN_PAGE = shows(str, "The page for development sign-in, where no provider is set up", "text/html")
_MOST_FIELDS = 10
_FORGET = ("", 0)

AnyRequest = Request[Any, Any, Any]


@post("/api/auth/refresh", status_code=200, opt=BY_TOKEN, summary="Exchange a refresh token")
async def refresh(data: JSONBody[Refresh]) -> SignedIn:
    return await sessions.refresh((data.refresh_token or "").strip())


@post("/api/auth/logout", status_code=200, opt=BY_TOKEN, summary="End the session")
async def log_out(request: AnyRequest, data: JSONBody[LogOut | None] = None) -> LoggedOut:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("there is no token in the Authorization header", code="AUTH001")
    await sessions.log_out(token.strip(), data.refresh_token if data else None)
    return LoggedOut(True, "signed out")


@post("/api/auth/validate", status_code=200, opt=PUBLIC, summary="Whether an access token counts")
async def validate(data: JSONBody[Validate]) -> Validation:
    return await sessions.validate((data.token or "").strip())


@get("/api/auth/me", opt={"access": "caller"}, summary="Who is signed in")
async def me(caller: params.Me) -> Me:
    person = await people.current().find_person(caller.user_id)
    if person is None:
        raise Unauthorized("this account does not exist any more", code="AUTH001")
    return Me(person.user_id, person.email, person.name)


@get("/.well-known/jwks.json", opt=PUBLIC, summary="The keys that check our tokens")
async def jwks() -> Response[dict[str, Any]]:
    return Response(keys.current().jwks(), headers={"Cache-Control": "public, max-age=300"})


@get("/.well-known/openid-configuration", opt=PUBLIC, summary="Where everything is")
async def openid_configuration() -> Response[dict[str, Any]]:
    return Response(
        {
            "issuer": sessions.issuer(),
            "jwks_uri": site.address("/api/svc/auth/.well-known/jwks.json"),
            "authorization_endpoint": site.address("/api/oauth2/authorization/google"),
            "token_endpoint": site.address("/api/svc/auth/api/auth/refresh"),
            "userinfo_endpoint": site.address("/api/svc/auth/api/auth/me"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "email", "profile"],
        },
        headers={"Cache-Control": "public, max-age=300"},
    )


@get(
    "/oauth2/authorization/google",
    status_code=302,
    opt=PUBLIC,
    responses={200: _OWN_PAGE, 302: _GOES_ON},
    summary="Begin to sign in; redirect_uri is where the tokens go",
)
async def begin(request: AnyRequest, redirect_uri: FromQuery[str | None] = None) -> Response[str]:
    return _answer(request, await sign_in.current().begin(redirect_uri))


@get(
    ["/oauth2/callback/google", "/login/oauth2/code/google"],
    status_code=302,
    opt=PUBLIC,
    responses={302: _GOES_ON},
    summary="Come back from the provider",
)
async def finish(request: AnyRequest) -> Response[str]:
    return _answer(request, await sign_in.current().finish(request.query_params, request.cookies))


@post(
    "/oauth2/dev/sign-in",
    status_code=303,
    opt=PUBLIC,
    include_in_schema=False,
    summary="The form of the development sign-in page",
)
async def fill_in(request: AnyRequest) -> Response[str]:
    page = sign_in.current()
    page.expect_own_page()  # before anything of the body is read
    return _answer(request, page.fill_in(await _form(request), request.cookies))


@post("/api/test/token", status_code=200, opt=FOR_TESTS, summary="A session for a test")
async def issue_test_token(
    request: AnyRequest, data: JSONBody[TestIdentity | None] = None
) -> SignedIn:
    secret = request.headers.get(test_tokens.HEADER, "")
    return await test_tokens.issue(data or TestIdentity(), secret)


@get(
    "/api/test/status",
    opt={"access": "public", "errors": (404,)},
    summary="Whether test tokens are on; 404 when not",
)
async def show_test_status() -> TestStatus:
    return test_tokens.status()


async def _form(request: AnyRequest) -> dict[str, str]:
    """The fields of our own page's form. Raises `BadRequest` for what no browser makes of it."""
    if request.content_type[0] != "application/x-www-form-urlencoded":
        raise BadRequest("the form must be sent as application/x-www-form-urlencoded")
    try:
        text = (await request.body()).decode()
        fields = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise BadRequest("the form can't be read") from None
    return dict(fields)


def _answer(request: AnyRequest, step: Step) -> Response[str]:
    """A step of signing in as a response that leaves no trace of tokens with anybody."""
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    if step.policy:
        headers["Content-Security-Policy"] = step.policy
    if step.location:
        headers["Location"] = step.location
    return Response(
        step.page,
        status_code=step.status,
        media_type="text/html",
        headers=headers,
        cookies=_cookies(request, step),
    )


def _cookies(request: AnyRequest, step: Step) -> list[Cookie]:
    # The scheme is the browser's: the edge has asked the proxies that we trust.
    secure = request.scope["scheme"] == "https" or site.address("").startswith("https:")
    found: dict[str, tuple[str, int]] = {}  # values and seconds by name
    if step.pending is not None:
        found = dict.fromkeys(states.excess(request.cookies), _FORGET)
        found[states.cookie_name(step.pending.state)] = states.seal(step.pending), states.SECONDS
    elif step.done and states.cookie_name(step.done) in request.cookies:
        found[states.cookie_name(step.done)] = _FORGET
    return [
        Cookie(name, value=value, max_age=seconds, httponly=True, secure=secure, samesite="lax")
        for name, (value, seconds) in found.items()
    ]


router = Router(
    "/svc/auth",
    tags=["auth"],
    route_handlers=[
        *health.auth_routes(),
        refresh,
        log_out,
        validate,
        me,
        jwks,
        openid_configuration,
        begin,
        finish,
        fill_in,
        issue_test_token,
        show_test_status,
    ],
)
