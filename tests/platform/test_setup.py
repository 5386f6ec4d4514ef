"""Set-up: what the lock files promise, and how the commands find Python."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("bootstrap.txt", "runtime.lock", "dev.lock")
PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9.-]*)(\[[a-z,]+\])?==(?P<version>\S+)(?P<rest>.*)$")


def entries(lock: str) -> list[tuple[str, str, str]]:
    """Name, version and what follows, one for each pinned package."""
    text = (ROOT / "requirements" / lock).read_text()
    blocks = re.split(r"\n(?=\S)", re.sub(r"(?m)^\s*#.*\n?", "", text))
    found = []
    for block in filter(None, map(str.strip, blocks)):
        pin = PIN.match(block.replace("\\\n", " ").replace("\n", " "))
        assert pin, block
        found.append((pin["name"], pin["version"], pin["rest"]))
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_an_exact_version_and_hashes(lock: str) -> None:
    for name, _, rest in entries(lock):
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", rest), name


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_index_and_no_address(lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text()
    for word in ("://", "--index", "-i ", "--find-links", "--extra-index", "@ "):
        assert word not in text, word


def test_what_the_project_declares_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    runtime = {name for name, _, _ in entries("runtime.lock")}
    everything = {name for name, _, _ in entries("dev.lock")}

    def names(requirements: list[str]) -> set[str]:
        found = (re.match(r"[A-Za-z0-9._-]+", one) for one in requirements)
        return {match[0].lower().replace("_", "-") for match in found if match}

    assert names(project["dependencies"] + optional["embedded"]) <= runtime
    assert names(optional["dev"]) <= everything
    assert {"hatchling", "editables"} <= runtime, "what builds the project is locked too"


def test_both_locks_agree_about_every_version() -> None:
    runtime = {(name, version) for name, version, _ in entries("runtime.lock")}
    assert runtime <= {(name, version) for name, version, _ in entries("dev.lock")}


def run(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_make_alone_lists_what_there_is() -> None:
    found = run("make")
    assert found.returncode == 0
    for target in ("serve", "test", "setup", "check", "bench", "lock"):
        assert f"make {target} " in found.stdout


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A checkout that was never set up, in a path with a space."""
    folder = tmp_path / "a clone"
    (folder / "requirements").mkdir(parents=True)
    script = folder / "requirements" / "setup.sh"
    script.write_bytes((ROOT / "requirements" / "setup.sh").read_bytes())
    script.chmod(0o755)
    return folder


def programs(folder: Path, *names: str) -> Path:
    """A directory with links to some programs and nothing else."""
    folder.mkdir()
    for name in names:
        for place in ("/usr/bin", "/bin"):
            if (Path(place) / name).exists():
                (folder / name).symlink_to(Path(place) / name)
                break
    return folder


def test_without_a_python_of_the_right_version_it_says_which_are_right(
    elsewhere: Path, tmp_path: Path
) -> None:
    path = programs(tmp_path / "bin", "sh", "dirname", "rm")
    old = path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    found = run(str(elsewhere / "requirements" / "setup.sh"), "runtime", PATH=str(path))
    assert found.returncode == 1
    assert "3.11, 3.12 or 3.13" in found.stderr
    assert "PYTHON=" in found.stderr


def test_a_python_without_venv_names_the_package_to_install(
    elsewhere: Path, tmp_path: Path
) -> None:
    path = programs(tmp_path / "bin", "sh", "dirname", "rm")
    bare = path / "python3"
    bare.write_text(
        f'#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\nexec "{sys.executable}" "$@"\n'
    )
    bare.chmod(0o755)
    found = run(str(elsewhere / "requirements" / "setup.sh"), "runtime", PATH=str(path))
    version = "{}.{}".format(*sys.version_info)
    assert found.returncode == 1
    assert f"apt install python{version}-venv" in found.stderr
    assert not (elsewhere / ".venv").exists()
