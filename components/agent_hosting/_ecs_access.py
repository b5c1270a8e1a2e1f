"""The whole policy of the roles of an agent's workers on ECS, in one place to read."""

import re
from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from agent_hosting import _access, statements
from agent_hosting import _run_statements as runs
from agent_hosting._queue_access import Surroundings, work
from agent_hosting.secret_scope import SecretScope
from agent_hosting.statements import Arn, Statement
from agent_runtime.bundle import ModelSpec

_ECR_IMAGE = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com/([^@:]+)[@:].+")


def worker(
    here: Surroundings,
    parent: pulumi.Resource,
    *,
    cluster_arn: Arn,
    dead_letter_queue_arns: pulumi.Output[dict[str, str]],
    scope: SecretScope | None,
    models: Mapping[str, ModelSpec],
) -> list[Statement]:
    """The agent itself. Its logs and its image are the execution role's affair."""
    return [
        *work(here, dead_letter_queue_arns),
        runs.protect_tasks(cluster_arn),
        *here.keys(),
        *_access.read_secrets(scope),
        *_access.call_models(models, parent),
    ]


def execution(
    log: aws.cloudwatch.LogGroup,
    images: pulumi.Output[list[str]],
    scope: SecretScope | None,
    secret_names: Sequence[str],
) -> pulumi.Output[list[Statement]]:
    """What ECS itself does before the container starts: pull its image, open its log, fill its variables."""
    found = [statements.write_logs(log.arn), *_access.read_secrets(scope, tuple(secret_names))]
    return images.apply(repositories).apply(
        lambda arns: [*found, *([runs.log_in_to_registry(), runs.pull_images(arns)] if arns else [])]
    )


def repositories(images: Sequence[str]) -> list[str]:
    """ARNs of the ECR repositories among `images`; others need no right of AWS."""
    found = (_ECR_IMAGE.fullmatch(image) for image in images)
    return sorted({f"arn:aws:ecr:{m[2]}:{m[1]}:repository/{m[3]}" for m in found if m})
