"""AG09: a secret's value is in the secret alone, and in no property of another resource."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.secret_texts import secret_in
from ..framework.values import View
from ._texts import leaves

_VERSION, _PARAMETER = "aws:secretsmanager/secretVersion:SecretVersion", "aws:ssm/parameter:Parameter"
_SOURCES = ("random:", "tls:", "pulumi:providers:")
"""What makes secrets, or is given them to reach the cloud with."""
_SHORTEST = 8
"""Letters. Shorter values turn up elsewhere by chance."""


def check(held: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Looks for the value among all that is known of other resources, outputs of the stack included. The
    engine unwraps Pulumi's secrets before it asks, so that whether the state hides a property cannot be told
    here; that the cloud shows it to whoever may describe the resource can. What a secret becomes once it is
    encoded is not followed."""
    shown = stack.once(_shown)
    within = _ancestors(held, stack)
    for value in _values(held):
        for text in {value, json.dumps(value)[1:-1]}:
            if text not in shown.all:
                continue
            for resource, path, found in shown.texts:
                if text in found and resource.urn not in within:
                    yield Fail(f"it holds the value of {held.name}.", path, resource.urn)


def _values(held: Resource) -> Iterator[str]:
    """The secret, or, of an object of several, those parts that are secret by their names."""
    if held.type == _PARAMETER:
        value = held.view.text("value") if held.view.text("type") == "SecureString" else ""
    else:
        value = held.view.text("secretString")
    try:
        parts = json.loads(value) if value.startswith("{") else None
    except (ValueError, RecursionError):
        parts = None
    if not isinstance(parts, Mapping):
        yield from [value] if len(value) >= _SHORTEST else []
        return
    for name, part in View(parts).held.items():
        if isinstance(part, str) and len(part) >= _SHORTEST and secret_in(name, part):
            yield part


@dataclass(frozen=True)
class _Shown:
    texts: list[tuple[Resource, str, str]]
    all: str
    """The same in one text: most secrets are in none of them, which one look tells."""


def _shown(stack: StackIndex) -> _Shown:
    texts = [
        (resource, path, text)
        for resource in stack.resources
        if not resource.type.startswith(_SOURCES) and not _is_secret(resource)
        for path, _, text in leaves(resource.props)
        if len(text) >= _SHORTEST
    ]
    return _Shown(texts, "\n".join(text for _, _, text in texts))


def _is_secret(resource: Resource) -> bool:
    kind: Any = resource.props.get("type")
    return resource.type == _VERSION or (resource.type == _PARAMETER and kind == "SecureString")


def _ancestors(held: Resource, stack: StackIndex) -> set[str]:
    """Components that were given the secret to make this resource from."""
    found: set[str] = set()
    while (parent := stack.by_urn.get(held.parent)) and parent.type != "pulumi:pulumi:Stack":
        if parent.urn in found:
            break
        found.add(parent.urn)
        held = parent
    return found


RULE = StackRule(
    id="AG09",
    name="secret-values-are-nowhere-else",
    title="The value of a secret is in no other resource",
    why="Variables, tags and outputs are read by many who may not read the secret.",
    remediation="Hand the secret's name or ARN over, and read the value at run time.",
    severity=Severity.CRITICAL,
    types=types(_VERSION, _PARAMETER),
    external={"OWASP": ("ASI03", "LLM02")},
    sources=("https://docs.aws.amazon.com/secretsmanager/latest/userguide/best-practices.html",),
    check=check,
)
