"""Request bodies: JSON decoded strictly into a Struct.

Clients of the contract (common.md §7) send unknown members, which are ignored, and may spell
names in another case, which is accepted. Types are not coerced: `"5"` is no number. A NUL
character is refused here because PostgreSQL can't store one.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
from litestar.dto import AbstractDTO
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition

from wealist.core.errors import Invalid


def decode(body: bytes, kind: Any) -> Any:
    """Decode `body` into `kind`. Raises `Invalid` that names the member at fault."""
    if not body.strip():
        raise Invalid("a JSON body is required")
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid("the body is not valid JSON") from error
    if b"\\u0000" in body:
        for path, text in _strings(value, ""):
            if "\0" in text:
                raise Invalid("must not contain a NUL character", field=path or None)
    if isinstance(value, dict):
        value = _known_names(value, kind)
    try:
        return msgspec.convert(value, kind, strict=True, str_keys=True)
    except msgspec.ValidationError as error:
        raise invalid(str(error)) from error


def invalid(text: str) -> Invalid:
    """Turn msgspec's `Expected … - at `$.name`` into an error that names the member."""
    message, _, path = text.partition(" - at `")
    field = path.rstrip("`").removeprefix("$").lstrip(".") or None
    if message.startswith("Object missing required field `"):
        missing = message.split("`")[1]
        return Invalid("is required", field=f"{field}.{missing}" if field else missing)
    if "matching regex" in message:
        message = "has not the right form"
    return Invalid(_plain(message), field=field)


_WORDS = {
    "`str`": "text",
    "`int`": "a whole number",
    "`bool`": "true or false",
    "`null`": "null",
    "`object`": "an object",
    "`array`": "a list",
    "`uuid`": "a UUID",
    "`float`": "a number",
}


def _plain(message: str) -> str:
    for word, plain in _WORDS.items():
        message = message.replace(word, plain)
    return message[:1].lower() + message[1:]


def _strings(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, member in value.items():
            yield path, key
            yield from _strings(member, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _strings(member, f"{path}[{index}]")


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
