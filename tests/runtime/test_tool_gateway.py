"""What a tool gateway lets through, and that nothing is reached by what it refuses."""

import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime import brake
from agent_runtime.gateway.answers import Answers, Claim
from agent_runtime.gateway.calls import Identity, ToolCall
from agent_runtime.gateway.declared import Caller, GatewayTool, why_not
from agent_runtime.gateway.permissions import may_see, tenant_of
from agent_runtime.gateway.reaching import without
from agent_runtime.hosts.problems import Problem
from agent_runtime.hosts.tool import ToolFailed, ToolHost, ToolUse
from agent_runtime.records import SKEW_SECONDS, RunStatus
from tests.runtime.doors import Context
from tests.runtime.pretended import CONTROL, SECRET_TEXT
from tests.runtime.tool_gateway_world import AGENT, GUEST, USER_TOKEN, GatewayWorld

OFF = "e" * 32
KIND = "urn:agent-hosting:problem:"


@pytest.fixture
def world(aws: Any, serve: Callable[[Any], str], http_event: Any) -> GatewayWorld:
    return GatewayWorld(aws, serve, http_event)


def refused(world: GatewayWorld, reply: tuple[int, dict[str, Any]], status: int, kind: str) -> None:
    """As it says, told of in a metric, and nothing was reached."""
    assert (reply[0], reply[1]["type"]) == (status, KIND + kind)
    assert world.reached == 0
    assert (world.lines[-1]["outcome"], world.lines[-1]["GatewayRefused"]) == (kind, 1)


def test_a_call_reaches_its_tool_with_what_was_verified(world: GatewayWorld) -> None:
    assert world.post("lookup", {"order": "AB-1"}) == (200, {"result": {"found": True}})
    ((path, headers, body),) = world.tools.asked
    assert (path, body) == ("/tool", {"order": "AB-1"})
    assert (headers["agent-name"], headers["agent-tenant"]) == (AGENT, "acme")
    assert "authorization" not in headers
    line = world.lines[-1]
    assert (line["GatewayCalls"], line["GatewayRefused"], line["tool"]) == (1, 0, "lookup")


@pytest.mark.parametrize(
    ("tool", "given", "status", "kind"),
    [
        ("unknown", {}, 404, "unknown-tool"),
        ("lookup'; DROP", {}, 404, "unknown-tool"),
        ("lookup", {"arguments": {"order": "AB-1; rm -rf /"}}, 400, "arguments-refused"),
        ("lookup", {"arguments": {"order": "AB-1", "admin": True}}, 400, "arguments-refused"),
        ("lookup", {"arguments": [1]}, 400, "arguments-refused"),
        ("lookup", {"raw": "{"}, 400, "bad-request"),
        ("lookup", {"raw": "[" * 100_000}, 400, "bad-request"),
        ("lookup", {"raw": '{"arguments": {}, "tool": "refund"}'}, 400, "bad-request"),
        ("lookup", {"raw": "x" * 300_000}, 413, "too-large"),
        ("note", {"arguments": {"text": "x" * 100_000}}, 400, "arguments-refused"),
        ("note", {}, 400, "bad-request"),
        ("note", {"run_id": None, "idempotency_key": "k"}, 400, "bad-request"),
        ("note", {"run_id": "../other"}, 400, "bad-request"),
        ("note", {"tenant": "acme#other"}, 400, "bad-request"),
        ("fetch", {"arguments": {"page": "http://169.254.169.254/latest"}}, 403, "destination-refused"),
        ("fetch", {"arguments": {"page": "https://docs.example.com.evil.net/"}}, 403, "destination-refused"),
        ("fetch", {"arguments": {"page": "https://docs.example.com@evil.net/"}}, 403, "destination-refused"),
        ("fetch", {"arguments": {"page": ["https://docs.example.com"]}}, 403, "destination-refused"),
        ("mine", {}, 403, "user-token-needed"),
        ("private", {}, 403, "tool-forbidden"),
        ("lookup", {"client": "stranger", "arguments": {"order": "AB-1"}}, 403, "caller-unknown"),
        ("rare", {"client": "client-unconnected"}, 403, "caller-unknown"),
        ("rare", {"tenant": "other"}, 403, "run-refused"),
        ("rare", {"tenant": None}, 403, "tenant-refused"),
        ("rare", {"claims": {"tenant": "other"}}, 403, "tenant-refused"),
        ("ours", {"tenant": "other"}, 403, "tenant-refused"),
        ("rare", {"client": "client-limited", "tenant": "other"}, 403, "tenant-refused"),
        ("rare", {"run_id": "f" * 32}, 403, "run-refused"),
        ("refund", {"arguments": {"order": "AB-1"}, "idempotency_key": "k"}, 403, "approval-needed"),
        (
            "refund",
            {"arguments": {"order": "AB-1"}, "idempotency_key": "k", "approval": "000001"},
            403,
            "approval-refused",
        ),
        (
            "refund",
            {"arguments": {"order": "AB-1"}, "idempotency_key": "k", "approval": "../run"},
            403,
            "approval-refused",
        ),
    ],
)
def test_what_is_not_allowed_reaches_nothing(
    world: GatewayWorld, tool: str, given: dict[str, Any], status: int, kind: str
) -> None:
    before = world.aws.items()
    refused(world, world.post(tool, **given), status, kind)
    assert world.aws.items() == before, "the run is as it was, and nothing was spent or claimed in its name"
    assert SECRET_TEXT not in repr((world.lines, world.table.client.scan(TableName=world.table.name)))


