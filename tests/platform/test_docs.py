"""What the documents say is what the program does."""

import ast
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec import structs
from tools import generate_docs

from tests.people import Server
from tests.platform.test_architecture import BELOW
from wealist import cli
from wealist.core import db, environment, events, keys, metrics, series, settings
from wealist.core.envelopes import SERVICES
from wealist.core.settings import Secret, Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
LONGEST_DECISION = 25

OWNERS_CHOICE = set(
    """
    litestar uvicorn msgspec piccolo asyncpg redis authlib pyjwt aioboto3 structlog
    opentelemetry-sdk pytest
    """.split()  # noqa: SIM905 - reads better than twelve quoted names
)

FORMER = set(
    """
    DB_AUTO_MIGRATE DB_HOST DB_NAME DB_PASSWORD DB_PORT DB_SSLMODE DB_USER
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT OTEL_TRACING_ENABLED REDIS_HOST SPRING_REDIS_HOST
    """.split()  # noqa: SIM905
)
"""Variables of the seven-service system that are translated to ours."""

IGNORED = {"ISTIO_JWT_MODE", "JWT_SECRET", "SECRET_KEY", "SERVER_PORT"}


def text(name: str) -> str:
    return (ROOT / name).read_text()


def blocks(document: str, language: str) -> list[str]:
    """The contents of a document's fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", document, re.MULTILINE | re.DOTALL)


def rows(document: str) -> Iterator[list[str]]:
    """The cells of a document's table rows, heads and rules left out."""
    lines = document.splitlines()
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if line.startswith("| ") and not line.startswith("| ---") and "| ---" not in following:
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))]


def words(document: str) -> set[str]:
    """What stands in backticks."""
    return set(re.findall(r"`([^`\n]+)`", document))


# --- generated parts -------------------------------------------------------------------------


@pytest.mark.parametrize("name", generate_docs.DOCUMENTS)
def test_generated_documentation_is_up_to_date(name: str) -> None:
    assert text(name) == generate_docs.document(name), f"run `make docs`: {name} is behind the code"


