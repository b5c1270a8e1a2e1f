"""The whole policy of the role of an agent's pods, in one place to read."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from agent_hosting import _access, statements
from agent_hosting._queue_access import Surroundings, work
from agent_hosting.secret_scope import SecretScope
from agent_hosting.statements import Statement
from agent_runtime.bundle import ModelSpec


def pod(
    here: Surroundings,
    parent: pulumi.Resource,
    *,
    log: aws.cloudwatch.LogGroup,
    dead_letter_queue_arns: pulumi.Output[dict[str, str]],
    scope: SecretScope | None,
    models: Mapping[str, ModelSpec],
) -> list[Statement]:
    """The agent itself, as on ECS; its log is its own affair here."""
    return [
        statements.write_logs(log.arn),
        *work(here, dead_letter_queue_arns),
        *here.keys(),
        *_access.read_secrets(scope),
        *_access.call_models(models, parent),
    ]
