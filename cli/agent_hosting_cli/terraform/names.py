"""Terraform's names for Pulumi's types and properties, by rule; what the rules miss is in `names.yaml`."""

import re
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

MANIFEST: Final = "kubernetes_manifest"
"""Type of a Kubernetes object of a kind that Terraform does not know by name."""


@cache
def _told() -> dict[str, Any]:
    return yaml.safe_load((Path(__file__).parent / "names.yaml").read_text())


@cache
def type_of(token: str) -> str | None:
    """Terraform's type, such as `aws_lambda_function` for `aws:lambda/function:Function`; None where the
    token is neither of AWS nor of Kubernetes."""
    if token in _told()["types"]:
        return _told()["types"][token]
    package, module, name = token.split(":")
    if package == "kubernetes":
        return f"kubernetes_{snake(name)}" if name in _told()["kinds"] else MANIFEST
    if package != "aws":
        return None
    service = module.partition("/")[0]
    for begin, own in _told()["prefixes"].get(service, {}).items():
        if name.startswith(begin):
            return f"aws_{own}_{snake(name.removeprefix(begin))}"
    prefix = _told()["modules"].get(service, service)
    return f"aws_{prefix}_{snake(name)}" if prefix else f"aws_{snake(name)}"


def property_of(kind: str, key: str, *, blocks: bool = False) -> str:
    """Terraform's name for a property of the type `kind`; a block has the singular of Pulumi's list."""
    renamed = {**_told()["properties"]["*"], **_told()["properties"].get(kind, {})}
    if key in renamed:
        return renamed[key]
    name = snake(key)
    plural = _told()["plural"]
    kept = {*plural.get(kind, ()), *plural.get(kind.partition("_")[0], ())}
    return singular(name) if blocks and name not in kept else name


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-rt-z])", "_", name).lower()


def singular(name: str) -> str:
    """The other way of how Pulumi makes a plural of a block's name."""
    if name.endswith("ies"):
        return f"{name[:-3]}y"
    if re.search(r"(ss|x|ch|sh|us)es$", name):
        return name[:-2]
    return name[:-1] if re.search(r"[^su]s$", name) else name
