"""What a tool gateway is made of: a role for each tool, rules that none can miss, and how it ends."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from agent_hosting import ToolGateway, reference_to_tools
from agent_hosting._tool_access import most_characters
from agent_hosting._tool_declarations import check_tools, rules_of
from agent_hosting._tool_lifecycle import missing_tools
from agent_hosting._validation import InputError, Inputs
from agent_runtime.gateway.declared import TOOLS_DOWN, GatewayRules
from agent_runtime.tool_spec import ToolSpec
from policies.framework.judge import Judge
from policies.framework.outcomes import Outcome
from policies.framework.settings import Settings
from policies.rules import all_rules
from policies.testing import program_resources
from tests.components.recorder import ACCOUNT, REGION, Program, World, refused, run
from tests.components.samples import (
    GATEWAY_TOOLS,
    PLATFORM,
    READ_ORDERS,
    SECRET_TEXT,
    agent_folder,
    bundle_id,
    gateway_args,
    in_clear,
    lambda_args,
    making,
)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(agent_folder(tmp_path_factory.mktemp("agent") / "one"))


@pytest.fixture
def program(source: str) -> Program:
    return run(making(ToolGateway, "one", source))


def granted(program: Program, role: str) -> dict[str, Any]:
    """Statements of the role by their titles."""
    (held,) = [p for p in program.all("RolePolicy") if p.name == f"{role}-policy"]
    return {statement["Sid"]: statement for statement in held.document("policy")["Statement"]}


def rules(program: Program) -> dict[str, Any]:
    (function,) = [f for f in program.all("Function") if f.name == "one-gateway"]
    with zipfile.ZipFile(function.inputs["code"]["path"]) as archive:
        return json.loads(archive.read("tools.json"))


def test_each_tool_has_a_role_that_does_what_it_declares_and_nothing_else(program: Program) -> None:
    reading, acting = granted(program, "one-tool-order-lookup"), granted(program, "one-tool-refund")
    assert set(reading) == {"WriteOwnLogs", "SendTraces", "ReadOrders"}
    assert reading["ReadOrders"] == READ_ORDERS
    assert set(acting) == {"WriteOwnLogs", "SendTraces", "ReadSecretsOfTools", "UseKeyThroughSecretsmanager"}
    (arn,) = acting["ReadSecretsOfTools"]["Resource"]
    assert "bank-key" in arn
    for role in program.all("Role"):
        expected = "one-boundary" if role.name == "one-gateway" else "boundary"
        assert (
            role.inputs["permissionsBoundary"].endswith(expected)
            or expected in role.inputs["permissionsBoundary"]
        )


def test_the_gateway_calls_declared_tools_and_reads_what_callers_connect(program: Program) -> None:
    held = granted(program, "one-gateway")
    assert set(held) == {
        "WriteOwnLogs",
        "SendTraces",
        "KeepAnswersAndCounts",
        "ReadPlacesAndBrakes",
        "CallDeclaredTools",
        "ReadSecretsOfTools",
        "UseKeyThroughSecretsmanager",
        "WriteAudit",
        "NeverEraseAudit",
        "TellAuditHeads",
    }
    called = [arn.rpartition("/")[2].rpartition(":")[2] for arn in held["CallDeclaredTools"]["Resource"]]
    assert called == ["one-tool-order-lookup-0a1b2c3", "one-tool-refund-0a1b2c3"]
    read = held["ReadPlacesAndBrakes"]
    assert (read["Action"], read["Resource"]) == ("dynamodb:GetItem", PLATFORM["control_table_arn"])
    assert read["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["handbook"]}}
    assert held["KeepAnswersAndCounts"]["Action"] == ["dynamodb:PutItem", "dynamodb:UpdateItem"]
    assert [s for s in held.values() if s["Resource"] == "*" and s["Sid"] != "SendTraces"] == []


def test_the_gateway_writes_a_trail_of_its_own_and_cannot_take_from_it(program: Program) -> None:
    held = granted(program, "one-gateway")
    (group,) = [g for g in program.all("LogGroup") if g.name == "one-audit"]
    assert (group.inputs["retentionInDays"], group.inputs["deletionProtectionEnabled"]) == (365, True)
    heads = held["TellAuditHeads"]["Condition"]["ForAllValues:StringEquals"]
    assert heads == {"dynamodb:LeadingKeys": ["one#audit"]}
    assert (held["NeverEraseAudit"]["Effect"], len(held["NeverEraseAudit"]["Resource"])) == ("Deny", 2)
    (gateway,) = [f for f in program.all("Function") if f.name == "one-gateway"]
    told = gateway.inputs["environment"]["variables"]
    assert told["AGENT_AUDIT_LOG_GROUP"].startswith("one-audit")
    assert told["AGENT_AUDIT_RETENTION_DAYS"] == "365"
    (lock,) = program.all("BucketObjectLockConfiguration")
    assert lock.inputs["rule"]["defaultRetention"] == {"mode": "GOVERNANCE", "days": 365}
    tools = [f for f in program.all("Function") if f.name.startswith("one-tool-")]
    assert not [f for f in tools if "AGENT_AUDIT_LOG_GROUP" in f.inputs["environment"]["variables"]]


def test_a_topic_of_its_own_is_told_of_alarms_unless_one_is_given(source: str, program: Program) -> None:
    (topic,) = program.all("Topic")
    assert topic.name == "one-alarms"
    assert topic.inputs["kmsMasterKeyId"]
    alarms = program.all("MetricAlarm")
    assert alarms
    assert all(alarm.inputs["alarmActions"] for alarm in alarms)
    given: Any = {
        "alarm_topic_arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:ours",
        "alarm_emails": ["a@example.com"],
    }
    other = run(making(ToolGateway, "one", source, **given))
    assert other.all("Topic") == []
    assert {a.inputs["alarmActions"][0] for a in other.all("MetricAlarm")} == {given["alarm_topic_arn"]}
    (mail,) = other.all("TopicSubscription")
    assert mail.inputs["endpoint"] == "a@example.com"


def test_the_gateway_looks_at_its_tools_by_schedule_and_tells_of_one_that_is_down(program: Program) -> None:
    (rule,) = [r for r in program.all("EventRule") if r.name == "one-health"]
    assert rule.inputs["scheduleExpression"] == "rate(5 minutes)"
    (target,) = [t for t in program.all("EventTarget") if t.name == "one-health-target"]
    assert "one-gateway" in target.inputs["arn"]
    (allowed,) = [p for p in program.all("Permission") if p.name == "one-health-permission"]
    assert allowed.inputs["principal"] == "events.amazonaws.com"
    assert "one-health" in allowed.inputs["sourceArn"]
    alarms = {alarm.name: alarm.inputs for alarm in program.all("MetricAlarm")}
    down = alarms["one-tools-down"]
    assert (down["metricName"], down["dimensions"]) == (TOOLS_DOWN, {"gateway": "one"})
    assert down["evaluationPeriods"] * down["period"] == 600
    assert "one-health-failures" in alarms


def test_each_tool_has_a_route_and_each_route_asks_for_a_token(program: Program) -> None:
    routes = {route.inputs["routeKey"]: route.inputs for route in program.all("Route")}
    assert set(routes) == {
        "POST /tools/order_lookup",
        "POST /tools/refund",
        "POST /tools/crm",
        "POST /tools/{name}",
        "ANY /mcp",
        "GET /health",
    }
    assert {route["authorizationType"] for route in routes.values()} == {"JWT"}


def test_the_rules_are_packed_beside_the_code_and_hold_no_secret(program: Program) -> None:
    found = GatewayRules.model_validate(rules(program))
    assert found.tools["refund"].effect == "destructive"
    assert found.tools["refund"].function_arn.endswith("one-tool-refund-0a1b2c3")
    assert "crm-key" in found.tools["crm"].secret_arn
    assert found.callers["client-handbook"].roles == ("finance",)
    assert not found.callers["client-desk"].is_agent
    assert SECRET_TEXT not in json.dumps(rules(program))
    assert in_clear(program.resources, SECRET_TEXT) == []


def test_one_changed_rule_is_another_version_of_the_gateway(source: str, program: Program) -> None:
    changed = {**GATEWAY_TOOLS, "crm": {**GATEWAY_TOOLS["crm"], "rate_per_minute": 5}}
    other = run(making(ToolGateway, "one", source, tools=changed))
    assert hash_of(other) != hash_of(program)
    assert hash_of(run(making(ToolGateway, "one", source))) == hash_of(program)


def hash_of(program: Program) -> str:
    (function,) = [f for f in program.all("Function") if f.name == "one-gateway"]
    return function.inputs["sourceCodeHash"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tools": {}}, "1 to 100 tools"),
        ({"tools": {"a-b": "crm", "a_b": "crm"}}, "differs in case"),
        ({"tools": {"name": "crm"}}, "differs in case"),
        ({"tools": {"crm": {"effect": "maybe"}}}, "tools.crm.effect"),
        ({"tools": {"crm": {"version": "2"}}}, "semantic version"),
        ({"tools": {"crm": {"url": None}}}, "either an `entrypoint` or a `url`"),
        ({"tools": {"crm": {"url": "https://other.example.com/"}}}, "destinations"),
        ({"tools": {"crm": {"url": "http://crm.example.com/"}}}, "not https"),
        ({"tools": {"crm": {"statements": [READ_ORDERS]}}}, "has no function"),
        ({"tools": {"crm": {"authorization_secret": "none"}}}, "no such name"),
        ({"tools": {"crm": {"effect": "destructive"}}}, "names the `roles`"),
        ({"tools": {"crm": {"input_schema": {"type": "string"}}}}, "type: object"),
        ({"tools": {"crm": {"timeout_seconds": 30}}}, "timeout_seconds"),
        ({"tools": {"crm": {"rate": 30}}}, "no such field"),
        ({"callers": {"a": {"client_id": "x"}, "b": {"client_id": "x"}}}, "each caller"),
        ({"callers": {"a": {}}}, "each caller"),
        ({"callers": {"one": {"client_id": "x"}}}, "the gateway's own name"),
        ({"callers": {f"a{n}": {"client_id": f"c{n}"} for n in range(12)}}, "12 agents need up to"),
        ({"alarm_emails": ["nobody"]}, "alarm_emails"),
        ({"audit_lock": "none"}, "audit_lock"),
        ({"audit_retention_days": 2}, "audit_retention_days"),
        ({"jwt": {"issuer": "http://login.example.com", "audiences": ["tools"]}}, "https URL"),
        ({"token_url": "http://login.example.com/"}, "https URL is needed"),
    ],
    ids=str,
)
def test_what_calls_could_not_be_held_to_is_refused(source: str, change: dict[str, Any], said: str) -> None:
    if isinstance(change.get("tools"), dict) and change["tools"]:
        first = {
            name: dict(GATEWAY_TOOLS["crm"]) if held == "crm" else {**GATEWAY_TOOLS["crm"], **held}
            for name, held in change["tools"].items()
        }
        change = {"tools": {n: {k: v for k, v in t.items() if v is not None} for n, t in first.items()}}
    assert said in str(refused(making(ToolGateway, "one", source, **change)))


def test_a_function_needs_its_folder() -> None:
    given = {"tools": GATEWAY_TOOLS, "callers": {"a": {"client_id": "a"}}}
    with pytest.raises(InputError, match="folder of the tools"):
        check_tools("one", given, Inputs("ToolGateway", "one", given))


def test_an_agent_is_connected_by_rights_on_its_own_runs_alone(source: str, tmp_path: Path) -> None:
    program = run(lambda: agent_behind(source, tmp_path))
    (read,) = [p for p in program.all("RolePolicy") if p.name == "handbook-tool-gateway"]
    first, key = read.document("policy")["Statement"]
    assert (first["Action"], first["Sid"]) == ("dynamodb:GetItem", "ReadRunsAndApprovals")
    assert first["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["handbook#*"]}}
    assert key["Action"] == ["kms:Decrypt"]
    assert read.inputs["role"] == "one-gateway-0a1b2c3"
    (place,) = [i for i in program.all("TableItem") if i.name == "handbook-tool-gateway-place"]
    document = json.loads(json.loads(place.inputs["item"])["document"]["S"])
    assert document == {"checkpoint_table": "handbook-checkpoints-0a1b2c3"}
    (function,) = [f for f in program.all("Function") if f.name == "handbook"]
    told = function.inputs["environment"]["variables"]
    assert told["AGENT_TOOL_GATEWAY_CLIENT"] == "client-handbook"
    assert told["AGENT_TOOL_GATEWAY"].startswith("https://")
    assert set(json.loads(told["AGENT_SECRETS"])) == {"api-key", "tool-gateway"}
    assert in_clear(program.resources, SECRET_TEXT) == []


def test_a_gateway_with_the_longest_names_has_policies_as_long_as_are_reckoned_with_at_most(
    source: str, tmp_path: Path
) -> None:
    long = {f"{'t' * 60}{n}": {**GATEWAY_TOOLS["order_lookup"]} for n in range(20)}
    keys = {f"{'s' * 40}{n}": SECRET_TEXT for n in range(10)}
    servers = {f"crm{n}": {**GATEWAY_TOOLS["crm"], "authorization_secret": key} for n, key in enumerate(keys)}
    given = {"tools": long | servers, "secrets": keys | {"bank-key": SECRET_TEXT, "crm-key": SECRET_TEXT}}
    program = run(making(ToolGateway, "g" * 24, source, **given))
    assert _characters(program, f"{'g' * 24}-gateway-policy") <= most_characters(20, 10, 0)
    behind = run(lambda: agent_behind(source, tmp_path))
    own = _characters(behind, "handbook-tool-gateway") + 3 * (40 - len("handbook"))
    assert own <= most_characters(0, 0, 1) - most_characters(0, 0, 0)


def _characters(program: Program, name: str) -> int:
    (held,) = [p for p in program.all("RolePolicy") if p.name == name]
    return len("".join(held.inputs["policy"].split()))


def agent_behind(source: str, folder: Path, **manifest: Any) -> Any:
    from agent_hosting import LambdaAgent

    tools = [{"name": "order_lookup", "read_only": True, "destination": "gateway"}]
    agent = agent_folder(folder / "behind", tools=tools, **manifest)
    args: Any = gateway_args(source)
    gateway = reference_to_tools(ToolGateway("one", args), args)
    given: Any = {**lambda_args(str(agent)), "platform": PLATFORM, "tool_gateway": gateway}
    return LambdaAgent("handbook", given)


@pytest.mark.parametrize("offered", [None, "other"])
def test_a_release_that_calls_what_the_gateway_has_not_is_refused(
    source: str, tmp_path: Path, offered: str | None
) -> None:
    from agent_hosting import LambdaAgent

    agent = agent_folder(tmp_path / "one", tools=[{"name": "crm_search", "destination": "gateway"}])

    def program() -> Any:
        args: Any = gateway_args(source)
        given: Any = {**lambda_args(str(agent)), "platform": PLATFORM}
        if offered:
            given["tool_gateway"] = reference_to_tools(ToolGateway("one", args), args)
        return LambdaAgent("handbook", given)

    assert "the manifest calls crm_search by it" in str(refused(program))


def test_a_tool_of_a_release_that_takes_runs_is_not_taken_away(source: str, tmp_path: Path) -> None:
    agent = agent_folder(tmp_path / "old", tools=[{"name": "stock", "destination": "gateway"}])
    world = serving(agent, "handbook")
    said = str(refused(making(ToolGateway, "one", source), world))
    assert "tool stock cannot be taken away" in said
    assert bundle_id(agent) in said
    kept = {**GATEWAY_TOOLS, "stock": {**GATEWAY_TOOLS["crm"], "effect": "read"}}
    assert run(making(ToolGateway, "one", source, tools=kept), serving(agent, "handbook")).all("Alias")


def serving(agent: Path, name: str) -> World:
    """A world in which the agent's only release takes every run."""
    from agent_hosting._manifests import manifest_item
    from agent_hosting._packaging import runtime_fingerprint
    from agent_runtime.bundle import bundle_from_folder

    bundle = bundle_from_folder(agent, runtime_fingerprint=runtime_fingerprint())
    traffic = {
        "agent": {"S": name},
        "item": {"S": "traffic"},
        "stable": {"S": bundle.bundle_id},
        "candidate_basis_points": {"N": "0"},
        "version": {"N": "1"},
    }
    held = {
        (item["agent"]["S"], item["item"]["S"]): item
        for item in (traffic, manifest_item(name, bundle, "", 1.0))
    }

    def answer(given: dict[str, Any]) -> dict[str, Any]:
        key = json.loads(given["key"])
        item = held.get((key["agent"]["S"], key["item"]["S"]))
        return {"item": json.dumps(item) if item else "", "tableName": given["tableName"]}

    return World(answers={"getTableItem": answer})


