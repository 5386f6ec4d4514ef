"""The README is true: its commands run, its map is complete, its worked example works."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.platform.processes import environment, serving
from tests.platform.test_docs import blocks, rows, text, words
from wealist.core.environment import from_env
from wealist.core.settings import Settings, SettingsError

ROOT = Path(__file__).parents[2]
PATCH = "docs/examples/add-a-field.patch"
PATIENCE = 60


def section(title: str) -> str:
    """The README's text below a heading."""
    return text("README.md").partition(f"\n## {title}\n")[2].partition("\n## ")[0]


# --- first steps -----------------------------------------------------------------------------


def test_the_first_steps_begin_where_a_fresh_server_listens() -> None:
    port = Settings().port
    assert f"\nWEALIST=http://localhost:{port}/svc\n" in text("README.md")


async def test_the_first_steps_run_as_they_are_written(tmp_path: Path) -> None:
    marked = re.findall(r"<!-- run -->\n```sh\n(.*?)^```", text("README.md"), re.M | re.S)
    assert len(marked) >= 4
    env = environment(WEALIST_DATA_DIR=tmp_path / "data", ENABLE_TEST_AUTH="true")
    async with serving(env=env) as server:
        script = re.sub(r"^WEALIST=\S+", f"WEALIST={server.url}/svc", "\n".join(marked), flags=re.M)
        # What a person pastes line by line goes on after a failure; here the first one ends it.
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        members, _ = json.JSONDecoder().raw_decode(done.stdout, done.stdout.index("\n[\n") + 1)
        assert [(one["roleName"], one["nickName"]) for one in members] == [
            ("OWNER", "Ada"),
            ("MEMBER", "Grace"),
        ]
        documents = done.stdout.split("\n{\n")[1:]
        moves, chats = (json.JSONDecoder().raw_decode("{" + one)[0] for one in documents[-2:])
        (chat,) = chats["message"]
        assert (chat["unreadCount"], chat["lastMessage"]["userName"]) == (1, "Ada")
        changes = moves["data"]
        (moved,) = changes["events"]
        assert (moved["type"], moved["payload"]["to"]) == ("BOARD_MOVED", "in_progress")
        assert changes["cursor"] == f"{moved['epoch']}:{moved['seq']}"
        async with server.client() as browser:
            picture = await browser.get(members[1]["profileImageUrl"], follow_redirects=True)
        assert picture.content == (tmp_path / "grace.png").read_bytes()
        assert picture.headers["content-type"] == "image/png"


# --- the map ---------------------------------------------------------------------------------


def test_the_map_names_every_package_and_nothing_else() -> None:
    source = ROOT / "src" / "wealist"
    packages = {f"src/wealist/{path.parent.name}/" for path in source.glob("*/__init__.py")}
    named = [words(row[0]).pop() for row in rows(section("Where things are"))]
    assert {name for name in named if re.fullmatch(r"src/wealist/\w+/", name)} == packages


def test_the_map_names_every_folder_that_is_under_version_control() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("this is no git checkout")
    folders = {line.split("/")[0] + "/" for line in listed.stdout.splitlines() if "/" in line}
    named = {words(row[0]).pop() for row in rows(section("Where things are"))}
    visible = {folder for folder in folders if not folder.startswith(".")}
    assert visible - {"src/"} <= named


# --- the worked example ----------------------------------------------------------------------


def test_the_diffs_in_the_readme_are_the_patch() -> None:
    patch = text(PATCH)
    diffs = blocks(section("Add a field to a workspace"), "diff")
    assert diffs
    for diff in diffs:
        assert f"\n{diff}" in patch, diff


@pytest.fixture
def patched(tmp_path: Path) -> Path:
    """A copy of the project to which the example has been applied."""
    copy = tmp_path / "copy"
    for folder in ("src", "migrations", "tests"):
        shutil.copytree(
            ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", ".*")
        )
    shutil.copy(ROOT / "pyproject.toml", copy)
    applied = subprocess.run(
        ["git", "apply", "--whitespace=error", ROOT / PATCH],
        cwd=copy,
        env=environment(GIT_CEILING_DIRECTORIES=tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert applied.returncode == 0, (
        f"{PATCH} doesn't fit the code any more: make the change anew and save `git diff` there\n"
        f"{applied.stderr}"
    )
    return copy


def test_the_worked_example_migrates_and_passes_its_own_tests(patched: Path) -> None:
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    chosen = ["tests/user/test_workspaces.py", "tests/platform/test_schema.py"]
    done = subprocess.run(
        [*run, *chosen, "-k", "homepage or settings or table"],
        cwd=patched,
        env=environment(
            PYTHONPATH=patched / "src",
            PYTHONDONTWRITEBYTECODE="1",
            TEST_PG=os.environ.get("TEST_PG", ""),
        ),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout


# --- production ------------------------------------------------------------------------------


def variables(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines())


def test_the_settings_for_production_are_accepted() -> None:
    least, replicas = (variables(block) for block in blocks(section("Production"), "ini"))
    assert from_env(least).production
    assert from_env({**least, **replicas}).s3_bucket


@pytest.mark.parametrize("name", ["WEALIST_PUBLIC_URL", "DATABASE_URL", "JWT_RSA_PRIVATE_KEY"])
def test_production_does_not_start_with_less(name: str) -> None:
    least, _ = (variables(block) for block in blocks(section("Production"), "ini"))
    del least[name]
    with pytest.raises(SettingsError, match=name):
        from_env(least)
