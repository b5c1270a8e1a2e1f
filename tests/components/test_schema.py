"""The contract that other languages see: a change of it is seen in review, or it fails here."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from pulumi.provider.experimental.component import ComponentProvider

import agent_hosting
from tests.components.samples import COMPONENTS

SNAPSHOT = Path(__file__).parent / "schema.snapshot.json"
RENEW = "UPDATE_SNAPSHOT=1 pytest tests/components/test_schema.py"


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return json.loads(ComponentProvider(COMPONENTS, "agent-hosting", version="0.1.0").schema)


def described(schema: dict[str, Any]) -> dict[str, Any]:
    """Every property of the schema by its path."""
    found: dict[str, Any] = {}
    for token, resource in schema["resources"].items():
        for kind in ("inputProperties", "properties"):
            found |= {f"{token}.{kind}.{name}": held for name, held in resource.get(kind, {}).items()}
    for token, held_type in schema.get("types", {}).items():
        found |= {f"{token}.{name}": held for name, held in held_type.get("properties", {}).items()}
    return found


def test_the_schema_is_the_one_that_was_reviewed(schema: dict[str, Any]) -> None:
    text = json.dumps(schema, indent=2, sort_keys=True) + "\n"
    if os.environ.get("UPDATE_SNAPSHOT"):
        SNAPSHOT.write_text(text)
    assert text == SNAPSHOT.read_text(), (
        f"the contract changed; if that is meant, renew the snapshot with: {RENEW}"
    )


def test_every_component_that_is_exported_is_in_the_schema(schema: dict[str, Any]) -> None:
    exported = {name for name in agent_hosting.__all__ if f"{name}Args" in agent_hosting.__all__}
    assert {token.rpartition(":")[2] for token in schema["resources"]} == exported
    assert {component.__name__ for component in COMPONENTS} == exported


def test_every_component_and_every_input_and_output_is_described(schema: dict[str, Any]) -> None:
    bare = [path for path, held in described(schema).items() if not held.get("description")]
    bare += [token for token, resource in schema["resources"].items() if not resource.get("description")]
    assert bare == []


def test_a_description_is_one_sentence_or_more_and_ends(schema: dict[str, Any]) -> None:
    ends = (".", "`.", ":")
    assert [
        p for p, held in described(schema).items() if not held["description"].rstrip().endswith(ends)
    ] == []


def test_no_component_asks_for_more_than_four_inputs(schema: dict[str, Any]) -> None:
    required = {
        token.rpartition(":")[2]: sorted(resource.get("requiredInputs", []))
        for token, resource in schema["resources"].items()
    }
    assert required == {
        "Agent": ["monthlyBudgetUsd", "releases"],
        "AgentCluster": [],
        "AgentBudget": ["agentName", "monthlyBudgetUsd", "platform"],
        "AgentBundle": ["source"],
        "AgentIdentity": ["boundaryArn"],
        "AgentNetwork": ["boundaryArn"],
        "AgentPlatform": [],
        "CanaryTraffic": ["functionName", "versions"],
        "CheckpointTable": [],
        "EcsAgent": ["monthlyBudgetUsd", "releases"],
        "EksAgent": ["monthlyBudgetUsd", "releases"],
        "FrontDoor": ["functions", "jwt"],
        "LambdaAgent": ["monthlyBudgetUsd", "releases"],
        "RolloutGroup": ["members", "platform"],
        "RunQueue": ["alarmTopicArn", "keyArn"],
        "SecretScope": ["readerRoleArn", "secrets"],
        "ToolGateway": ["callers", "jwt", "platform", "tools"],
    }


def test_optional_inputs_say_their_default_or_what_leaving_them_out_means(schema: dict[str, Any]) -> None:
    said = (
        "Default",
        "Omit",
        "Needed",
        "Replaces",
        "Price",
        "Zip",
        "Id of",
        "Folder of",
        "Overrides",
        "Value by name",
    )
    silent = [
        f"{token}.{name}"
        for token, resource in schema["resources"].items()
        for name, held in resource["inputProperties"].items()
        if name not in resource.get("requiredInputs", []) and not any(s in held["description"] for s in said)
    ]
    assert silent == []


TOLD_APART_ON_EKS = {
    *("jwt", "maxReceives", "queueRetentionDays", "retainData", "shares", "tenantShare"),
    *("turnTimeoutSeconds", "visibilitySeconds"),
}
"""There are pods where the others have workers."""


def test_inputs_of_the_chooser_are_those_of_its_hosts_and_two_of_its_own(schema: dict[str, Any]) -> None:
    agent, *hosts = (
        schema["resources"][f"agent-hosting:index:{name}"]["inputProperties"]
        for name in ("Agent", "LambdaAgent", "EcsAgent", "EksAgent")
    )
    assert set(agent) - set().union(*hosts) == {"host", "runProfile"}
    # Their text tells what each host makes of them.
    told_apart = {"memoryMb", "releases", *TOLD_APART_ON_EKS}
    for hosted in hosts:
        for name in hosted.keys() - told_apart:
            assert agent[name] == hosted[name], name
        for name in hosted.keys() & told_apart:
            assert {agent[name].get(k) == hosted[name].get(k) for k in ("type", "$ref", "plain")} == {True}, (
                name
            )
