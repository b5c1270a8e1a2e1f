"""The tool gateway of a stack: read from YAML as the guide shows it, and wired to the agents that call it."""

import json
import re
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from agent_hosting._audit_trail import check_audit
from agent_hosting._tool_declarations import check_tools
from agent_hosting._tool_trail import check_alarms
from agent_hosting._validation import Inputs
from agent_hosting.stack_config import read_stack
from tests.components.recorder import run
from tests.components.samples import PLATFORM

ROOT = Path(__file__).parents[2]


def shown() -> dict[str, Any]:
    """The configuration that the guide shows, by key."""
    text = (ROOT / "docs" / "tool-gateway.md").read_text()
    (snippet,) = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return yaml.safe_load(snippet)


def given(config: dict[str, Any]) -> dict[str, str]:
    return {"aws:region": "eu-west-1"} | {key: json.dumps(value) for key, value in config.items()}


def told(change: dict[str, Any] | None, *, jwt: bool = True) -> str:
    config = shown()
    if change is not None:
        config["agent-hosting:tool_gateway"] |= change
    if not jwt:
        del config["agent-hosting:jwt"]
    with pytest.raises(pulumi.RunError) as caught:
        read_stack("dev", given(config))
    return str(caught.value)


def test_what_the_guide_shows_can_be_deployed() -> None:
    stack, found = read_stack("dev", given(shown())), dict[str, Any]()

    def program() -> None:
        config = pulumi.Config("agent-hosting")
        found["gateway"] = stack.tool_gateway_args(Path("/project"), config, PLATFORM)
        found["agent"] = stack.agent_args("handbook", "dev", Path("/project"), config)

    secrets = {"agent-hosting:handbook.tool-gateway": "hidden", "agent-hosting:tool-gateway.crm-key": "key"}
    run(program, config=given(shown()) | secrets)
    args = found["gateway"]
    check_tools("tools", args, Inputs("ToolGateway", "tools", args))
    assert args["jwt"] == {"issuer": "https://login.example.com/", "audiences": ["tools"]}
    assert args["source"] == str(Path("/project/tools"))
    assert set(args["secrets"]) == {"crm-key"}
    assert "client_secret" in args["callers"]["handbook"]
    offered = {"order_lookup": "1.4.2", "crm_note": "2.0.0", "refund": "1.0.0"}
    assert found["agent"]["tool_versions"] == offered


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"tool": {}},
            "agent-hosting:tool_gateway.tool is {}: no such field; known are alarm_emails, ",
        ),
        ({"callers": {"handbook": {"client": "x"}}}, "callers.handbook.client_id: Field required"),
        ({"callers": {}}, "tool_gateway.callers is {}: Dictionary should have at least 1 item"),
        ({"tools": {}}, "tool_gateway.tools is {}: Dictionary should have at least 1 item"),
    ],
    ids=str,
)
def test_a_mistake_is_told_with_its_path(change: dict[str, Any], said: str) -> None:
    assert said in told(change)


def test_a_gateway_needs_the_issuer_of_the_stack() -> None:
    assert "tool_gateway needs agent-hosting:jwt" in told(None, jwt=False)


def test_no_agent_has_the_gateways_name() -> None:
    config = shown()
    config["agent-hosting:agents"] |= {"tools": config["agent-hosting:agents"]["handbook"]}
    with pytest.raises(pulumi.RunError, match="rename the agent"):
        read_stack("dev", given(config))


def test_who_is_told_and_how_long_the_trail_is_kept_can_be_said() -> None:
    config = shown()
    more = {"alarm_emails": ["a@example.com"], "audit_lock": "compliance", "audit_retention_days": 731}
    config["agent-hosting:tool_gateway"] |= more
    stack, found = read_stack("dev", given(config)), dict[str, Any]()

    def program() -> None:
        found["args"] = stack.tool_gateway_args(Path("/project"), pulumi.Config("agent-hosting"), PLATFORM)

    secrets = {"agent-hosting:handbook.tool-gateway": "hidden", "agent-hosting:tool-gateway.crm-key": "key"}
    run(program, config=given(config) | secrets)
    args = found["args"]
    inputs = Inputs("ToolGateway", "tools", args)
    check_alarms("tools", args, inputs)
    assert check_audit({**args, "retain_data": True}, inputs) == 731
    assert list(args["alarm_emails"]) == ["a@example.com"]
