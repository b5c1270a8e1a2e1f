"""What Pulumi tells of a stack, `pulumi preview --json` or `pulumi stack export`, in one form."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Stands for what is known after the deployment alone."""
_MASKED: Final = "[secret]"
"""Stands for a secret in a preview."""
_SIGNED: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  how Pulumi marks one
_ASSETS: Final = ("c44067f5952c0a294b673a41bacd8c17", "0def7320c3a5731c473e5ecbe6d01bc7")
_ACTIONS: Final = {
    "create": ["create"],
    "import": ["create"],
    "same": ["no-op"],
    "refresh": ["no-op"],
    "update": ["update"],
    "delete": ["delete"],
}


class Described(NamedTuple):
    """What one resource is said to be."""

    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    secrets: frozenset[str]
    """Properties that are secret as a whole."""

    @property
    def properties(self) -> dict[str, Any]:
        """What was asked for, and what else is there."""
        found = {**self.outputs, **self.inputs}
        return {key: value for key, value in found.items() if not key.startswith("__")}


@dataclass(frozen=True)
class Held:
    """A resource of the stack and what becomes of it."""

    urn: str
    type: str
    name: str
    actions: list[str]
    before: Described | None
    after: Described | None
    dependencies: Mapping[str, list[str]] = field(default_factory=dict)
    """URNs by the property that was made from them."""


def resources(told: Mapping[str, Any]) -> list[Held]:
    """Each resource once, ordered by URN. Components and providers are none, and what is only read is not
    the stack's."""
    many = _of_state(told["deployment"]) if "deployment" in told else _of_preview(told)
    return sorted(many, key=lambda held: held.urn)


def is_secret(value: Any) -> bool:
    return value == _MASKED or (isinstance(value, Mapping) and value.get(_SIGNED) == _SECRET)


def asset(value: Any) -> str | None:
    """Where an asset lies, or its digest where it lies nowhere; None for any other value."""
    if not isinstance(value, Mapping) or value.get(_SIGNED) not in _ASSETS:
        return None
    return str(value.get("path") or value.get("uri") or value.get("hash") or "")


def _of_state(deployment: Mapping[str, Any]) -> Iterable[Held]:
    for state in deployment.get("resources") or ():
        if _counts(state) and not state.get("delete"):
            described = _described(state)
            yield _held(state, ["no-op"], described, described)


def _of_preview(told: Mapping[str, Any]) -> Iterable[Held]:
    replaced = {step["urn"] for step in told["steps"] if step["op"] == "replace"}
    for step in told["steps"]:
        state = step.get("newState") or step.get("oldState") or {}
        actions = ["delete", "create"] if step["op"] == "replace" else _ACTIONS.get(step["op"])
        if actions is None or not _counts(state) or (step["urn"] in replaced and step["op"] != "replace"):
            continue
        before, after = (_described(step[key]) if step.get(key) else None for key in ("oldState", "newState"))
        created, deleted = actions == ["create"], actions == ["delete"]
        yield _held(state, actions, None if created else before, None if deleted else after)


def _counts(state: Mapping[str, Any]) -> bool:
    return bool(state.get("custom") and not state.get("external") and not state["type"].startswith("pulumi:"))


def _described(state: Mapping[str, Any]) -> Described:
    secrets = frozenset(state.get("additionalSecretOutputs") or ())
    return Described(state.get("inputs") or {}, state.get("outputs") or {}, secrets)


def _held(
    state: Mapping[str, Any], actions: list[str], before: Described | None, after: Described | None
) -> Held:
    urn = str(state["urn"])
    made_from: dict[str, list[str]] = {
        key: list(urns or ()) for key, urns in (state.get("propertyDependencies") or {}).items()
    }
    return Held(urn, state["type"], urn.rpartition("::")[2], actions, before, after, made_from)
