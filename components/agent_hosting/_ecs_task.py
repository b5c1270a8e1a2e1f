"""The container that a worker runs in."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from agent_hosting._container_releases import WorkerRelease

CONTAINER = "agent"
_USER = "65532:65532"
"""`nonroot` of the distroless images; by number, since ECS cannot tell a name that is root from one that is
not."""
_SCRATCH = "scratch"
_PROCESSORS = {"arm64": "ARM64", "x86_64": "X86_64"}
ARCHIVE_LABEL = "agent-hosting.archive"
"""Where the zip lies that the embedded cloud runs in place of an image."""


def task_definition(
    name: str,
    release: WorkerRelease,
    *,
    processor: str,
    cpu_units: int,
    memory_mb: int,
    stop_seconds: int,
    variables: Mapping[str, pulumi.Input[str]],
    secret_variables: Mapping[str, pulumi.Input[str]],
    log: aws.cloudwatch.LogGroup,
    role_arn: pulumi.Input[str],
    execution_role_arn: pulumi.Input[str],
    tags: Any,
    parent: pulumi.Resource,
) -> aws.ecs.TaskDefinition:
    """`secret_variables` is ARN of the secret by variable."""
    options = pulumi.InvokeOutputOptions(parent=parent)
    container: dict[str, Any] = {
        "name": CONTAINER,
        "image": release.image,
        "essential": True,
        "command": ["python", "-m", "agent_runtime", "work"],
        "user": _USER,
        "readonlyRootFilesystem": True,
        # An image that declares `VOLUME /tmp` hands its owner and mode on to this volume; else root owns it:
        # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bind-mounts.html
        "mountPoints": [{"sourceVolume": _SCRATCH, "containerPath": "/tmp", "readOnly": False}],  # noqa: S108
        # An init process passes SIGTERM on to Python and reaps what tools leave behind.
        "linuxParameters": {"initProcessEnabled": True, "capabilities": {"drop": ["ALL"]}},
        "stopTimeout": stop_seconds,
        "environment": [{"name": key, "value": variables[key]} for key in sorted(variables)],
        "secrets": [{"name": key, "valueFrom": arn} for key, arn in sorted(secret_variables.items())],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": log.name,
                "awslogs-region": aws.get_region_output(opts=options).region,
                "awslogs-stream-prefix": release.bundle_id,
                # A worker whose log blocks would miss its heartbeats, and lose its runs with them.
                "mode": "non-blocking",
                "max-buffer-size": "25m",
            },
        },
    }
    if release.archive is not None:
        container["dockerLabels"] = {ARCHIVE_LABEL: release.archive}
    return aws.ecs.TaskDefinition(
        name,
        family=name,
        container_definitions=pulumi.Output.json_dumps([container]),
        cpu=str(cpu_units),
        memory=str(memory_mb),
        network_mode="awsvpc",
        requires_compatibilities=["FARGATE"],
        runtime_platform={"operating_system_family": "LINUX", "cpu_architecture": _PROCESSORS[processor]},
        task_role_arn=role_arn,
        execution_role_arn=execution_role_arn,
        volumes=[{"name": _SCRATCH}],
        tags=tags,
        opts=pulumi.ResourceOptions(parent=parent),
    )