def test_only_tools_of_the_gateway_are_missed_there() -> None:
    tools = [ToolSpec(name="a", destination="gateway"), ToolSpec(name="b")]
    assert missing_tools(tools, []) == ["a"]
    assert missing_tools(tools, ["a"]) == []


def test_whole_numbers_that_came_through_another_language_stay_whole() -> None:
    args = {
        "tools": {"a": {"effect": "read", "version": "1.0.0", "url": "https://a", "timeout_seconds": 5.0}}
    }
    given = {**args, "callers": {"x": {"client_id": "x"}}, "destinations": ["a"]}
    check_tools("one", given, Inputs("ToolGateway", "one", given))
    assert rules_of("one", given, {}, {})["tools"]["a"]["timeout_seconds"] == 5
    with pytest.raises(InputError):
        check_tools("one", {**given, "destinations": []}, Inputs("ToolGateway", "one", given))


EXCUSED = {
    "C06": "A tool's function is called by the gateway, which waits for the answer: nothing is handed over.",
    "C27d": "Answers are forgotten after 30 days, and point-in-time recovery reaches back 35.",
    "C28b": "Keys of others' services have no API that changes them: their owner does by hand.",
}
"""As for our own stacks in stacks/policy-config.json."""


def test_nothing_else_of_it_is_what_the_policy_pack_blocks_in_production(source: str) -> None:
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/platform"
    given: Any = {"platform": {**PLATFORM, "key_arn": key}, "log_retention_days": 365}
    judge = Judge(all_rules(), Settings.of({"environment": "prod"}, {}))
    found = judge.everything(program_resources(run(making(ToolGateway, "one", source, **given))))
    assert [told.line for told in found if told.blocks and told.rule_id not in EXCUSED] == []
    assert Outcome.NOT_CHECKED not in {told.outcome for told in found}
