"""Cases are run by the real runtime on threads, and no case can spoil the others."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from agent_hosting_cli.evaluation.cases import Case
from agent_hosting_cli.evaluation.results import TIMED_OUT, CaseResult
from agent_hosting_cli.evaluation.running import CaseRunner
from agent_hosting_cli.evaluation.surroundings import EvaluationOver, Surroundings, surroundings
from agent_hosting_cli.project import UserError
from agent_runtime.bundle import Bundle, ModelSpec
from agent_runtime.models.client import Completion, ModelClient, ModelRequest
from agent_runtime.run import Run
from agent_runtime.runner import Runner

SPEC = ModelSpec(
    provider="openai", name="m-v1", input_usd_per_million_tokens=1, output_usd_per_million_tokens=10
)
BUNDLE = Bundle(
    entrypoint="agent:answer",
    model=SPEC,
    prompts={},
    code={},
    secrets=("key",),
    max_steps=5,
    max_model_calls=3,
    runtime_fingerprint="test",
)
Run_cases = Callable[..., list[CaseResult]]


class Echo:
    """A model that repeats the last message."""

    def complete(self, _spec: ModelSpec, request: ModelRequest) -> Completion:
        return Completion(request.messages[-1]["content"], 100, 10)


@pytest.fixture
def around() -> Iterator[Surroundings]:
    with surroundings("helper", {"key": "sk-1"}) as made:
        yield made


@pytest.fixture
def run(around: Surroundings) -> Run_cases:
    def start(
        agent: Any, *inputs: dict[str, Any], at_once: int = 4, timeout: float = 30, **more: Any
    ) -> list[CaseResult]:
        runner = Runner(
            agent,
            bundle=BUNDLE,
            store=around.store,
            brake=around.brake,
            secrets=around.secrets,
            models=ModelClient(SPEC, Echo()),
        )
        cases = [Case(id=str(number), input=given) for number, given in enumerate(inputs)]
        return CaseRunner(runner, "helper", timeout_seconds=timeout, **more).run(cases, at_once=at_once)

    return start


def test_each_case_keeps_its_output_steps_cost_and_latency(run: Run_cases) -> None:
    def agent(run: Run) -> dict[str, Any]:
        found = run.step("search", lambda: run.input["n"])
        text = run.model(messages=[{"role": "user", "content": str(found)}]).text
        return {"answer": text, "key": run.secret("key").reveal()}

    results = run(agent, *({"n": n} for n in range(20)), at_once=8)
    assert [result.output for result in results] == [{"answer": str(n), "key": "sk-1"} for n in range(20)]
    for result in results:
        assert result.steps == (("search", False), ("model", False))
        assert result.usage is not None
        assert result.usage.cost_usd == pytest.approx(0.0002)
        assert result.latency_ms > 0
        assert result.calls_of({"search"}) == ["search"]


def test_an_agent_that_raises_is_a_failed_case_whose_text_nobody_sees(
    run: Run_cases, capfd: pytest.CaptureFixture[str]
) -> None:
    def agent(run: Run) -> dict[str, Any]:
        if run.input.get("exits"):
            raise SystemExit("sk-do-not-show")
        raise KeyError("sk-do-not-show")

    failed, exited = run(agent, {}, {"exits": True})
    assert (failed.status, failed.reason, failed.output) == ("FAILED", "KeyError", None)
    assert (exited.status, exited.reason) == ("FAILED", "SystemExit")
    said = capfd.readouterr()
    assert "sk-do-not-show" not in repr((failed, exited)) + said.out + said.err


def test_a_run_that_waits_for_a_person_is_an_escalation_and_one_that_sleeps_is_none(run: Run_cases) -> None:
    def agent(run: Run) -> dict[str, Any]:
        if run.input["asks"]:
            run.approve("publish", summary="publish it?")
        run.sleep("later", 3600)
        return {}

    asked, slept = run(agent, {"asks": True}, {"asks": False})
    assert (asked.status, asked.is_escalated, asked.is_done) == ("WAITING_APPROVAL", True, False)
    assert (slept.status, slept.is_escalated, slept.is_done) == ("SLEEPING", False, False)


def test_a_case_that_takes_too_long_is_given_up_and_the_others_are_not(run: Run_cases) -> None:
    let_go, ended = threading.Event(), threading.Event()

    def agent(run: Run) -> dict[str, Any]:
        if run.input["waits"]:
            let_go.wait(30)
            ended.set()
        return {}

    try:
        late, quick = run(agent, {"waits": True}, {"waits": False}, timeout=0.5, at_once=2)
    finally:
        let_go.set()
    assert (late.status, late.reason, late.usage) == (TIMED_OUT, "no end within 0.5 s", None)
    assert late.latency_ms >= 500
    assert quick.is_done
    assert ended.wait(10)


def test_a_run_that_was_given_up_gets_no_model_any_more(run: Run_cases) -> None:
    let_go, errors, ended = threading.Event(), list[str](), threading.Event()

    def agent(run: Run) -> dict[str, Any]:
        let_go.wait(30)
        try:
            run.model(messages=[{"role": "user", "content": "?"}])
        except Exception as error:
            errors.append(type(error).__name__)
            raise
        finally:
            ended.set()
        return {}

    run(agent, {}, timeout=0.05)
    let_go.set()
    assert ended.wait(10)
    assert errors == ["ModelUnavailable"]


def test_no_more_cases_run_at_a_time_than_are_allowed(run: Run_cases) -> None:
    lock, running, most = threading.Lock(), 0, 0

    def agent(run: Run) -> dict[str, Any]:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        run.step("work", lambda: 1)
        with lock:
            running -= 1
        return {}

    run(agent, *({} for _ in range(12)), at_once=3)
    assert 1 <= most <= 3


def test_what_an_agent_prints_stays_out_of_what_is_printed(
    run: Run_cases, capsys: pytest.CaptureFixture[str]
) -> None:
    def agent(run: Run) -> dict[str, Any]:
        print("from the agent")
        return {}

    assert run(agent, {})[0].is_done
    said = capsys.readouterr()
    assert "from the agent" not in said.out
    assert "from the agent" in said.err


def test_a_mistake_while_scoring_ends_the_evaluation(run: Run_cases) -> None:
    def scoring(case: Case, result: CaseResult) -> CaseResult:
        raise UserError(f"no score for {case.id}")

    with pytest.raises(UserError, match="no score for"):
        run(lambda run: {}, *({} for _ in range(9)), then=scoring, at_once=2)


def test_an_agents_own_calls_to_aws_end_in_memory(run: Run_cases, monkeypatch: pytest.MonkeyPatch) -> None:
    def agent(run: Run) -> dict[str, Any]:
        client = boto3.client("dynamodb", region_name="us-east-1")
        return {"tables": client.list_tables()["TableNames"]}

    assert run(agent, {})[0].output == {"tables": ["checkpoints", "control"]}


def test_an_address_or_a_profile_in_the_environment_leads_nothing_astray(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with surroundings("helper", {"key": "sk-2"}) as made:
        assert made.secrets.get("key").reveal() == "sk-2"
        assert made.brake.reason() is None


def test_nothing_is_written_once_the_evaluation_is_over() -> None:
    with surroundings("helper", {"key": "sk-1"}) as made:
        pass
    with pytest.raises(EvaluationOver):
        made.secrets.get("key")


def test_bedrock_alone_is_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "mine")
    sent: list[str] = []
    with surroundings("helper", {}, real_credentials=True):
        client = boto3.client("bedrock-runtime", region_name="us-east-1")

        def stop(request: Any, **_: Any) -> None:
            sent.append(request.headers["Authorization"].decode())
            raise ConnectionRefusedError

        client.meta.events.register_last("before-send.bedrock-runtime", stop)
        with pytest.raises(ConnectionRefusedError):
            client.converse(modelId="m-v1", messages=[{"role": "user", "content": [{"text": "?"}]}])
    assert "Credential=mine/" in sent[0]
