"""The auth service over HTTP. The edge sends its aliases (`/api/oauth2/…`) here."""

from typing import Any

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
from wealist.core import health, identity, keys, site
from wealist.core.errors import Unauthorized
from wealist.core.params import Me as MyCaller