def test_a_run_that_is_over_waits_or_lost_its_worker_calls_nothing(world: GatewayWorld) -> None:
    assert world.post("rare")[0] == 200
    world.tools.asked.clear()
    world.aws.clock.now += 600 + SKEW_SECONDS + 1
    refused(world, world.post("rare"), 403, "run-refused")
    world.aws.clock.now -= 600 + SKEW_SECONDS + 1
    world.store.leased.suspend(
        world.lease, RunStatus.WAITING_APPROVAL, due_at=world.aws.clock.now + 60, error="?"
    )
    refused(world, world.post("rare"), 403, "run-refused")


@pytest.mark.parametrize("apart", [-SKEW_SECONDS, SKEW_SECONDS])
def test_a_worker_whose_clock_is_minutes_off_calls_within_its_lease(
    world: GatewayWorld, apart: float
) -> None:
    store = world.aws.store(clock=world.aws.clock.skewed(apart))
    opened = store.open_run(run_id=OFF, tenant="acme", input={}, bundle_id="aaaaaaaaaaaa", lease_seconds=90)
    assert opened.lease is not None
    world.aws.clock.now += 80
    assert world.post("rare", run_id=OFF)[0] == 200
    store.leased.extend_lease(opened.lease, 90)
    world.aws.clock.now += 80
    assert world.post("rare", run_id=OFF)[0] == 200
    world.tools.asked.clear()
    world.aws.clock.now += 100 + 2 * SKEW_SECONDS
    refused(world, world.post("rare", run_id=OFF), 403, "run-refused")


def test_a_braked_agent_reaches_nothing(world: GatewayWorld) -> None:
    at = "2027-01-15T08:00:00.000Z"
    brake.engage(world.aws.dynamodb, CONTROL, AGENT, reason="too dear", engaged_by="ann", engaged_at=at)
    refused(world, world.post("lookup", {"order": "AB-1"}), 429, "braked")


def test_a_tool_is_called_as_often_as_its_rate_for_each_tenant(world: GatewayWorld) -> None:
    world.begin_run("other", 2)
    assert [world.post("rare")[0] for _ in range(3)] == [200, 200, 429]
    assert world.post("rare", tenant="other", run_id=f"{2:032x}")[0] == 200
    assert world.lines[-2]["outcome"] == "rate-limited"
    world.aws.clock.now += 60
    assert world.post("rare")[0] == 200


def test_a_key_acts_once_and_is_answered_the_same_again(world: GatewayWorld) -> None:
    first = world.post("note", {"a": 1}, idempotency_key="k")
    world.tools.answer = lambda _: ("200 OK", b'"another"')
    assert world.post("note", {"a": 1}, idempotency_key="k") == first == (200, {"result": {"found": True}})
    assert world.reached == 1
    assert world.lines[-1]["outcome"] == "ok"
    assert world.post("note", {"a": 2}, idempotency_key="k")[1]["type"] == KIND + "idempotency-mismatch"
    assert world.post("sure", {"a": 1}, idempotency_key="k")[1]["type"] == KIND + "idempotency-mismatch"
    assert world.reached == 1


@pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
def test_eight_calls_at_once_with_one_key_act_once(world: GatewayWorld) -> None:
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: world.post("note", {"a": 1}, idempotency_key="k"), range(8)))
    assert world.reached == 1
    kinds = {body.get("type", "result") for _, body in replies}
    assert kinds <= {"result", KIND + "call-in-progress"}
    assert world.post("note", {"a": 1}, idempotency_key="k") == (200, {"result": {"found": True}})
    assert world.reached == 1


@pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
def test_calls_at_once_go_over_no_rate(world: GatewayWorld) -> None:
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: world.post("rare")[0], range(8)))
    assert sorted(statuses) == [200] * 2 + [429] * 6


def test_a_call_whose_gateway_died_is_taken_over_only_where_the_tool_knows_the_key(
    world: GatewayWorld,
) -> None:
    answers = Answers(world.table, 30, world.aws.clock)
    for tool, repeatable in (("note", False), ("sure", True)):
        claim = answers.begin(AGENT, "acme", tool, tool, {}, seconds=20, repeatable=repeatable)
        assert isinstance(claim, Claim)
        answers.sends(claim, 20)
        going_on = world.post(tool, idempotency_key=tool)
        refused(world, going_on, 409, "call-in-progress")
    world.aws.clock.now += 30
    refused(world, world.post("note", idempotency_key="note"), 409, "in-doubt")
    assert world.post("sure", idempotency_key="sure")[0] == 200


def test_a_key_of_one_tenant_finds_no_answer_of_another(world: GatewayWorld) -> None:
    world.post("note", {"a": 1}, idempotency_key="k")
    run_id, _ = world.begin_run("other", 2)
    world.post("note", {"a": 1}, idempotency_key="k", tenant="other", run_id=run_id)
    assert world.reached == 2


def test_a_call_of_unknown_outcome_is_repeated_only_where_the_tool_knows_the_key(world: GatewayWorld) -> None:
    world.tools.answer = lambda _: ("500 Internal Server Error", b"")
    for tool in ("note", "sure"):
        assert world.post(tool, idempotency_key=tool)[1]["type"] == KIND + "tool-unavailable"
    world.tools.answer = lambda _: ("200 OK", b"1")
    assert world.post("note", idempotency_key="note")[1]["type"] == KIND + "in-doubt"
    assert world.post("sure", idempotency_key="sure") == (200, {"result": 1})
    keys = [headers["idempotency-key"] for _, headers, _ in world.tools.asked]
    assert keys == ["note", "sure", "sure"]


def test_what_the_tool_refused_may_be_tried_again_with_the_same_key(world: GatewayWorld) -> None:
    world.tools.answer = lambda _: ("422 Unprocessable Entity", b"")
    assert world.post("note", idempotency_key="k")[0] == 502
    world.tools.answer = lambda _: ("200 OK", b"1")
    assert world.post("note", idempotency_key="k") == (200, {"result": 1})


def test_a_redirect_is_not_followed(world: GatewayWorld) -> None:
    world.tools.answer = lambda _: ("302 Found", b"")
    world.tools.headers = [("location", "http://169.254.169.254/latest/meta-data")]
    assert world.post("lookup", {"order": "AB-1"})[1]["type"] == KIND + "tool-failed"
    assert world.reached == 1


@pytest.mark.parametrize("answer", [b"{", b'"' + b"x" * 300_000 + b'"', b"NaN"])
def test_an_answer_that_no_tool_gives_is_a_failure(world: GatewayWorld, answer: bytes) -> None:
    world.tools.answer = lambda _: ("200 OK", answer)
    assert world.post("lookup", {"order": "AB-1"})[1]["type"] == KIND + "tool-failed"
    assert (world.lines[-1]["GatewayFailed"], world.lines[-1]["GatewayRefused"]) == (1, 0)