# --- names -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        file, _, anchor = target.partition("#")
        found = path.parent / file if file else path
        assert found.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", found.read_text(), re.MULTILINE)
            slugs = [re.sub(r"[^\w -]", "", line).lower().replace(" ", "-") for line in headings]
            assert anchor in slugs, target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_setting_that_is_named_exists(path: Path) -> None:
    known = {variable.name for variable in settings.variables()}
    assert not IGNORED & known
    prefixes = {name.split("_")[0] + "_" for name in known} - {"SERVICE_", "LOG_"}
    named = set(re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", path.read_text()))
    wrong = {name for name in named - known - FORMER - IGNORED if name.startswith(tuple(prefixes))}
    assert not wrong


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_that_is_named_exists(path: Path) -> None:
    targets = re.search(r"^\.PHONY: (.*)$", text("Makefile"), re.MULTILINE)
    assert targets
    written = path.read_text()
    commands = "\n".join([*words(written), *blocks(written, "sh")])
    for target in re.findall(r"\bmake ([a-z][a-z0-9-]*)", commands):
        assert target in targets[1].split(), target
    for command in re.findall(r"(?<![-\w./])(?:\.venv/bin/)?wealist ([a-z][^\n#]*)", commands):
        assert understood(command), command


def understood(command: str) -> bool:
    """Whether the command line accepts these words; a question for help counts."""
    try:
        cli.parser().parse_args(shlex.split(command))
    except SystemExit as ended:
        return ended.code == 0
    return True


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_of_ours_that_is_named_exists(path: Path) -> None:
    roots = ("src/", "tests/", "migrations/", "docs/", "tools/", "benchmarks/", "requirements/")
    example = text("docs/examples/add-a-field.patch")
    for word in words(path.read_text()):
        if word.startswith(roots) and not set(word) & set("*…<{ "):
            assert (ROOT / word).exists() or f"b/{word}" in example, word
        elif re.fullmatch(r"(core|auth|user|pages|embedded)/\w+\.(py|sqlite)", word):
            assert (ROOT / "src" / "wealist" / word).exists(), word


# --- docs/architecture.md --------------------------------------------------------------------


def test_the_import_table_is_the_one_that_is_enforced() -> None:
    section = text("docs/architecture.md").partition("## Who may import whom")[2]
    told = {words(row[0]).pop(): words(row[1]) for row in rows(section.partition("\n## ")[0])}
    assert told == BELOW


# --- docs/events.md --------------------------------------------------------------------------


class Function(NamedTuple):
    """A function that hands its parameter `kind` on to the log: where that stands, its default."""

    place: int
    default: str | None


def modules() -> Iterator[tuple[str, ast.Module]]:
    """The modules of all services by their bare names, as calls name them."""
    for service in SERVICES:
        for path in sorted((ROOT / "src" / "wealist" / service).glob("*.py")):
            yield path.stem, ast.parse(path.read_text())


def calls(module: str, tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call below a node, with what is called as `module.function`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            yield (name if "." in name else f"{module}.{name}"), node


def forwarders() -> dict[str, Function]:
    """`events.append` and the functions that hand their parameter `kind` on to it, directly or
    through each other, as `module.function`."""
    found = {"events.append": Function(1, None)}
    before = 0
    while len(found) > before:
        before = len(found)
        for module, tree in modules():
            for node in ast.walk(tree):
                if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    continue
                names = [one.arg for one in (*node.args.args, *node.args.kwonlyargs)]
                if "kind" in names and any(name in found for name, _ in calls(module, node)):
                    found[f"{module}.{node.name}"] = kind_of(node, names.index("kind"))
    return found


def kind_of(node: ast.FunctionDef | ast.AsyncFunctionDef, place: int) -> Function:
    """Where a function takes its `kind`, and what that is when it isn't given."""
    missing: list[ast.expr | None] = [None]
    positional = missing * (len(node.args.args) - len(node.args.defaults))
    default = [*positional, *node.args.defaults, *node.args.kw_defaults][place]
    return Function(place, default.value if isinstance(default, ast.Constant) else None)


def announced() -> Iterator[str]:
    """The types of all events that the code appends, itself or through a forwarder."""
    known = forwarders()
    for module, tree in modules():
        for name, node in calls(module, tree):
            function = known.get(name)
            if function is None:
                continue
            given = [keyword.value for keyword in node.keywords if keyword.arg == "kind"]
            given += node.args[function.place : function.place + 1]
            if not given and function.default:
                yield function.default
            for value in given:
                if isinstance(value, ast.Constant):
                    yield value.value
                else:
                    assert ast.unparse(value) == "kind", f"{module}: which type is this? {name}"


def test_the_events_in_the_document_are_the_events_in_the_code() -> None:
    tables = text("docs/events.md").partition("## Payloads")[0]
    told = set().union(*(words(row[0]) for row in rows(tables)))
    assert told == set(announced())


def test_each_event_has_one_payload_whatever_the_channel() -> None:
    payloads: dict[str, set[str]] = {}
    for row in rows(text("docs/events.md").partition("## Payloads")[0]):
        for kind in words(row[0]):
            payloads.setdefault(kind, set()).update(words(row[1]))
    assert all(len(found) == 1 for found in payloads.values())


# --- docs/operations.md ----------------------------------------------------------------------


def test_the_metrics_in_the_document_are_the_metrics_there_are() -> None:
    section = text("docs/operations.md").partition("## Metrics")[2].partition("\n## ")[0]
    told: set[str] = set()
    for row in rows(section):
        names = re.findall(r"`([^`]+)`", row[0])
        stem = names[0].rpartition("_")[0]
        told |= {name if not name.startswith("_") else stem + name for name in names}
    prefixes = [f"{prefix}_" for prefix in series.NAMESPACES.values()]
    there = set()
    for family in metrics.registry.collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        if name.startswith(("process_", "python_")):
            continue
        common = [name.removeprefix(prefix) for prefix in prefixes if name.startswith(prefix)]
        shared = f"<service>_service_{common[0]}" if common else name
        there.add(shared if shared in told else name)
    assert there == told


async def test_the_statements_for_a_restore_give_a_new_epoch(server: Server) -> None:
    (statements,) = blocks(text("docs/operations.md"), "sql")
    before = (await events.position("workspace:x")).epoch
    async with db.transaction():
        await db.execute(statements)
        assert (await events.position("workspace:x")).epoch != before


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_the_signing_key_is_rotated_as_described(tmp_path: Path) -> None:
    first = ["openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-out", "old.pem"]
    subprocess.run(first, cwd=tmp_path, check=True)
    (commands,) = blocks(text("docs/operations.md"), "bash")
    subprocess.run(["bash", "-e", "-c", commands], cwd=tmp_path, check=True, capture_output=True)
    pem = {path.stem: path.read_text() for path in tmp_path.glob("*.pem")}
    now = Settings(jwt_rsa_private_key=Secret(pem["old"]), data_dir=tmp_path)
    announcing = structs.replace(now, jwt_previous_public_keys=f"key-2={pem['new-public']}")
    switched = structs.replace(
        now,
        jwt_rsa_private_key=Secret(pem["new"]),
        jwt_rsa_key_id="key-2",
        jwt_previous_public_keys=f"{now.jwt_rsa_key_id}={pem['old-public']}",
    )
    known = {kid: key.public_numbers() for kid, key in keys.load(announcing).public.items()}
    assert known == {kid: key.public_numbers() for kid, key in keys.load(switched).public.items()}
    assert keys.load(switched).kid == "key-2"


def test_the_former_variables_in_the_document_are_those_that_are_translated() -> None:
    written = text("docs/operations.md").partition("## Coming from")[2].partition("\n## ")[0]
    assert words(written) & FORMER == FORMER
    host, nothing = {"DB_HOST": "there"}, environment.from_env({})
    samples = {"DB_AUTO_MIGRATE": "true", "OTEL_TRACING_ENABLED": "false"}
    samples["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = "http://there:4318/v1/traces"
    for name in FORMER:
        base = host if name.startswith("DB_") and name not in (*host, *samples) else {}
        assert addresses({**base, name: samples.get(name, "5433")}) != addresses(base), name
    for name in IGNORED:
        assert environment.from_env({name: "x"}) == nothing, name


def addresses(environ: dict[str, str]) -> list[object]:
    """Settings with their secrets shown, since those equal nothing but themselves."""
    found = structs.asdict(environment.from_env(environ)).values()
    return [value.reveal() if isinstance(value, Secret) else value for value in found]


# --- docs/decisions --------------------------------------------------------------------------


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = [int(path.name[:4]) for path in DECISIONS]
    assert numbers == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.name)
def test_a_decision_is_short_and_has_its_three_parts(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) <= LONGEST_DECISION
    assert lines[0].startswith(f"# {int(path.name[:4])}. ")
    headings = [line for line in lines if line.startswith("## ")]
    assert headings == ["## Context", "## Decision", "## Consequences"]


def test_every_dependency_beyond_the_owners_list_has_a_reason() -> None:
    project = tomllib.loads(text("pyproject.toml"))
    declared = [
        *project["project"]["dependencies"],
        *project["build-system"]["requires"],
        *(one for extra in project["project"]["optional-dependencies"].values() for one in extra),
    ]
    names = {re.split(r"[\[<>=!~]", requirement)[0] for requirement in declared}
    reasons = "".join(path.read_text() for path in DECISIONS)
    explained = {word.partition("[")[0] for word in words(reasons)}
    assert names - OWNERS_CHOICE <= explained
