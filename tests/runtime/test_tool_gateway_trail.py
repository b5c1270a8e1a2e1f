"""What a tool gateway writes on the trail of its own, and what it does not do without."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from agent_runtime.audit.trail import must_be_kept
from agent_runtime.errors import AuditUnavailable
from tests.runtime.pretended import SECRET_TEXT
from tests.runtime.tool_gateway_world import AGENT, GUEST, GatewayWorld, rules

KIND = "urn:agent-hosting:problem:"


class Trail:
    """Notes entries; while it fails nothing is kept."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.fails: Callable[[str, dict[str, Any]], bool] = lambda _, __: False

    def record(self, kind: str, *, run_id: str = "", tenant: str = "", **what: Any) -> None:
        if self.fails(kind, what):
            raise AuditUnavailable("the trail cannot be written")
        self.entries.append({"kind": kind, "run_id": run_id, "tenant": tenant, **what})

    def flush(self) -> None: ...

    def told(self) -> list[tuple[str, str, str]]:
        """(tool, who, effect or outcome) of the calls."""
        calls = [entry for entry in self.entries if entry["kind"] == "tool-call"]
        return [(e["tool"], e["who"], e.get("effect") or f"= {e['outcome']}") for e in calls]


@pytest.fixture
def trail() -> Trail:
    return Trail()


@pytest.fixture
def world(aws: Any, serve: Callable[[Any], str], http_event: Any, trail: Trail) -> GatewayWorld:
    world = GatewayWorld(aws, serve, http_event)
    world.trail = trail
    world.host = world.made(rules(world.url))
    return world


def test_a_call_that_acts_is_told_before_and_after_it_and_one_that_reads_before_it(
    world: GatewayWorld, trail: Trail
) -> None:
    assert world.post("lookup", {"order": "AB-1"})[0] == 200
    assert world.post("note", {"text": "a"}, idempotency_key="k")[0] == 200
    assert trail.told() == [("lookup", AGENT, "read"), ("note", AGENT, "write"), ("note", AGENT, "= done")]
    assert {(entry["run_id"], entry["tenant"]) for entry in trail.entries} == {(world.run_id, "acme")}


def test_an_answer_that_was_kept_is_no_call(world: GatewayWorld, trail: Trail) -> None:
    for _ in range(2):
        world.post("note", {"text": "a"}, idempotency_key="k")
    assert trail.told() == [("note", AGENT, "write"), ("note", AGENT, "= done")]


def test_a_client_that_is_no_agent_is_told_of_too(world: GatewayWorld, trail: Trail) -> None:
    as_guest: dict[str, Any] = {"client": GUEST, "claims": {"tenant": "acme"}, "run_id": None, "tenant": None}
    assert world.post("note", {"text": "a"}, idempotency_key="k", **as_guest)[0] == 200
    assert trail.told() == [("note", "guest", "write"), ("note", "guest", "= done")]


def test_refusals_of_declared_callers_are_told_by_their_kind_alone(world: GatewayWorld, trail: Trail) -> None:
    world.post("lookup", {"order": "AB-1' OR 1=1"})
    world.post("drop_tables")
    world.post("note", {"text": "a"}, idempotency_key="k", run_id="f" * 32)
    assert trail.told() == [
        ("lookup", AGENT, "= arguments-refused"),
        ("unknown", AGENT, "= unknown-tool"),
        ("note", AGENT, "= run-refused"),
    ]
    assert "OR 1=1" not in repr(trail.entries)
    assert "drop_tables" not in repr(trail.entries)
    assert world.post("lookup", {"order": "AB-1"}, client="nobody")[0] == 403
    assert len(trail.entries) == 3  # whoever has a token of the issuer must not fill the trail


def test_an_act_is_not_done_without_its_entry_and_may_be_tried_again(
    world: GatewayWorld, trail: Trail
) -> None:
    trail.fails = must_be_kept
    status, problem = world.post("note", {"text": "a"}, idempotency_key="k")
    assert (status, problem["type"]) == (503, KIND + "state-unavailable")
    assert world.reached == 0
    trail.fails = lambda _, __: False
    assert world.post("note", {"text": "a"}, idempotency_key="k")[0] == 200
    assert world.reached == 1


def test_what_has_happened_is_answered_although_its_outcome_is_not_kept(
    world: GatewayWorld, trail: Trail, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    trail.fails = lambda _, what: "outcome" in what
    assert world.post("note", {"text": "a"}, idempotency_key="k")[0] == 200
    assert "outcome not on the trail" in caplog.text


def test_a_secret_of_a_tool_is_told_before_it_is_read_and_a_call_without_that_has_done_nothing(
    world: GatewayWorld, trail: Trail
) -> None:
    trail.fails = lambda kind, _: kind == "secret-read"
    assert world.post("keyed-act", {"text": "a"}, idempotency_key="k")[0] == 503
    assert world.reached == 0
    trail.fails = lambda _, __: False
    assert world.post("keyed-act", {"text": "a"}, idempotency_key="k")[0] == 200
    (read,) = [entry for entry in trail.entries if entry["kind"] == "secret-read"]
    assert (read["secret"], read["run_id"], read["tenant"]) == ("keyed-act", world.run_id, "acme")
    assert SECRET_TEXT not in repr(trail.entries)
