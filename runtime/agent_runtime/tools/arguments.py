"""Arguments of a tool against its JSON schema: the model wrote them, so that nothing in them is believed."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, NoReturn

from agent_runtime.errors import ArgumentsInvalid

MOST_ARGUMENT_BYTES: Final = 64 * 1024
"""As JSON. What is larger belongs into a store that the tool reads."""
MOST_DEPTH: Final = 32
"""Lists and objects within each other. Far above any tool's interface, far below what a parser minds."""
_SHOWN: Final = 200


def checked(schema: Mapping[str, Any], arguments: object) -> dict[str, Any]:
    """The arguments as they come back from JSON; an empty schema takes any object.

    `schema` is JSON schema, by default of draft 2020-12; its `$ref` reach nothing outside of it. Raises
    `ArgumentsInvalid` naming the place, without the values: they may be a person's words.
    """
    if not isinstance(arguments, Mapping):
        raise ArgumentsInvalid("arguments are a JSON object")
    if _depth(arguments) > MOST_DEPTH:
        raise ArgumentsInvalid(f"arguments hold more than {MOST_DEPTH} lists and objects within each other")
    try:
        text = json.dumps(arguments, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ArgumentsInvalid("arguments hold what JSON does not know") from error
    if len(text.encode()) > MOST_ARGUMENT_BYTES:
        raise ArgumentsInvalid(f"arguments have more than {MOST_ARGUMENT_BYTES} bytes")
    given: dict[str, Any] = json.loads(text)
    if schema:
        _match(schema, given)
    return given


def schema_error(schema: Mapping[str, Any]) -> str | None:
    """Why `schema` is no JSON schema of an object's, in one sentence, or None."""
    if schema and schema.get("type") != "object":
        return "a tool's input_schema has `type: object`"
    try:
        if schema:
            _validator(json.dumps(schema, sort_keys=True))
    except (TypeError, ValueError) as error:
        return f"input_schema is no JSON schema: {' '.join(str(error).split())[:_SHOWN]}"
    return None


def _match(schema: Mapping[str, Any], given: dict[str, Any]) -> None:
    for found in _validator(json.dumps(schema, sort_keys=True)).iter_errors(given):
        path = ".".join(str(part) for part in found.instance_path)[:_SHOWN]
        rule = ".".join(str(part) for part in found.schema_path)[:_SHOWN]
        raise ArgumentsInvalid(f"arguments break {rule} of the schema at {path or 'their top'}")


@lru_cache(maxsize=256)
def _validator(schema: str) -> Any:
    import jsonschema_rs  # by whoever calls a tool alone: other hosts of the runtime need it not

    # Without backtracking: an argument cannot make a pattern take for ever.
    linear = jsonschema_rs.RegexOptions()
    return jsonschema_rs.validator_for(json.loads(schema), retriever=_nothing, pattern_options=linear)


def _nothing(uri: str) -> NoReturn:
    raise ValueError(f"{uri} lies outside of the schema")


def _depth(value: object) -> int:
    """Without recursion, which a hostile document would exhaust."""
    deepest = 0
    level: list[Any] = [value]
    while level and deepest <= MOST_DEPTH:
        held = [inner for outer in level for inner in _held(outer)]
        deepest, level = deepest + 1, [inner for inner in held if isinstance(inner, Mapping | list | tuple)]
    return deepest


def _held(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, Mapping) else value


def approval_name(tool: str, arguments: Mapping[str, Any]) -> str:
    """What an approval of this very call is named: the tool, and a hash of what `checked` gave. The gateway
    holds a destructive call to the approval's name, so that a yes to one call is a yes to no other."""
    text = json.dumps(arguments, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"{tool}:{hashlib.sha256(text.encode()).hexdigest()[:32]}"
