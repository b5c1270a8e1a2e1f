"""The rule starts from a valid role and breaks one property; the pack loads in the real engine."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

_RULE = Path(__file__).parents[2] / "policies" / "rules" / "permission_boundary_on_agent_roles.py"
_VALID = {"tags": {"agent": "handbook"}, "permissionsBoundary": "arn:aws:iam::123456789012:policy/boundary"}


@pytest.fixture(scope="module")
def check() -> Callable[..., None]:
    spec = importlib.util.spec_from_file_location("permission_boundary_rule", _RULE)
    assert spec is not None
    assert spec.loader is not None
    rule = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rule)
    return rule.check


def _violations(
    check: Callable[..., None], props: dict[str, Any], kind: str = "aws:iam/role:Role"
) -> list[str]:
    found: list[str] = []
    check(SimpleNamespace(resource_type=kind, props=props), lambda told, _urn: found.append(told))
    return found


def test_a_role_with_a_boundary_is_compliant(check: Callable[..., None]) -> None:
    assert _violations(check, _VALID) == []


def test_an_agents_role_without_a_boundary_is_told_what_to_set(check: Callable[..., None]) -> None:
    (told,) = _violations(check, {"tags": _VALID["tags"]})
    assert "permissions_boundary" in told


@pytest.mark.parametrize(
    ("kind", "props"), [("aws:iam/role:Role", {"tags": {}}), ("aws:sqs/queue:Queue", {})]
)
def test_what_is_no_agents_role_is_not_judged(
    check: Callable[..., None], kind: str, props: dict[str, Any]
) -> None:
    assert _violations(check, props, kind) == []
