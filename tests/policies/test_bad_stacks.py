"""Stacks that break one thing, each a program of its own, are found out in exactly what they break.

What is expected lies beside each program, by resource. When a new rule finds more there, look at it, and then
`UPDATE_SNAPSHOT=1 pytest tests/policies/test_bad_stacks.py`.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from policies.framework.outcomes import Finding, Outcome
from policies.rules import all_rules
from policies.testing import findings

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
"""pulumi_aws deprecates names of its own while it is imported."""
STACKS = sorted(path for path in (Path(__file__).parent / "bad_stacks").iterdir() if path.is_dir())
BROKEN = {
    "agent-without-budget": "AG01",
    "canary-without-alarm": "AG05",
    "logs-for-ever": "C37",
    "malformed-documents": "C30",
    "open-security-group": "C42",
    "privileged-pod-in-a-rollout": "C45b",
    "queue-without-dead-letters": "AG10",
    "role-without-boundary": "AG17",
    "secret-in-a-variable": "C07",
    "secret-with-two-readers": "AG08",
    "wide-open-function": "C02",
}
"""Rule that each was written for."""


def by_resource(found: list[Finding]) -> dict[str, dict[str, list[str]]]:
    """Ids of rules by resource: those that block in prod, and those that only tell."""
    told: dict[str, dict[str, set[str]]] = {"blocks": {}, "tells": {}}
    for one in found:
        if one.outcome is Outcome.WAIVER:
            continue
        held = told["blocks" if one.blocks else "tells"]
        held.setdefault(one.urn.rpartition("::")[2], set()).add(one.rule_id)
    return {kind: {name: sorted(ids) for name, ids in sorted(held.items())} for kind, held in told.items()}


def expected(stack: Path) -> dict[str, Any]:
    return json.loads((stack / "expected.json").read_text())


def test_the_stacks_are_these() -> None:
    assert [stack.name for stack in STACKS] == sorted(BROKEN)


@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: stack.name)
def test_a_bad_stack_is_found_out_in_what_it_breaks_and_nothing_else(stack: Path) -> None:
    found = by_resource(findings(stack, environment="prod", project=stack.name))
    if os.environ.get("UPDATE_SNAPSHOT"):
        (stack / "expected.json").write_text(json.dumps(found, indent=2) + "\n")
    assert found == expected(stack)


@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: stack.name)
def test_a_bad_stack_is_blocked_for_what_it_was_written_for(stack: Path) -> None:
    broken = BROKEN[stack.name]
    if broken not in {rule.id for rule in all_rules()}:
        pytest.skip(f"the pack has no rule {broken}")
    assert broken in {id_ for ids in expected(stack)["blocks"].values() for id_ in ids}
