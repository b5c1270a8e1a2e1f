"""The same agent on each host: one line of the stack's YAML differs, and nothing that callers see, nor what
an operator sees who stops it."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.end_to_end import held_up
from tests.end_to_end.deployments import Deployment
from tests.end_to_end.held_up import HeldUp
from tests.end_to_end.people import Person, operator
from tests.end_to_end.rights import assert_used

pytestmark = pytest.mark.end_to_end
HOSTS = ("lambda", "ecs", "eks")
LET_GO = "its worker has let it go"


@pytest.fixture(scope="module")
def deployed(deployment: Deployment) -> Deployment:
    source = held_up.make_source(deployment.root)
    with deployment.edit() as config:
        agents = config["agent-hosting:agents"]
        handbook = agents["handbook"]
        agents.clear()
        handbook.pop("run_profile")
        for host in HOSTS:
            agents[f"on-{host}"] = handbook | {"source": source, "host": host}
    deployment.run("up")
    return deployment


@pytest.fixture(scope="module")
def person(deployed: Deployment) -> Person:
    return operator(deployed)


def test_the_same_source_remembers_on_each_host(deployed: Deployment) -> None:
    told, asked = "My sister is called Grace.", "What is my sister called?"
    answers = {host: [_said(deployed, host, text) for text in (told, asked)] for host in HOSTS}
    first, second = answers["lambda"]
    assert (first["turn"], second["turn"]) == (1, 2)
    assert "Grace" in second["answer"]
    assert all(answers[host] == [first, second] for host in HOSTS)


def test_a_run_in_a_pod_is_stopped_with_proof_and_the_others_go_on(
    deployed: Deployment, person: Person
) -> None:
    stopped, other = HeldUp(deployed, "on-eks", "stopped"), HeldUp(deployed, "on-eks", "other")
    elsewhere = HeldUp(deployed, "on-ecs", "elsewhere")
    listed = {line["run_id"]: line for line in person.json("runs", "list", "--status", "running")}
    assert {run: (line["agent"], line["host"]) for run, line in listed.items()} == {
        stopped.run_id: ("on-eks", "eks"),
        other.run_id: ("on-eks", "eks"),
        elsewhere.run_id: ("on-ecs", "ecs"),
    }

    assert _stopped(person, [stopped], "--run", stopped.run_id) == {stopped.run_id: LET_GO}
    other.go_on()
    elsewhere.go_on()
    for run in (other, elsewhere):
        run.wait(lambda found: found["status"] == "DONE")
        assert run.steps == ["listen", "recall", "answer"]
    _stays_stopped(stopped)

    assert person.json("runs", "resume", stopped.run_id, "--why", "mended")["goes_on"] == "at once"
    ended = stopped.wait(lambda found: found["status"] == "DONE")
    assert (ended["output"]["turn"], stopped.steps) == (1, ["listen", "recall", "answer"])


def test_an_agent_in_pods_is_stopped_as_a_whole_and_takes_no_new_runs(
    deployed: Deployment, person: Person
) -> None:
    runs = [HeldUp(deployed, "on-eks", f"one-of-all-{n}") for n in range(2)]
    elsewhere = HeldUp(deployed, "on-ecs", "not-of-all")
    proofs = _stopped(person, runs, "--agent", "on-eks")
    assert proofs == {run.run_id: LET_GO for run in runs}
    assert runs[0].ask("new")[0] == 429
    elsewhere.go_on()
    assert elsewhere.wait(lambda found: found["status"] == "DONE")["output"]["turn"] == 1
    for run in runs:
        _stays_stopped(run)
    person.run("brake", "release", "on-eks", "--why", "the test is over")


def test_the_agents_did_all_they_need_under_their_own_roles(deployment: Deployment) -> None:
    assert_used(deployment, __file__)


def _said(deployment: Deployment, host: str, text: str) -> dict[str, Any]:
    found = deployment.run("ask", f"on-{host}", text, "--session", "ada", "--json")
    return json.loads(found)["output"]


def _stopped(person: Person, runs: list[HeldUp], *which: str) -> dict[str, Any]:
    """How it is known of each that it stopped. The command does not come back before their steps have ended
    that were under way."""
    with ThreadPoolExecutor(1) as pool:
        stop = pool.submit(person.json, "runs", "stop", *which, "--why", "it is only a test", "--yes")
        for run in runs:
            run.wait(lambda found: found["status"] == "PARKED")
        assert not stop.done(), stop.result()
        for run in runs:
            run.go_on()
        told = stop.result()
    assert told["not_stopped"] == []
    return {line["run_id"]: line["proof"] for line in told["stopped"]}


def _stays_stopped(run: HeldUp) -> None:
    """Of the step that was under way nothing counts, and no later one was begun."""
    assert run.wait(lambda found: True)["status"] == "PARKED"
    assert run.steps == ["listen"]
    assert not run.has_replied
