"""One permission model on three hosts: the same agent gets the same statements wherever it runs.

What a host alone needs is named below, each with its reason; all else must be equal to the letter.
"""

from functools import cache
from typing import Any

import pytest

from agent_hosting import EcsAgent, EksAgent, LambdaAgent
from tests.components.recorder import Program, run
from tests.components.samples import BEDROCK, CLUSTER, IMAGE, PLATFORM, agent_folder, making

OF_LAMBDA = {
    "WriteOwnLogs": "Lambda writes a function's log with the function's role",
    "SendTraces": "Lambda's own tracing sends with the function's role",
    "ReadOwnBrake": "the brake alone: an alias divides the calls, so that no traffic record is read",
    "SendFailures": "asynchronous calls that failed for good go to a queue",
    "UseKeyThroughSqs": "calls that failed go to a queue under the key of the checkpoints",
}
OF_QUEUES = {
    "ReadOwnControl": "brake and traffic record in one round trip: runs are handed over between releases",
    "TakeRuns": "runs come from queues",
    "SendRuns": "a run that waits goes back to a queue",
    "UseKeyThroughSqs": "queues are encrypted under a key",
}
OF_ECS = {**OF_QUEUES, "ProtectOwnTask": "a task at work is kept from being scaled in"}
OF_EKS = {
    **OF_QUEUES,
    "WriteOwnLogs": "no agent of the node writes a pod's log; on ECS the execution role does",
}
HOSTS: dict[str, tuple[type, dict[str, str]]] = {
    "lambda": (LambdaAgent, OF_LAMBDA),
    "ecs": (EcsAgent, OF_ECS),
    "eks": (EksAgent, OF_EKS),
}
SHARED = {
    "UseOwnCheckpoints",
    "KeepOwnThreads",
    "UseOwnLargeItems",
    "WriteAudit",
    "NeverEraseAudit",
    "TellAuditHeads",
    "FindDueSpend",
    "ShareBudgets",
    "TellOfSpending",
    "UseKeyThroughSns",
    "UseKeyThroughDynamodb",
    "UseKeyThroughS3",
    "ReadOwnSecrets",
    "UseKeyThroughSecretsmanager",
}
MODELS = {"key": {}, "bedrock": {"model": BEDROCK, "model_endpoint": None}}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(agent_folder(tmp_path_factory.mktemp("agent")))


@cache
def declared(source: str, host: str, model: str) -> Program:
    """One agent, declared alike but for its host. Run once, and only read."""
    release: dict[str, Any] = {"source": source}
    more: dict[str, Any] = {"secret_variables": None} if host == "ecs" else {}
    if host != "lambda":
        release["image"] = IMAGE
    if host == "eks":
        more = {"cluster": CLUSTER, "gateway": None, "destinations": None}
    given = {"platform": PLATFORM, "releases": [release], **MODELS[model], **more}
    return run(making(HOSTS[host][0], "handbook", source, **given))


def statements(program: Program) -> dict[str, Any]:
    return program.one("RolePolicy", "handbook-access").statements()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("host", HOSTS)
def test_an_agent_has_the_same_statements_on_every_host_but_for_what_the_host_needs(
    source: str, host: str, model: str
) -> None:
    found, own = statements(declared(source, host, model)), HOSTS[host][1]
    assert set(own) <= set(found), "what a host no longer needs is to be taken off the list"
    shared = {sid: statement for sid, statement in found.items() if sid not in own}
    assert set(shared) == SHARED | ({"CallOwnModel"} if model == "bedrock" else set())
    on_lambda = statements(declared(source, "lambda", model))
    assert shared == {sid: on_lambda[sid] for sid in shared}


def test_what_queues_need_is_the_same_on_both_hosts_that_have_them(source: str) -> None:
    on_ecs, on_eks = (statements(declared(source, host, "key")) for host in ("ecs", "eks"))
    assert {sid: on_ecs[sid] for sid in OF_QUEUES} == {sid: on_eks[sid] for sid in OF_QUEUES}


def test_a_log_is_written_by_the_same_statement_wherever_the_role_itself_writes(source: str) -> None:
    on_lambda, on_eks = (statements(declared(source, host, "key")) for host in ("lambda", "eks"))
    assert on_lambda["WriteOwnLogs"] == on_eks["WriteOwnLogs"]
    execution = declared(source, "ecs", "key").one("RolePolicy", "handbook-execution-access").statements()
    assert execution["WriteOwnLogs"] == on_eks["WriteOwnLogs"]


def below(program: Program, root: str) -> dict[tuple[str, str], Any]:
    """Inputs of all that lies below the component of this name."""
    by_urn = {made.urn: made for made in program.resources}

    def is_below(urn: str) -> bool:
        while urn in by_urn:
            if by_urn[urn].name == root and not by_urn[urn].custom:
                return True
            urn = by_urn[urn].parent
        return False

    return {(made.type, made.name): made.inputs for made in program.resources if is_below(made.parent)}


@pytest.mark.parametrize("part", ["handbook-secrets", "handbook-checkpoints", "handbook-budget"])
def test_secrets_checkpoints_and_brake_are_the_same_on_every_host(source: str, part: str) -> None:
    on_lambda, on_ecs, on_eks = (below(declared(source, host, "key"), part) for host in HOSTS)
    assert on_lambda == on_ecs == on_eks
    assert on_lambda, "there is something to compare"


@pytest.mark.parametrize("host", HOSTS)
def test_the_role_carries_the_same_boundary_on_every_host(source: str, host: str) -> None:
    role = declared(source, host, "key").one("Role", "handbook-identity").inputs
    assert role["permissionsBoundary"] == PLATFORM["boundary_arn"]
    assert "managedPolicyArns" not in role
    assert declared(source, host, "key").all("RolePolicyAttachment") == []


@pytest.mark.parametrize("role", ["submit", "status", "reaper", "rollout"])
def test_the_functions_around_the_queues_have_the_same_rights_on_both_hosts(source: str, role: str) -> None:
    on_ecs, on_eks = (
        declared(source, host, "key").one("RolePolicy", f"handbook-{role}-policy").statements()
        for host in ("ecs", "eks")
    )
    assert on_ecs == on_eks
