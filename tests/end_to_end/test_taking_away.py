"""What a release leaves behind, and when it cannot be taken away, through the real command line."""

import json
import shutil
from typing import Any

import pytest
import yaml

from agent_runtime.rollout.record import Phase
from tests.end_to_end.deployments import Deployment
from tests.end_to_end.rollouts import Rollout

pytestmark = pytest.mark.end_to_end


def listing(deployment: Deployment, *bundles: str, **rollout: Any) -> None:
    with deployment.edit() as config:
        handbook = config["agent-hosting:agents"]["handbook"]
        handbook["releases"] = list(bundles)
        handbook["rollout"] |= rollout


def lineage(deployment: Deployment) -> dict[str, dict[str, Any]]:
    found = json.loads(deployment.run("release", "lineage", "handbook", "--json"))
    return {known["bundle_id"]: known for known in found}


def items(rollout: Rollout) -> set[str]:
    """Keys of the agent's items in the control table."""
    found = rollout.deployment.client("dynamodb").query(
        TableName=rollout.agent["control_table_name"],
        KeyConditionExpression="agent = :agent",
        ExpressionAttributeValues={":agent": {"S": "handbook"}},
    )
    return {item["item"]["S"] for item in found["Items"]}


def test_a_release_goes_only_when_nobody_needs_it_and_its_manifest_stays(deployment: Deployment) -> None:
    rollout = Rollout(deployment, "lambda", watch_seconds=3600)
    first = rollout.deploy()
    second = rollout.deploy("    pass\n")
    rollout.until(lambda record: record.candidate == second)
    rollout.promote_to(second)
    assert rollout.record().phase is Phase.WATCH

    listing(deployment, second)
    refused = deployment.run("up", ok=False)
    assert f"release {first} of agent handbook is what {second} goes back to" in refused
    assert "agent-hosting release status handbook" in refused
    assert {f"release#{first}", f"release#{second}"} <= items(rollout)

    listing(deployment, first, second, watch_seconds=0)
    deployment.run("up")
    rollout.until(lambda record: record.phase is Phase.STEADY)
    listing(deployment, second)
    deployment.run("up")
    assert f"release#{first}" not in items(rollout)
    before = lineage(deployment)
    assert (before[first]["parent"], before[second]["parent"]) == (None, first)
    assert (before[first]["share"], before[second]["share"]) == (0, 100)

    listing(deployment, second, first)
    deployment.run("up")
    assert lineage(deployment) == before, "what was written once is never written again"
    deployment.pulumi("preview", "--stack", "local", "--expect-no-changes")
    told = json.loads(deployment.run("bundle", "diff", first, second, "--agent", "handbook", "--json"))
    assert told["difference"] == {"code": ["~ agent.py"]}

    manifest = deployment.root / "examples" / "01-first-turn" / "agent.yaml"
    asked = {"tools": [{"name": "search", "version": ">=2.0.0 <3.0.0"}]}
    manifest.write_text(yaml.safe_dump({**yaml.safe_load(manifest.read_text()), **asked}))
    with deployment.edit() as config:
        config["agent-hosting:agents"]["handbook"]["tool_versions"] = {"search": "1.4.2"}
    third = rollout.deploy()
    rollout.until(lambda record: record.candidate == third)
    reason = "tool search is needed in >=2.0.0 <3.0.0, and 1.4.2 is offered here"
    assert rollout.status()["next"] == {"action": "hold", "reason": reason}
    assert reason in deployment.run("release", "promote", "handbook", "--why", "in a hurry", ok=False)

    # All of an agent goes at once, and all of a stack too.
    shutil.copytree(deployment.root / "releases" / "handbook", deployment.root / "releases" / "other")
    with deployment.edit() as config:
        agents = config["agent-hosting:agents"]
        agents["other"] = {
            **agents.pop("handbook"),
            "releases": [third],
            "tool_versions": {"search": "2.0.1"},
        }
    deployment.run("up")
    assert set(deployment.status()["agents"]) == {"other"}
    destroy = ("destroy", "--yes", "--skip-preview", "--stack", "local")
    assert "--run-program" in deployment.pulumi(*destroy, ok=False)
    deployment.pulumi(*destroy, "--run-program")
