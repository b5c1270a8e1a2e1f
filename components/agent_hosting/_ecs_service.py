"""The workers of one release: its task definition, its service, and whether that service runs it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from agent_hosting._container_releases import WorkerRelease
from agent_hosting._ecs_limits import EcsLimits
from agent_hosting._ecs_scaling import scale
from agent_hosting._ecs_task import task_definition
from agent_hosting._lookups import running_service
from agent_hosting.agent_platform import PlatformReference


@dataclass(frozen=True)
class Crew:
    """What the workers of all releases of one agent share."""

    agent: str
    limits: EcsLimits
    processor: str
    platform: PlatformReference
    variables: Mapping[str, pulumi.Input[str]]
    secret_variables: Mapping[str, pulumi.Input[str]]
    log: aws.cloudwatch.LogGroup
    role_arn: pulumi.Input[str]
    execution_role_arn: pulumi.Input[str]
    access: list[pulumi.Resource]
    """Policies without which a worker could not start."""
    tags: Any
    parent: pulumi.Resource
    recorded = ("task_definition",)

    def deploy(
        self, release: WorkerRelease, queue: Mapping[str, pulumi.Input[str]], least: pulumi.Input[int]
    ) -> dict[str, pulumi.Output[str]]:
        """Workers for `release`, `least` of them at least. Gives `service_name`, and `task_definition` once
        the service is seen to run it. `queue` is what `RunQueue` told."""
        name = f"{self.agent}-{release.bundle_id}"
        limits, tags = self.limits, {**self.tags, "bundle": release.bundle_id}
        task = task_definition(
            name,
            release,
            processor=self.processor,
            cpu_units=limits.cpu_units,
            memory_mb=limits.memory_mb,
            stop_seconds=limits.stop_seconds,
            variables={
                **self.variables,
                "AGENT_BUNDLE_ID": release.bundle_id,
                "AGENT_QUEUE_URL": queue["queue_url"],
            },
            secret_variables=self.secret_variables,
            log=self.log,
            role_arn=self.role_arn,
            execution_role_arn=self.execution_role_arn,
            tags=tags,
            parent=self.parent,
        )
        service = self._service(name, task, tags)
        scale(
            name,
            cluster_name=self.platform["cluster_name"],  # type: ignore[typeddict-item]
            service_name=service.name,
            queue_name=queue["queue_name"],
            least=least,
            most=limits.max_workers,
            runs_per_worker=limits.runs_per_worker,
            tags=tags,
            parent=self.parent,
        )
        running = pulumi.Output.all(
            cluster=self.platform["cluster_arn"],  # type: ignore[typeddict-item]
            service=service.name,
            declared=task.arn,
            arn=service.arn,  # only a service that exists has one
        ).apply(lambda found: self._running(release.bundle_id, found))
        return {"service_name": service.name, "task_definition": running}

    def _service(self, name: str, task: aws.ecs.TaskDefinition, tags: Any) -> aws.ecs.Service:
        return aws.ecs.Service(
            name,
            cluster=self.platform["cluster_arn"],  # type: ignore[typeddict-item]
            task_definition=task.arn,
            # A new release proves itself with one task, whatever its least is: none would always be steady.
            desired_count=1,
            capacity_provider_strategies=strategy(self.limits.spot_share),
            force_new_deployment=True,  # ECS takes another strategy only with a deployment
            network_configuration={
                "subnets": self.platform["subnet_ids"],  # type: ignore[typeddict-item]
                "security_groups": self.platform["security_group_ids"],  # type: ignore[typeddict-item]
                "assign_public_ip": False,
            },
            deployment_circuit_breaker={"enable": True, "rollback": True},
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            enable_execute_command=False,
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            wait_for_steady_state=True,
            tags=tags,
            opts=pulumi.ResourceOptions(
                parent=self.parent, depends_on=self.access, ignore_changes=["desiredCount"]
            ),
        )

    async def _running(self, bundle_id: str, found: dict[str, str]) -> str:
        """A service that ECS rolled back is steady, too: what it runs is the only proof."""
        declared, service = found["declared"], found["service"]
        if pulumi.runtime.is_dry_run():
            return declared
        running, events = await running_service(found["cluster"], service, self.parent)
        if revision(running) != revision(declared):
            raise pulumi.RunError(
                f"EcsAgent {self.agent!r}: release {bundle_id} does not run. ECS rolled its service "
                f"{service} back to {revision(running) or 'nothing'} in place of {revision(declared)}. "
                f"ECS said: {' | '.join(events[:5]) or 'nothing.'} What the worker said is in the agent's "
                f"log group, in streams that begin with {bundle_id}. No traffic was moved; correct the "
                f"release, or take it off the list."
            )
        return declared


def revision(task_definition_arn: str) -> str:
    """`family:revision`."""
    return task_definition_arn.rpartition("/")[2]


def strategy(spot_share: float) -> list[Any]:
    """The first task is never on Spot, so that one worker stays when AWS takes its spare capacity back."""
    spot = round(spot_share * 100)
    usual = {"capacity_provider": "FARGATE", "base": 1, "weight": 100 - spot}
    return [usual, {"capacity_provider": "FARGATE_SPOT", "weight": spot}] if spot else [usual]
