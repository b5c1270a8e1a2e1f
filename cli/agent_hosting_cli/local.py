"""The stack `local` from nothing to an answer, and back to nothing."""

import json
import urllib.request
from typing import Any

from agent_hosting_cli import cloud_process, kubernetes
from agent_hosting_cli.clients import admin_client
from agent_hosting_cli.engine import Engine
from agent_hosting_cli.progress import console, errors, step
from agent_hosting_cli.project import Project, UserError
from agent_hosting_cli.recovery import recover
from embedded_aws.addresses import Addresses
from embedded_aws.toolchain.dynamodb_local import dynamodb_local
from embedded_aws.toolchain.go import BuildFailed
from embedded_aws.toolchain.lambda_python import container_python, lambda_python
from embedded_aws.toolchain.pulumi_cli import pulumi_folder
from embedded_kubernetes.toolchain import binaries, definitions

QUESTION = "How often is the status page updated during a SEV1?"


def up(project: Project) -> Any:
    """Deploys the stack and asks its first agent; returns the Answer."""
    from agent_hosting_cli import asking

    if not project.stack_file("local").is_file():
        raise UserError(f"{project.stack_file('local')} is missing: it says which agents to deploy")
    cluster_wanted = kubernetes.is_wanted(project)
    tools(with_cluster=cluster_wanted and kubernetes.own_cluster(project) is None)
    with step("embedded cloud") as current:
        cloud = cloud_process.start(project, current.say)
    cluster = None
    if cluster_wanted:
        with step("Kubernetes") as current:
            cluster = kubernetes.start(project, cloud, current.say)
    engine = Engine(project, pulumi_folder(lambda _: None), cloud, cluster or kubernetes.attached(project))
    seen = project.kept / "deployed-to"
    fresh = not seen.exists() or seen.read_text() != cloud.instance_id
    with step("stack local") as current:
        recover(engine, current.say)
        # A cloud that was started anew holds nothing of what Pulumi remembers: then it looks first.
        engine.up(refresh=fresh and engine.has_stack(), say=current.say)
        seen.write_text(cloud.instance_id)
    agents = status(project)["agents"]
    if not agents:
        raise UserError("the stack has no agent")
    with step("first question"):
        return asking.ask(project, next(iter(agents)), QUESTION, session=None, tenant="demo")


def down(project: Project) -> None:
    cloud = cloud_process.running(project)
    seen = project.kept / "deployed-to"
    if cloud is not None:
        with step("destroying the stack local") as current:
            cluster = kubernetes.attached(project)
            if cluster is None and kubernetes.is_wanted(project):
                cluster = kubernetes.start(project, cloud, current.say)
            engine = Engine(project, pulumi_folder(current.say), cloud, cluster)
            if engine.has_stack():
                recover(engine, current.say)
                engine.destroy()
    pid = cloud_process.stop(project)
    seen.unlink(missing_ok=True)
    console.print(f"stopped process {pid}" if pid else "nothing was running", markup=False)


def tools(*, with_cluster: bool) -> None:
    """Finds or builds what the embedded cloud needs, and the programs of a Kubernetes cluster."""
    try:
        with step("Pulumi") as current:
            pulumi_folder(current.say)
        with step("Lambda interpreter") as current:
            lambda_python(current.say)
        with step("container interpreter") as current:
            container_python(current.say)
        if with_cluster:
            with step("Kubernetes") as current:
                binaries(current.say)
                definitions(current.say)
    except BuildFailed as error:
        raise UserError(str(error)) from None


def stores() -> None:
    """Finds or gets DynamoDB Local: tests alone use it, and say themselves that they are skipped without."""
    with step("DynamoDB Local"):
        dynamodb_local(lambda text: errors.print(f"      {text}", markup=False))


def engine(project: Project) -> Engine:
    cloud = require_cloud(project)
    return Engine(project, pulumi_folder(lambda _: None), cloud, kubernetes.attached(project))


def status(project: Project) -> dict[str, Any]:
    """The stack's agents with their local addresses, and what the cloud records without emulating it."""
    cloud = require_cloud(project)
    outputs = engine(project).outputs()
    with urllib.request.urlopen(f"{cloud.endpoint_url}/_embedded/recorded", timeout=10) as answer:
        recorded = json.loads(answer.read())
    return {
        "agents": {
            name: {**agent, "local_url": _local_url(cloud, agent.get("url") or "")}
            for name, agent in outputs.items()
            if agent.get("checkpoint_table_name")  # a stack exports more than agents
        },
        "recorded": recorded,
    }


def agent_of(project: Project, agent: str) -> dict[str, Any]:
    """One agent of `status`. Raises `UserError` for a name that the stack does not have."""
    found = status(project)["agents"].get(agent)
    if found is None:
        raise UserError(f"the stack has no agent {agent!r}; `agent-hosting status` lists them")
    return found


def workers(project: Project, agent: str) -> list[dict[str, Any]]:
    """The agent's worker processes, as `{bundle, task, pid}`."""
    cloud = require_cloud(project)
    found = agent_of(project, agent)
    if found["host"] == "eks":
        raise UserError(
            f"{agent} runs in pods: kubectl -n {found['namespace']} get pods -l agent-hosting/agent={agent} "
            "lists them; `agent-hosting env` says how kubectl finds the cluster"
        )
    ecs = admin_client(cloud, "ecs")
    cluster, listed = found.get("cluster_name"), []
    for bundle, service in (found.get("service_names") or {}).items():
        arns = ecs.list_tasks(cluster=cluster, serviceName=service, desiredStatus="RUNNING")["taskArns"]
        tasks = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
        for task in tasks:
            pids = [int(one["runtimeId"]) for one in task["containers"] if one.get("runtimeId")]
            listed += [
                {"bundle": bundle, "task": task["taskArn"].rsplit("/", 1)[1], "pid": pid} for pid in pids
            ]
    if not found.get("service_names"):
        raise UserError(f"{agent} runs on {found['host']}: it has no workers")
    return listed


def require_cloud(project: Project) -> Addresses:
    cloud = cloud_process.running(project)
    if cloud is None:
        raise UserError("the embedded cloud does not run; start it with `make up`")
    return cloud


def _local_url(cloud: Addresses, url: str) -> str:
    """`https://ID.execute-api…` of AWS as the embedded cloud answers it: by API id, on one port."""
    api = url.removeprefix("https://").split(".")[0]
    return f"{cloud.http_url}/{api}" if api else ""