def test_an_approval_lets_one_call_through_once(world: GatewayWorld) -> None:
    arguments = {"order": "AB-1"}
    approval = world.approve("refund", arguments)
    given = {"approval": approval, "idempotency_key": "k"}
    other = world.post("refund", {"order": "AB-2"}, **given)
    refused(world, other, 403, "approval-refused")
    assert world.post("refund", arguments, **given)[0] == 200
    by_id = {**given, "approval": f"{world.run_id}.{approval}"}
    assert world.post("refund", arguments, **by_id)[0] == 200  # the answer that is kept
    again = world.post("refund", arguments, approval=approval, idempotency_key="another")
    assert again[1]["type"] == KIND + "approval-refused"
    assert world.reached == 1


def test_an_approval_of_another_tool_or_a_denial_lets_nothing_through(world: GatewayWorld) -> None:
    arguments = {"order": "AB-1"}
    for path, (tool, verdict) in enumerate([("note", "approve"), ("refund", "deny")], 1):
        approval = world.approve(tool, arguments, verdict, path)
        reply = world.post("refund", arguments, approval=approval, idempotency_key="k")
        refused(world, reply, 403, "approval-refused")


def test_a_users_token_is_passed_on_and_neither_kept_told_nor_shown(
    world: GatewayWorld, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    headers = {"Agent-User-Token": USER_TOKEN}
    world.tools.answer = lambda _: ("200 OK", json.dumps({"said": f"Bearer {USER_TOKEN}"}).encode())
    assert world.post("mine", headers=headers) == (200, {"result": {"said": "Bearer ***"}})
    assert world.tools.asked[0][1]["authorization"] == f"Bearer {USER_TOKEN}"
    world.functions.reply = {"error": {"detail": f"{USER_TOKEN} is expired", "acted": False}}
    status, problem = world.post("own", headers=headers, idempotency_key="k")
    assert (status, problem["detail"]) == (502, "*** is expired")
    assert world.functions.events[0]["user_token"] == USER_TOKEN
    world.post("lookup", {"order": "AB-1"}, headers=headers)
    assert "authorization" not in world.tools.asked[-1][1]
    told = caplog.text + json.dumps(world.lines) + json.dumps(world.aws.items("gateway"))
    assert USER_TOKEN not in told + repr(caplog.records)


def test_a_tools_own_secret_goes_to_the_tool_alone(world: GatewayWorld) -> None:
    assert world.post("keyed")[0] == 200
    assert world.tools.asked[0][1]["authorization"] == SECRET_TEXT
    assert SECRET_TEXT not in json.dumps(world.lines)


def test_a_client_without_runs_speaks_for_the_tenant_of_its_token_and_destroys_nothing(
    world: GatewayWorld,
) -> None:
    as_guest: dict[str, Any] = {"client": GUEST, "claims": {"tenant": "acme"}, "run_id": None, "tenant": None}
    assert world.post("lookup", {"order": "AB-1"}, **as_guest)[0] == 200
    world.tools.asked.clear()
    refused(world, world.post("refund", {"order": "AB-1"}, **as_guest), 403, "tool-forbidden")
    refused(world, world.post("rare", **as_guest | {"claims": {}, "tenant": "acme"}), 403, "tenant-refused")


def test_health_tells_of_each_tool_that_the_caller_may_call(world: GatewayWorld) -> None:
    status, body = world.get("/health")
    assert status == 200
    assert body["tools"]["lookup"] == {"version": "1.0.0", "health": "ok"}
    assert "refund" in body["tools"]
    assert not {"private"} & body["tools"].keys()
    world.tools.answer = lambda _: ("503 Service Unavailable", b"")
    status, body = world.get("/health", GUEST)
    assert (status, body["tools"]["lookup"]["health"], body["tools"]["own"]["health"]) == (503, "down", "ok")
    assert "refund" not in body["tools"]
    assert world.reached == 0
    assert world.get("/health", "stranger")[0] == 403


def test_a_schedule_has_all_tools_looked_at_and_tells_which_are_down(world: GatewayWorld) -> None:
    tools = world.host.handle({"health": True}, Context())["tools"]
    assert {"private", "refund", "own"} <= tools.keys()
    assert set(tools.values()) == {"ok"}
    assert world.lines[-1]["ToolsDown"] == 0
    world.lines.clear()
    world.tools.answer = lambda _: ("503 Service Unavailable", b"")
    tools = world.host.handle({"health": True}, Context())["tools"]
    assert [name for name, health in tools.items() if health == "ok"] == ["own"]
    told = {line["tool"]: line["ToolDown"] for line in world.lines[:-1]}
    assert told == {name: int(health == "down") for name, health in tools.items()}
    assert world.lines[-1]["ToolsDown"] == len(tools) - 1
    for line in world.lines:
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        ((*dimensions,),) = directive["Dimensions"]
        assert {*dimensions, directive["Metrics"][0]["Name"]} <= line.keys()
    assert world.reached == 0


def test_what_an_unknown_name_says_makes_no_metric_of_its_own(world: GatewayWorld) -> None:
    world.post("x" * 500)
    line = world.lines[-1]
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["gateway"]]
    assert line["tool"] == ""


