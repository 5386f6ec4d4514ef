"""Our tokens as bytes: minted from a `Pair`, and read back with every check that needs no store."""

import base64
from typing import Any, Literal, NamedTuple
from uuid import UUID

import jwt
import msgspec
from msgspec import Struct

from wealist.core.errors import Unauthorized
from wealist.core.keys import KeySet
from wealist.core.settings import Settings
from wealist.core.token_pairs import Pair

ALGORITHM = "RS256"
LEEWAY_SECONDS = 1
"""How far the clocks of two replicas may differ when a token expires."""
LONGEST = 8192

Kind = Literal["access", "refresh"]


class TokenError(Unauthorized):
    """A token that doesn't count. `code` is auth.md's `AUTH00x`, `reason` says what is wrong.

    The message is the one that resource services give, whatever the reason is.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__("Invalid or expired token", code=code)
        self.reason = reason


class Claims(Struct, frozen=True):
    """What one of our tokens says. Times are unix seconds."""

    sub: UUID
    iat: int
    exp: int
    type: Kind
    jti: str
    fid: str
    email: str | None = None
    name: str | None = None


class Minted(NamedTuple):
    """A pair of tokens, as clients get them."""

    access: str
    refresh: str


class Mint:
    """Signs with the active key and accepts what any key of the set has signed for this issuer."""

    def __init__(self, keys: KeySet, settings: Settings) -> None:
        self._keys = keys
        self._issuer = settings.jwt_issuer
        self._access_seconds = settings.access_ms // 1000
        self._refresh_seconds = settings.refresh_ms // 1000

    def mint(self, pair: Pair) -> Minted:
        """Both tokens; the same bytes each time for the same pair, key and settings."""
        return Minted(
            self._sign(pair, "access", pair.access_id, self._access_seconds),
            self._sign(pair, "refresh", pair.refresh_id, self._refresh_seconds),
        )

    def _sign(self, pair: Pair, kind: Kind, token_id: str, seconds: int) -> str:
        claims: dict[str, Any] = {
            "sub": str(pair.user_id),
            "iss": self._issuer,
            "iat": pair.issued_at,
            "exp": pair.issued_at + seconds,
            "type": kind,
            "jti": token_id,
            "fid": pair.family,
        }
        if pair.email:
            claims["email"] = pair.email
        if pair.name and kind == "access":
            claims["name"] = pair.name
        return jwt.encode(
            claims, self._keys.private, algorithm=ALGORITHM, headers={"kid": self._keys.kid}
        )

    def read(self, token: str, kind: Kind) -> Claims:
        """Check form, algorithm, signature, expiry, issuer and type, in this order.

        Raises `TokenError`. Whether the token has been revoked is the store's to say.
        """
        if not token:
            raise TokenError("AUTH001", "there is no token")
        header = _parse(token)
        if header.get("alg") != ALGORITHM:
            raise TokenError("AUTH005", "the token is unsigned, or signed in a way we don't use")
        kid = header.get("kid")
        key = self._keys.public.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise TokenError("AUTH003", "the token is signed by a key we don't know")
        try:
            payload = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                # A token of a replica whose clock is ahead is none the worse for it.
                options={"require": ["exp", "iat", "iss", "sub"], "verify_iat": False},
            )
            claims = msgspec.convert(payload, Claims, strict=False)
        except jwt.InvalidSignatureError:
            raise TokenError("AUTH003", "the token's signature is wrong") from None
        except jwt.ExpiredSignatureError:
            raise TokenError("AUTH002", "the token has expired") from None
        except jwt.DecodeError:
            raise TokenError("AUTH004", "this is not a token") from None
        except jwt.InvalidIssuerError:
            raise TokenError("AUTH001", "the token is from another issuer") from None
        except (jwt.PyJWTError, msgspec.ValidationError):
            raise TokenError("AUTH001", "the token does not say what ours say") from None
        if claims.type != kind:
            raise TokenError("AUTH001", f"this is no {kind} token")
        return claims


def _parse(token: str) -> dict[str, Any]:
    """The header of a token whose three parts have the right form. Raises `TokenError`."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > LONGEST:
        raise TokenError("AUTH004", "this is not a token")
    header = _object(parts[0])
    _object(parts[1])
    return header


def _object(part: str) -> dict[str, Any]:
    try:
        data = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(data, type=dict[str, Any])
    except (ValueError, msgspec.MsgspecError, RecursionError):
        raise TokenError("AUTH004", "this is not a token") from None
