"""Writes what documentation takes from the code: `make docs`. A test compares both.

    README.md             the configuration table
    docs/permissions.md   all of it
    docs/architecture.md  the modules of the core
    docs/events.md        the members of the payloads
    docs/operations.md    the jobs

In a document that people write, the generated part stands between `<!-- name -->` and
`<!-- /name -->`.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from msgspec import Struct, structs

from wealist import app, commands
from wealist.core import access, environment, settings
from wealist.core.envelopes import SERVICES

ROOT = Path(__file__).parents[1]
CORE = ROOT / "src" / "wealist" / "core"

THEMES = {
    "A request on its way": (
        "edge arrival edge_socket aliases guards proxies cors limits compression report context"
        " entrance internal site"
    ),
    "Handlers": (
        "body params pages wire text mentions ids errors envelopes versions idempotency access"
        " openapi"
    ),
    "Callers and keys": (
        "identity mint keys tokens token_pairs tokens_local tokens_redis server_secret capability"
    ),
    "Data": "db engine migrate events bus bus_local bus_outgoing bus_redis redis",
    "Live": (
        "hub hub_channel hub_watch frames outbox live live_socket quick live_stream whispers"
        " changes replicas presence online online_ledger live_metrics"
    ),
    "Objects": (
        "objects objects_disk objects_files objects_http objects_s3 downloads doomed outgoing"
    ),
    "The process": (
        "settings environment smtp_url vapid readiness health jobs leases tasks logs redact metrics"
        " series tracing piccolo_app"
    ),
}
"""The modules of the core in reading order; one that is missing here comes last."""


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    names = list(head)
    lines = [names, ["---"] * len(names), *([cell.replace("|", r"\|") for cell in r] for r in rows)]
    return "\n".join(f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines)


def code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def first_sentence(text: str | None) -> str:
    """What a docstring says before it goes into detail, without references to the contract."""
    paragraph = " ".join((text or "").strip().split("\n\n")[0].split())
    paragraph = re.sub(r" \((?:contract|\w+\.md)[^)]*\)", "", paragraph)
    return re.split(r"(?<=[^.]\.)\s+(?=[A-Z`])", paragraph)[0].rstrip(".:")


# --- README.md -------------------------------------------------------------------------------


def configuration() -> str:
    """Every setting: its name, what it accepts, its default, its sentence."""
    return table(
        ("Variable", "Accepts", "Default", "Meaning"),
        (
            (
                f"`{variable.name}`",
                accepted(variable.type),
                code(part for part in variable.shown_default.split(",") if part),
                variable.text,
            )
            for variable in settings.variables()
        ),
    )


def accepted(kind: Any) -> str:
    """What a setting's variable may hold, in words."""
    bare, meta = kind.__origin__, kind.__metadata__[0]
    options = get_args(bare) if get_origin(bare) in (Union, UnionType) else (bare,)
    (option,) = (option for option in options if option is not NoneType)
    if get_origin(option) is Annotated:
        return accepted(option)
    if get_origin(option) is Literal:
        return code(get_args(option))
    if option is bool:
        return code(("true", "false"))
    if option in (int, float):
        most = f" to {meta.le}" if meta.le is not None else " or more"
        return f"{meta.ge}{most}" if meta.ge is not None else "number"
    words = {settings.Secret: "secret", settings.Names: "list", Path: "path", UUID: "UUID"}
    return words.get(option, "text")


# --- docs/permissions.md ---------------------------------------------------------------------

PERMISSIONS = """\
# Permissions

Made by `make docs` from the permission tables (`access.py` of each service) and the routes of the
app. The test matrix takes its expectations from the same place.

{tables}

## Routes

Every route of both ports. *Access* is an action of a table above, or one of these words:

{words}

{routes}
"""

SERVICE = """\
## {service}: roles and actions

**yes**: may do it. **403**: is told that it is forbidden. **404**: is told that there is nothing.

{actions}

{besides}
"""

BESIDES = {
    "user": "Every member but the owner may leave; everybody may ask whether he is one himself.",
    "chat": (
        "Everybody may leave but the owner. People of a PROJECT chat come and go with the project;"
        " a DM is between two, and has neither name nor roles. Who has left may delete what he"
        " said, but not edit it."
    ),
    "board": (
        "Adding somebody as ADMIN needs `project.change_role`; undoing a deletion needs "
        "`board.delete`. Who changes a card or project also decides which files it keeps."
    ),
}
"""Where a verb lets the person concerned do what the table gives to others only."""

ALIKE = ("chat",)
"""Where outsiders get the same answer whatever the workspace is."""


def permissions() -> str:
    """The whole of docs/permissions.md."""
    tables = [
        SERVICE.format(
            service=service,
            actions=actions(
                module.PERMISSIONS,
                getattr(module, "Part", access.Role),
                alike=service in ALIKE,
            ),
            besides=BESIDES.get(service, ""),
        )
        for service in SERVICES
        if (module := module_of(service, "access")) is not None
    ]
    words = table(("Word", "Who"), ((f"`{word}`", who) for word, who in access.WORDS.items()))
    return PERMISSIONS.format(tables="\n".join(tables).rstrip(), words=words, routes=routes())


def module_of(service: str, name: str) -> ModuleType | None:
    """`wealist.<service>.<name>`, if there is one."""
    if find_spec(f"wealist.{service}") is None or find_spec(f"wealist.{service}.{name}") is None:
        return None
    return import_module(f"wealist.{service}.{name}")


