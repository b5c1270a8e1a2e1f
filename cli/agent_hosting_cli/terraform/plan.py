"""A preview of a stack, or its state, as the JSON of a Terraform plan.

The form is that of `terraform show -json`: https://developer.hashicorp.com/terraform/internals/json-format.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from agent_hosting_cli.terraform import names, values
from agent_hosting_cli.terraform.states import Described, Held, resources

_FORMAT, _TERRAFORM = "1.2", "1.9.8"
"""Of the plan's form, and of a Terraform that writes it."""
_REGISTRY: Final = "registry.terraform.io/hashicorp/"
_CALLED_BY: Final = ("arn", "id", "name", "bucket", "url", "keyId", "roleName")
"""Properties by which others name a resource."""
_SHORTEST_NAME: Final = 4
"""Characters. What is shorter is found in any text."""


def plan_of(told: Mapping[str, Any]) -> dict[str, Any]:
    """The plan of what `pulumi preview --json` or `pulumi stack export` told."""
    addressed = _addressed(resources(told))
    called = {held.urn: (address, _names_of(held)) for held, address in addressed}
    planned: list[dict[str, Any]] = []
    changes: list[dict[str, Any]] = []
    configured: list[dict[str, Any]] = []
    for held, address in addressed:
        kind, _, name = address.partition(".")
        provider = kind.partition("_")[0]
        base = {"address": address, "mode": "managed", "type": kind, "name": name}
        provided = {**base, "provider_name": _REGISTRY + provider}
        before, after = (_described(one, held, kind, called) for one in (held.before, held.after))
        changes.append({**provided, "change": _change(held.actions, before, after)})
        if after is not None:
            marks = after.sensitive or {}
            planned.append(
                {**provided, "schema_version": 0, "values": after.value, "sensitive_values": marks}
            )
            expressions = _expressions(after.references or {})
            configured.append({**base, "provider_config_key": provider, "expressions": expressions})
    return {
        "format_version": _FORMAT,
        "terraform_version": _TERRAFORM,
        "planned_values": {"root_module": {"resources": planned}},
        "resource_changes": changes,
        "configuration": {
            "provider_config": _providers(configured, told.get("config") or {}),
            "root_module": {"resources": configured},
        },
    }


def left_out(told: Mapping[str, Any]) -> list[str]:
    """Resources without a type in Terraform, as `type name`: they are not in the plan."""
    return [f"{held.type} {held.name}" for held in resources(told) if names.type_of(held.type) is None]


def _addressed(many: Iterable[Held]) -> list[tuple[Held, str]]:
    """Each resource that Terraform has a type for, with an address of its own."""
    taken: set[str] = set()
    found: list[tuple[Held, str]] = []
    for held in many:
        kind = names.type_of(held.type)
        if kind is None:
            continue
        plain = address = f"{kind}.{re.sub(r'[^A-Za-z0-9_-]', '_', held.name)}"
        count = 1
        while address in taken:
            count += 1
            address = f"{plain}_{count}"
        taken.add(address)
        found.append((held, address))
    return found


def _names_of(held: Held) -> dict[str, str]:
    """What the resource is called, with the property that says so."""
    described = held.after or held.before
    properties = described.properties if described else {}
    called = {key: properties.get(key) for key in _CALLED_BY}
    return {
        text: key for key, text in called.items() if isinstance(text, str) and len(text) >= _SHORTEST_NAME
    }


Called = Mapping[str, tuple[str, Mapping[str, str]]]


def _described(described: Described | None, held: Held, kind: str, called: Called) -> values.Told | None:
    if described is None:
        return None

    def refer(key: str) -> values.Refer:
        others = [called[urn] for urn in held.dependencies.get(key, ()) if urn in called]
        return lambda name, value: _references(name, value, others)

    if kind == names.MANIFEST:
        return values.manifest(described, refer)
    if kind.startswith("kubernetes_"):
        untyped = {k: v for k, v in described.inputs.items() if k not in ("apiVersion", "kind")}
        described = Described(untyped, {}, described.secrets)
    return values.told(described, held.type, kind, refer)


def _references(name: str, value: Any, others: list[tuple[str, Mapping[str, str]]]) -> list[str]:
    """Behind a value that is unknown stands all that its property was made from; else what the text names."""
    found: list[str] = []
    for address, texts in sorted(others, key=lambda other: not _is_meant(name, other[0])):
        attribute = "arn" if name.endswith(("arn", "arns")) else "id"
        if isinstance(value, str) and value not in (values.UNKNOWN, values.SENSITIVE):
            said = [text for text in texts if text in value]
            if not said:
                continue
            attribute = names.snake(texts[max(said, key=len)])
        found += [f"{address}.{attribute}", address]
    return found if isinstance(value, str) else []


def _is_meant(name: str, address: str) -> bool:
    """Whether the property's name speaks of the resource's type, as `subnet_ids` does of `aws_subnet`: Pulumi
    tells all that a value waits for, and tools take the first reference for the value."""
    words = address.partition(".")[0].split("_")[1:]
    return any("_".join(words[n:]) in name for n in range(len(words)))


def _expressions(references: Any) -> Any:
    """`{"references": …}` at each property, nested in blocks."""
    if isinstance(references, dict):
        return {key: _expressions(one) for key, one in references.items()}
    if any(isinstance(one, dict) for one in references):
        return [_expressions(one) for one in references]
    return {"references": references}


def _change(actions: list[str], before: values.Told | None, after: values.Told | None) -> dict[str, Any]:
    return {
        "actions": actions,
        "before": before.value if before else None,
        "after": after.value if after else None,
        "after_unknown": after.unknown if after else {},
        "before_sensitive": (before.sensitive or {}) if before else False,
        "after_sensitive": (after.sensitive or {}) if after else False,
    }


def _providers(configured: list[dict[str, Any]], config: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in sorted({one["provider_config_key"] for one in configured}):
        found[name] = {"name": name, "full_name": _REGISTRY + name}
        if name == "aws" and isinstance(region := config.get("aws:region"), str):
            found[name]["expressions"] = {"region": {"constant_value": region}}
    return found
