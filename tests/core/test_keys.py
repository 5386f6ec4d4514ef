"""The keys that sign tokens: read from the environment however it is spelled, or made and kept."""

import json
import re
import subprocess
import sys
from base64 import urlsafe_b64decode
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from msgspec import structs

from wealist.core import keys
from wealist.core.settings import Secret, Settings, SettingsError


def private_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_pem(key: rsa.RSAPrivateKey) -> str:
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode()


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def other() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def given(**values: object) -> Settings:
    return structs.replace(Settings(), **values)


SPELLINGS = {
    "as it is": lambda pem: pem,
    "escaped line ends": lambda pem: pem.replace("\n", "\\n"),
    "windows line ends": lambda pem: pem.replace("\n", "\r\n"),
    "spaces for line ends": lambda pem: pem.replace("\n", " "),
    "one line": lambda pem: pem.replace("\n", ""),
    "indented": lambda pem: "\n".join(f"    {line}" for line in pem.splitlines()),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_pem_is_read_however_its_line_ends_are_spelled(
    spelling: str, key: rsa.RSAPrivateKey
) -> None:
    spelled = SPELLINGS[spelling]
    loaded = keys.load(
        given(
            jwt_rsa_private_key=Secret(spelled(private_pem(key))),
            jwt_rsa_public_key=spelled(public_pem(key)),
        )
    )
    assert loaded.private.private_numbers() == key.private_numbers()
    assert list(loaded.public) == ["wealist-auth-key-1"]


def test_a_public_key_of_another_pair_ends_the_start(
    key: rsa.RSAPrivateKey, other: rsa.RSAPrivateKey
) -> None:
    with pytest.raises(SettingsError, match="JWT_RSA_PUBLIC_KEY: does not belong"):
        keys.load(
            given(
                jwt_rsa_private_key=Secret(private_pem(key)), jwt_rsa_public_key=public_pem(other)
            )
        )


def test_a_public_key_alone_ends_the_start(key: rsa.RSAPrivateKey) -> None:
    with pytest.raises(SettingsError, match="needs JWT_RSA_PRIVATE_KEY"):
        keys.load(given(jwt_rsa_public_key=public_pem(key)))


@pytest.mark.parametrize(
    "pem",
    [
        "secret",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        private_pem(ec.generate_private_key(ec.SECP256R1())),
        private_pem(rsa.generate_private_key(public_exponent=65537, key_size=1024)),
    ],
    ids=["no pem", "junk", "elliptic", "1024 bits"],
)
def test_a_key_that_cannot_serve_ends_the_start_in_one_line_that_hides_it(pem: str) -> None:
    with pytest.raises(SettingsError) as raised:
        keys.load(given(jwt_rsa_private_key=Secret(pem)))
    (line,) = raised.value.problems
    assert line.startswith("JWT_RSA_PRIVATE_KEY: ")
    assert "\n" not in line
    assert pem[-40:] not in line


def test_a_made_key_is_kept_for_the_next_start_and_readable_by_its_owner_only(
    tmp_path: Path,
) -> None:
    settings = given(data_dir=tmp_path / "new" / "data")
    first, second = keys.load(settings), keys.load(settings)
    assert first.private.private_numbers() == second.private.private_numbers()
    (file,) = settings.data_dir.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o077 == 0


def test_two_processes_that_start_at_once_make_one_key(tmp_path: Path) -> None:
    program = (
        "import sys, json; from pathlib import Path; from msgspec import structs;"
        "from wealist.core import keys; from wealist.core.settings import Settings;"
        "s = structs.replace(Settings(), data_dir=Path(sys.argv[1]));"
        "print(json.dumps(keys.load(s).jwks()))"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "data")],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    published = {process.communicate(timeout=60)[0] for process in started}
    assert len(published) == 1
    assert published.pop()


def test_a_kept_key_that_is_damaged_ends_the_start_and_names_its_file(tmp_path: Path) -> None:
    (tmp_path / keys.FILE).write_bytes(b"\xff\x00 half a key")
    with pytest.raises(SettingsError, match=re.escape(keys.FILE)):
        keys.load(given(data_dir=tmp_path))


def test_the_published_set_holds_the_active_key_first_and_the_retired_ones(
    key: rsa.RSAPrivateKey, other: rsa.RSAPrivateKey
) -> None:
    loaded = keys.load(
        given(
            jwt_rsa_private_key=Secret(private_pem(key)),
            jwt_rsa_key_id="new",
            jwt_previous_public_keys=f"old={public_pem(other)};",
        )
    )
    published = loaded.jwks()["keys"]
    assert [entry["kid"] for entry in published] == ["new", "old"]
    for entry, pair in zip(published, (key, other), strict=True):
        assert entry | {"n": "", "kid": ""} == {
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": "",
            "n": "",
            "e": "AQAB",
        }
        assert "=" not in entry["n"]
        modulus = urlsafe_b64decode(entry["n"] + "==")
        assert modulus[0] != 0
        assert int.from_bytes(modulus) == pair.public_key().public_numbers().n


def test_another_program_can_check_our_signatures_with_the_published_set(
    key: rsa.RSAPrivateKey,
) -> None:
    loaded = keys.load(given(jwt_rsa_private_key=Secret(private_pem(key))))
    token = jwt.encode({"sub": "x"}, loaded.private, "RS256", headers={"kid": loaded.kid})
    published = jwt.PyJWKSet.from_json(json.dumps(loaded.jwks()))
    assert jwt.decode(token, published[loaded.kid], algorithms=["RS256"]) == {"sub": "x"}


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ("-----BEGIN PUBLIC KEY-----", "kid=PEM"),
        ("=abc", "kid=PEM"),
        ("wealist-auth-key-1=abc", "is taken"),
        ("old=abc", "not a readable PEM"),
    ],
)
def test_retired_keys_that_are_spelled_wrongly_end_the_start(
    entries: str, problem: str, key: rsa.RSAPrivateKey
) -> None:
    with pytest.raises(SettingsError, match=problem):
        keys.load(
            given(jwt_rsa_private_key=Secret(private_pem(key)), jwt_previous_public_keys=entries)
        )
