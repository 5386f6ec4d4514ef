"""Capabilities and the secret behind them."""

import asyncio
import hmac
import stat
import string
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.core.object_peers import own_stores
from wealist.core import capability, errors, server_secret
from wealist.core.settings import Secret, Settings, SettingsError

KEY = "profiles/01234567-89ab-7cde-8f01-23456789abcd/01234567-89ab-7cde-8f01-23456789abcd.webp"


@pytest.fixture(autouse=True)
def secret(tmp_path: Path) -> Iterator[None]:
    with own_stores():
        server_secret.open(Settings(data_dir=tmp_path))
        yield


@pytest.fixture(scope="module")
def pem() -> str:
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def test_a_capability_leads_back_to_its_key_and_stands_in_a_path_as_it_is() -> None:
    for key in (KEY, "a", "a/b", "A-b_c.d/e"):
        signed = capability.sign(key)
        assert capability.key_of(signed) == key
        assert signed == capability.sign(key)
        assert set(signed) <= set(string.ascii_letters + string.digits + "-_.~")


def test_a_forged_capability_is_not_found() -> None:
    signed = capability.sign(KEY)
    proof, rest = signed[:22], signed[22:]
    forged = [
        "",
        proof,
        rest,
        "A" * 22 + rest,
        proof + rest.replace("0", "1"),
        proof + rest.replace("~", "/"),
        proof + "..~..~etc~passwd",
        capability.sign("a")[:22] + rest,
        signed + "x",
        signed + "=",
        " " + signed,
        "가" * 22 + rest,
        "\udc80" + signed[1:],
        signed.swapcase(),
    ]
    for text in forged:
        with pytest.raises(errors.NotFound):
            capability.key_of(text)


def test_every_changed_character_of_the_proof_is_noticed() -> None:
    signed = capability.sign(KEY)
    alphabet = string.ascii_letters + string.digits + "-_"
    for place in range(22):
        for other in alphabet:
            if other == signed[place]:
                continue
            with pytest.raises(errors.NotFound):
                capability.key_of(signed[:place] + other + signed[place + 1 :])


def test_a_capability_costs_hardly_more_than_its_proof() -> None:
    """In processor time, and against the bare HMAC of the same run: machines differ."""

    def cost(work: Callable[[], object]) -> float:
        best = 1.0
        for _ in range(20):
            started = time.thread_time()
            for _ in range(500):
                work()
            best = min(best, time.thread_time() - started)
        return best

    bare = cost(lambda: hmac.digest(b"k" * 32, KEY.encode(), "sha256"))
    signed = cost(lambda: capability.sign(KEY))
    assert signed < 3 * bare


def test_replicas_with_the_same_private_key_agree_however_it_is_passed(
    pem: str, tmp_path: Path
) -> None:
    spellings = [pem, pem.strip(), pem.replace("\n", "\\n"), pem.replace("\n", "\r\n")]
    signed = set()
    for number, spelling in enumerate(spellings):
        data_dir = tmp_path / str(number)
        server_secret.open(Settings(data_dir=data_dir, jwt_rsa_private_key=Secret(spelling)))
        signed.add(capability.sign(KEY))
        assert not data_dir.exists()
    assert len(signed) == 1


def test_another_installation_does_not_accept_our_capabilities(tmp_path: Path) -> None:
    signed = capability.sign(KEY)
    server_secret.open(Settings(data_dir=tmp_path / "other"))
    with pytest.raises(errors.NotFound):
        capability.key_of(signed)


def test_purposes_have_unrelated_keys_and_the_secret_survives_a_restart(tmp_path: Path) -> None:
    one, other = server_secret.derive(b"one"), server_secret.derive(b"other")
    assert len(one) == len(other) == 32
    assert one != other
    server_secret.open(Settings(data_dir=tmp_path))
    assert server_secret.derive(b"one") == one


def test_the_secret_is_for_its_owner_only_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "server-secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in tmp_path.iterdir()] == ["server-secret"]


def test_a_damaged_secret_ends_the_start_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "server-secret").write_bytes(b"short")
    with pytest.raises(SettingsError) as caught:
        server_secret.open(Settings(data_dir=tmp_path))
    assert len(caught.value.problems) == 1
    assert "remove it to get a new one" in caught.value.problems[0]


async def test_processes_that_start_at_once_agree_on_one_secret(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path\n"
        "from wealist.core import server_secret; from wealist.core.settings import Settings\n"
        "sys.stdin.readline()\n"
        "server_secret.open(Settings(data_dir=Path(sys.argv[1])))\n"
        "print(server_secret.derive(b'x').hex())"
    )
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            *("-c", program, str(tmp_path / "new" / "dir")),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(6)
    ]
    outputs = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    assert len({output for output, _ in outputs}) == 1
    assert len(outputs[0][0].strip()) == 64


def test_twenty_threads_get_the_content_of_the_first(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    barrier = Barrier(20)

    def take(number: int) -> bytes:
        barrier.wait()
        return server_secret.kept(tmp_path / "once", lambda: str(number).encode() * 1000)

    with ThreadPoolExecutor(20) as pool:
        found = set(pool.map(take, range(20)))
    assert len(found) == 1
    assert (tmp_path / "once").read_bytes() in found