def test_a_tools_function_is_called_with_a_use_and_says_what_it_did_not_do() -> None:
    uses: list[ToolUse] = []

    def tool(use: ToolUse) -> Any:
        uses.append(use)
        if use.arguments["order"] == "none":
            raise ToolFailed("there is no such order")
        return {"order": use.arguments["order"]}

    host = ToolHost(lambda: tool, None)
    event = {
        "arguments": {"order": "AB-1"},
        "agent": AGENT,
        "tenant": "acme",
        "run_id": "r",
        "idempotency_key": "k",
    }
    assert host.handle({**event, "user_token": USER_TOKEN}) == {"result": {"order": "AB-1"}}
    assert uses[0].user_token is not None
    assert USER_TOKEN not in repr(uses[0])
    failed = host.handle({**event, "arguments": {"order": "none"}})
    assert failed == {"error": {"detail": "there is no such order", "acted": False}}
    assert host.handle({"health": True}) == {"result": "ok"}


NAMES = st.lists(st.sampled_from(["a", "b", "c"]), max_size=2).map(tuple)


@given(NAMES, NAMES, NAMES, st.booleans(), st.sampled_from(["read", "write", "destructive"]))
def test_nobody_sees_a_tool_without_one_of_its_roles(
    wanted: tuple[str, ...], held: tuple[str, ...], token: tuple[str, ...], is_agent: bool, effect: Any
) -> None:
    if effect == "destructive" and not wanted:
        return
    tool = GatewayTool(version="1.0.0", effect=effect, url="https://a", roles=wanted)
    seen = may_see(tool, Caller(name="x", roles=held, is_agent=is_agent), token)
    allowed = not wanted or bool({*held, *token} & {*wanted})
    assert seen == (allowed and (is_agent or effect != "destructive"))


TENANT = st.sampled_from(["", "a", "b"])


@given(TENANT, TENANT, NAMES, NAMES, st.booleans())
def test_a_call_is_for_a_tenant_that_everything_agrees_on(
    token: str, said: str, of_tool: tuple[str, ...], of_caller: tuple[str, ...], is_agent: bool
) -> None:
    tool = GatewayTool(version="1.0.0", effect="read", url="https://a", tenants=of_tool)
    caller, who = Caller(name="x", tenants=of_caller, is_agent=is_agent), Identity("x", token or None)
    try:
        tenant = tenant_of(tool, caller, who, ToolCall("t", {}, tenant=said))
    except Problem:
        return
    assert tenant == (token or said)
    assert not token or said in ("", token)
    assert token or is_agent
    assert all(not allowed or tenant in allowed for allowed in (of_tool, of_caller))


@given(st.text(max_size=40))
def test_no_url_but_those_of_listed_hosts_passes(text: str) -> None:
    for url in (text, f"https://{text}", f"https://a.example{text}", f"https://{text}a.example"):
        if why_not(url, ("a.example",)) is None:
            rest = url.lower().removeprefix("https://a.example")
            assert rest != url.lower()
            assert rest == "" or (rest[0] in "/?#:." and "@" not in rest.split("/")[0])


@given(st.recursive(st.text(max_size=8), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_a_secret_is_blotted_out_wherever_it_stands(value: Any) -> None:
    hidden = without({"a": [value, f"x{USER_TOKEN}y"], USER_TOKEN: USER_TOKEN}, USER_TOKEN)
    assert USER_TOKEN not in json.dumps(hidden)
