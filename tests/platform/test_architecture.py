"""Who may import whom (docs/architecture.md), read off the syntax tree."""

import ast
from collections.abc import Iterator
from pathlib import Path

import wealist

ROOT = Path(wealist.__file__).parent

BELOW = {
    "core": set(),
    "embedded": set(),
    "pages": {"core"},
    "auth": {"core"},
    "user": {"core", "auth"},
    "noti": {"core", "auth", "user"},
    "storage": {"core", "auth", "user"},
    "board": {"core", "auth", "user", "noti", "storage"},
    "chat": {"core", "auth", "user", "noti", "storage"},
    "ops": {"core", "auth", "user", "noti", "storage", "board", "chat"},
}
"""What each package may use. Of another service only its `api`; `core` is open to all."""

LARGEST = 300
"""Lines of a file: beyond that it holds two nouns."""


def modules() -> Iterator[tuple[Path, str]]:
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).parts
        yield path, parts[0] if len(parts) > 1 else ""


def imported(path: Path) -> Iterator[str]:
    """Absolute names of what a file imports of ours, `from x import y` as `x.y`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_packages_import_downward_and_only_through_api() -> None:
    wrong = []
    for path, package in modules():
        if package not in BELOW:
            continue
        for name in imported(path):
            parts = name.split(".")
            if parts[0] != "wealist" or len(parts) < 2 or parts[1] == package:
                continue
            other = parts[1]
            allowed = other in BELOW[package] and (other == "core" or parts[2:3] == ["api"])
            if not (allowed or other == "__version__"):
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_every_package_is_known_to_the_table() -> None:
    assert {package for _, package in modules() if package} - BELOW.keys() <= {"doctor"}


def test_nobody_imports_the_composition_root_but_the_commands() -> None:
    users = {
        str(path.relative_to(ROOT))
        for path, _ in modules()
        if any(name.startswith("wealist.app") for name in imported(path))
    }
    assert {user.split("/")[0] for user in users} <= {"server.py", "commands.py", "doctor"}


def test_routes_hold_no_sql() -> None:
    for path, _ in modules():
        if path.name.endswith("routes.py"):
            assert not any(name.startswith("wealist.core.db") for name in imported(path)), path


def test_files_stay_small() -> None:
    large = {
        str(path.relative_to(ROOT)): lines
        for path, _ in modules()
        if (lines := len(path.read_text().splitlines())) > LARGEST
    }
    # A list of settings reads best in one place.
    large.pop("core/settings.py", None)
    assert not large


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path, _ in modules()
        if not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert not silent
