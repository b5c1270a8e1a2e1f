"""Policy documents of IAM, read once for all rules.

A document comes as JSON text, as an object or as an output that nobody knows yet; statements, actions and
resources come alone or in lists. What is unknown raises `NotKnown`; what AWS would refuse raises `Malformed`.
Grammar: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from .patterns import matches
from .values import UNKNOWN, Malformed, NotKnown

LONGEST = 131_072
"""Characters. The longest document that AWS takes anywhere, a KMS key's, has 32 KB:
https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html"""

Values = tuple[str, ...]


@dataclass(frozen=True)
class Statement:
    """One statement; `principals` by kind, `conditions` by operator and key, both in lower case."""

    effect: str
    path: str
    sid: str = ""
    actions: Values = ()
    not_actions: Values = ()
    resources: Values = ()
    not_resources: Values = ()
    principals: Mapping[str, Values] = field(default_factory=dict[str, Values])
    not_principals: Mapping[str, Values] = field(default_factory=dict[str, Values])
    conditions: Mapping[str, Mapping[str, Values]] = field(default_factory=dict[str, Mapping[str, Values]])

    @property
    def allows(self) -> bool:
        return self.effect == "Allow"

    @property
    def anyone(self) -> bool:
        """Whether it speaks of everyone. `NotPrincipal` with Allow does: all but the few that it names."""
        return "*" in self.principals.get("aws", ()) or (self.allows and bool(self.not_principals))

    def speaks_of_action(self, action: str) -> bool:
        if self.not_actions:
            return not any(matches(pattern, action, fold=True) for pattern in self.not_actions)
        return any(matches(pattern, action, fold=True) for pattern in self.actions)

    def speaks_of_resource(self, arn: str) -> bool:
        if self.not_resources:
            return not any(matches(pattern, arn) for pattern in self.not_resources)
        return any(matches(pattern, arn) for pattern in self.resources)

    def condition(self, *keys: str) -> Iterator[tuple[str, str, Values]]:
        """Operator, key and values of the conditions on one of the keys."""
        for operator, tested in self.conditions.items():
            for key, values in tested.items():
                if key in keys:
                    yield operator, key, values


def statements(document: Any, path: str) -> tuple[Statement, ...]:
    """The statements of a document that was found at `path`; none where nothing is said."""
    if document is None or document == "":
        return ()
    if document is UNKNOWN:
        raise NotKnown(path)
    if isinstance(document, str):
        return _of_text(document, path)
    return _of_object(document, path)


@lru_cache(maxsize=1024)
def _of_text(text: str, path: str) -> tuple[Statement, ...]:
    if len(text) > LONGEST:
        raise Malformed(path, f"is longer than any policy document that AWS takes: {len(text)} characters")
    try:
        read = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Malformed(path, f"is no JSON document: {str(error)[:100]}") from None
    return _of_object(read, path)


def _of_object(document: Any, path: str) -> tuple[Statement, ...]:
    if not isinstance(document, Mapping):
        raise Malformed(path, f"is {type(document).__name__} where a policy document belongs")
    held = _key(document, "Statement", path)
    if held is None:
        raise Malformed(path, "has no Statement")
    many = held if isinstance(held, list | tuple) else [held]
    return tuple(_statement(one, f"{path}.Statement[{n}]") for n, one in enumerate(many))


def _statement(held: Any, path: str) -> Statement:
    if held is UNKNOWN:
        raise NotKnown(path)
    if not isinstance(held, Mapping):
        raise Malformed(path, f"is {type(held).__name__} where a statement belongs")
    effect = _key(held, "Effect", path)
    if effect not in ("Allow", "Deny"):
        raise Malformed(f"{path}.Effect", f"is {effect!r} where Allow or Deny belongs")
    if not any(key in held for key in ("Action", "NotAction")):
        raise Malformed(path, "has neither Action nor NotAction")
    sid = _key(held, "Sid", path)
    return Statement(
        effect=effect,
        path=path,
        sid=sid if isinstance(sid, str) else "",
        actions=_texts(held, "Action", path),
        not_actions=_texts(held, "NotAction", path),
        resources=_texts(held, "Resource", path),
        not_resources=_texts(held, "NotResource", path),
        principals=_principals(held, "Principal", path),
        not_principals=_principals(held, "NotPrincipal", path),
        conditions=_conditions(_key(held, "Condition", path), f"{path}.Condition"),
    )


def _principals(held: Mapping[str, Any], key: str, path: str) -> dict[str, Values]:
    found = _key(held, key, path)
    if isinstance(found, str):
        if found != "*":
            raise Malformed(f"{path}.{key}", "is a text other than *")
        return {"aws": ("*",)}
    return {kind.lower(): values for kind, values in _by_key(found, f"{path}.{key}").items()}


def _conditions(found: Any, path: str) -> dict[str, dict[str, Values]]:
    if found is not None and not isinstance(found, Mapping):
        raise Malformed(path, f"is {type(found).__name__} where an object belongs")
    return {
        operator.lower(): {
            key.lower(): values for key, values in _by_key(tested, f"{path}.{operator}").items()
        }
        for operator, tested in (found or {}).items()
    }


def _by_key(found: Any, path: str) -> dict[str, Values]:
    if found is UNKNOWN:
        raise NotKnown(path)
    if found is not None and not isinstance(found, Mapping):
        raise Malformed(path, f"is {type(found).__name__} where an object belongs")
    held: Mapping[str, Any] = found or {}
    return {key: _texts(held, key, path) for key in held}


def _texts(held: Mapping[str, Any], key: str, path: str) -> Values:
    found, at = _key(held, key, path), f"{path}.{key}"
    many = found if isinstance(found, list | tuple) else [] if found is None else [found]
    for item in many:
        if item is UNKNOWN:
            raise NotKnown(at)
        if not isinstance(item, str | int | float | bool):
            raise Malformed(at, f"holds {type(item).__name__} where a text belongs")
    return tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in many)


def _key(held: Mapping[str, Any], key: str, path: str) -> Any:
    """What is said of `key`; raises where nobody knows it yet."""
    found = held.get(key)
    if found is UNKNOWN:
        raise NotKnown(f"{path}.{key}")
    return found