def actions(rules: access.Table, roles: type[StrEnum], *, alike: bool) -> str:
    """Role × action; outsiders are told apart by whether the workspace is public."""

    def insider(rule: access.Rule, role: StrEnum) -> str:
        return "yes" if role in rule.roles else "403"

    def outsider(rule: access.Rule) -> str:
        return "yes" if rule.open else "403" if rule.told else "404"

    outsiders = ("outsider",) if alike else ("outsider, public", "outsider, private")
    return table(
        ("Action", *roles, *outsiders),
        (
            (
                f"`{action}`",
                *(insider(rule, role) for role in roles),
                *(outsider(rule), "404")[: len(outsiders)],
            )
            for action, rule in rules.items()
        ),
    )


def routes() -> str:
    """Every route with its access; methods of one path and access share a row."""
    methods: dict[tuple[str, str], list[str]] = {}
    for route in commands.routes(environment.from_env({"ENABLE_TEST_AUTH": "true"})):
        methods.setdefault((route.path, route.access), []).append(route.method)
    return table(
        ("Method", "Path", "Access"),
        ((", ".join(names), f"`{path}`", f"`{of}`") for (path, of), names in methods.items()),
    )


# --- docs/architecture.md --------------------------------------------------------------------


def core() -> str:
    """The core's modules by theme, each with the first sentence of its docstring."""
    there = {path.stem for path in CORE.glob("*.py")} - {"__init__"}
    themes = {
        theme: [name for name in names.split() if name in there] for theme, names in THEMES.items()
    }
    rest = sorted(there - {name for names in themes.values() for name in names})
    return "\n\n".join(
        f"**{theme}**\n\n" + "\n".join(f"- `{name}`: {sentence(name)}" for name in names)
        for theme, names in (themes | {"Further": rest}).items()
        if names
    )


def sentence(module: str) -> str:
    tree = ast.parse((CORE / f"{module}.py").read_text())
    return first_sentence(ast.get_docstring(tree))


# --- docs/events.md --------------------------------------------------------------------------


def payloads() -> str:
    """The members of every Struct that the document names."""
    text = (ROOT / "docs" / "events.md").read_text().split("<!-- payloads -->")[0]
    names = sorted(set(re.findall(r"`([A-Z]\w+)`", text)))
    return table(
        ("Payload", "Members"),
        (
            (f"`{name}`{_whose(kind) if len(kinds) > 1 else ''}", members(kind))
            for name in names
            for kinds in [list(wire_structs(name))]
            for kind in kinds
        ),
    )


def _whose(kind: type[Struct]) -> str:
    """The service of a payload whose name another service uses too."""
    return f" of {kind.__module__.split('.')[1]}"


def wire_structs(name: str) -> Iterator[type[Struct]]:
    for service in SERVICES:
        for module in ("wire", "project_wire", "delivery_wire"):
            found = getattr(module_of(service, module), name, None)
            if isinstance(found, type) and found.__module__ == f"wealist.{service}.{module}":
                yield found


def members(kind: type[Struct]) -> str:
    """Wire names with their types; `?` marks those that are left out when there is nothing."""
    hints = get_type_hints(kind, include_extras=True)
    omits = kind.__struct_config__.omit_defaults
    return ", ".join(
        f"`{field.encode_name}` {json_type(hints[field.name])}"
        + ("?" if omits and not field.required else "")
        for field in structs.fields(kind)
    )


def json_type(hint: Any) -> str:
    """How JSON carries a type, for people."""
    if get_origin(hint) is Annotated:
        return json_type(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return json_type(next(option for option in get_args(hint) if option is not NoneType))
    if get_origin(hint) is list:
        return f"list of {json_type(get_args(hint)[0])}"
    words = {"str": "text", "bool": "true/false", "int": "number", "datetime": "time"}
    words |= {"dict": "object", "Raw": "object", "Literal": "text"}
    return words.get(hint.__name__, f"`{hint.__name__}`" if _is_struct(hint) else hint.__name__)


def _is_struct(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Struct)


# --- docs/operations.md ----------------------------------------------------------------------


def jobs() -> str:
    """Every background job, how often it runs and what it does."""
    return table(
        ("Job", "Every", "Runs in", "What it does"),
        (
            (
                f"`{job.name}`",
                period(job.every),
                "one replica" if job.leased else "every replica",
                first_sentence(job.run.__doc__).partition("; the job")[0],
            )
            for job in sorted(app.jobs(), key=lambda job: job.name)
        ),
    )


def period(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


# --- all of it -------------------------------------------------------------------------------

PARTS = {
    "README.md": {"configuration": configuration},
    "docs/architecture.md": {"core": core},
    "docs/events.md": {"payloads": payloads},
    "docs/operations.md": {"jobs": jobs},
}
DOCUMENTS = ("docs/permissions.md", *PARTS)


def document(name: str) -> str:
    """A document as it should be now."""
    if name not in PARTS:
        return permissions()
    text = (ROOT / name).read_text()
    for mark, make in PARTS[name].items():
        before, start, rest = text.partition(f"<!-- {mark} -->\n")
        _, end, after = rest.partition(f"<!-- /{mark} -->")
        if not (start and end):
            raise SystemExit(f"{name}: <!-- {mark} --> and <!-- /{mark} --> are missing")
        text = f"{before}{start}\n{make()}\n\n{end}{after}"
    return text


def main() -> None:
    """Write the documents that differ, and name them."""
    for name in DOCUMENTS:
        path, text = ROOT / name, document(name)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(f"wrote {name}")


if __name__ == "__main__":
    main()
