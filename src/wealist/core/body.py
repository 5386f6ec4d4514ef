"""Request bodies: JSON decoded strictly into a Struct.

Clients of the contract (common.md §7) send unknown members, which are ignored, and may spell
names in another case, which is accepted. Types are not coerced: `"5"` is no number. A NUL
character is refused here because PostgreSQL can't store one.
"""

import re
from collections.abc import Callable
from typing import Any, ClassVar, get_args, get_type_hints
from uuid import UUID

import msgspec
from litestar.dto import AbstractDTO
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition

from wealist.core.errors import Invalid
from wealist.core.wire import Email


def decode(body: bytes, kind: Any) -> Any:
    """Decode `body` into `kind`. Raises `Invalid` that names the member at fault."""
    if not body.strip():
        raise Invalid("a JSON body is required")
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid("the body is not valid JSON") from error
    if b"\\u0000" in body:
        _refuse_nul(value)
    if isinstance(value, dict):
        value = _known_names(value, kind)
        for name, tidy in _tidied(kind):
            if isinstance(value.get(name), str):
                value[name] = tidy(value[name])
    try:
        return msgspec.convert(value, kind, strict=True, str_keys=True)
    except RecursionError as error:
        raise Invalid("the body is nested too deeply") from error
    except msgspec.ValidationError as error:
        raise invalid(str(error)) from error


def invalid(text: str) -> Invalid:
    """Turn msgspec's `Expected … - at `$.name`` into an error that names the member."""
    # From the right: the message may quote what the client sent, whatever that is.
    message, found, path = text.rpartition(" - at `")
    if not (found and path.endswith("`")):
        message, path = text, ""
    path = path.removeprefix("key` in `")  # msgspec's words for a key of an object
    field = path.rstrip("`").removeprefix("$").lstrip(".") or None
    if message.startswith("Object missing required field `"):
        missing = message.split("`")[1]
        return Invalid("is required", field=f"{field}.{missing}" if field else missing)
    if "matching regex" in message:
        email = field is not None and field.lower().endswith("email")
        message = "must be an e-mail address" if email else "has not the right form"
    return Invalid(_plain(message), field=field)


_WORDS = {
    "str": "text",
    "int": "a whole number",
    "bool": "true or false",
    "null": "null",
    "object": "an object",
    "array": "a list",
    "uuid": "a UUID",
    "float": "a number",
}
_QUOTED = re.compile(r"`([a-z| ]+)`")
_LENGTH = re.compile(r"Expected `(\w+)` of length (<=|>=) (\d+)")
_UNITS = {"str": "character", "bytes": "byte"}
_LONG_ECHO = re.compile(r"((?:[^'\"`]*(['\"`])|Invalid enum value (?=[-0-9])).{100})..+", re.DOTALL)


def without_echo(message: str) -> str:
    """A message of msgspec, with at most 100 characters of what the client sent: it quotes that."""
    echo = _LONG_ECHO.match(message)  # from the beginning only: the message may be very long
    return f"{echo[1]}…{echo[2] or ''}" if echo else message


def _plain(message: str) -> str:
    """msgspec's sentence in words for people who don't know its types."""
    message = without_echo(message)
    if length := _LENGTH.match(message):
        most = "at most" if length[2] == "<=" else "at least"
        unit = _UNITS.get(length[1], "item")
        return f"must have {most} {length[3]} {unit}{'' if length[3] == '1' else 's'}"
    if message.startswith("Invalid UUID"):
        return "must be a UUID"
    if message.startswith("Invalid enum value"):
        return f"is none of the accepted words ({message.removeprefix('Invalid enum value ')})"
    return _QUOTED.sub(_words, message[:1].lower() + message[1:])


def _words(quoted: re.Match[str]) -> str:
    kinds = [kind.strip() for kind in quoted[1].split("|")]
    return " or ".join(_WORDS.get(kind, kind) for kind in kinds)


def _refuse_nul(value: Any) -> None:
    """Raise `Invalid` if any text has a NUL; it names the member of the body that holds it."""
    members = value.items() if isinstance(value, dict) else [("", value)]
    for name, member in members:
        if _has_nul([name, member]):
            shown = name[:100].replace("\0", "")
            raise Invalid("must not contain a NUL character", field=shown or None)


def _has_nul(value: Any) -> bool:
    # Without recursion and without paths: the body may be a megabyte of nesting.
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, str):
            if "\0" in one:
                return True
        elif isinstance(one, dict):
            todo.extend(one)
            todo.extend(one.values())
        elif isinstance(one, list):
            todo.extend(one)
    return False


_names: dict[Any, dict[str, str]] = {}


def _known_names(value: dict[str, Any], kind: Any) -> dict[str, Any]:
    """Rename members that differ from the Struct's only in case; an exact name wins."""
    if kind not in _names:
        fields = getattr(kind, "__struct_encode_fields__", ())
        _names[kind] = {name.casefold(): name for name in fields}
    names = _names[kind]
    exact = set(names.values())
    if not names or value.keys() <= exact:
        return value
    renamed: dict[str, Any] = {}
    for key, member in value.items():
        name = key if key in exact else names.get(key.casefold(), key)
        if name == key or name not in value:
            renamed[name] = member
    return renamed


_tidy: dict[Any, list[tuple[str, Callable[[str], str]]]] = {}


def _tidied(kind: Any) -> list[tuple[str, Callable[[str], str]]]:
    """The members whose text is put into its usual form before it is checked: UUIDs in any of
    the spellings of common.md §8, e-mail addresses with space around them."""
    if kind not in _tidy:
        found: list[tuple[str, Callable[[str], str]]] = []
        hints = (
            get_type_hints(kind, include_extras=True) if hasattr(kind, "__struct_fields__") else {}
        )
        for field in msgspec.structs.fields(kind) if hints else ():
            hint = hints[field.name]
            if UUID in (hint, *get_args(hint)):
                found.append((field.encode_name, _usual_uuid))
            elif Email in (hint, *get_args(hint)):
                found.append((field.encode_name, str.strip))
        _tidy[kind] = found
    return _tidy[kind]


def _usual_uuid(text: str) -> str:
    try:
        return str(UUID(text)) if text.isascii() else text
    except ValueError:
        return text


class JsonBody(AbstractDTO[Any]):
    """Litestar's hook for `decode`: set once on the app, it serves every handler's `data`."""

    kinds: ClassVar[dict[str, Any]] = {}

    def decode_bytes(self, value: bytes) -> Any:
        return decode(value, self.kinds[self.asgi_connection.route_handler.handler_id])

    @classmethod
    def is_supported_model_type_field(cls, field_definition: FieldDefinition) -> bool:
        return field_definition.name == "data"

    @classmethod
    def create_for_field_definition(
        cls, field_definition: FieldDefinition, handler_id: str, backend_cls: Any = None
    ) -> None:
        cls.kinds[handler_id] = field_definition.annotation

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: Any
    ) -> Reference | Schema:
        result: Reference | Schema = schema_creator.for_field_definition(field_definition)
        return result

    @classmethod
    def generate_field_definitions(cls, model_type: type[Any]) -> Any:
        return ()

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        return False
