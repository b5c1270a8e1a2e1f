"""The whole policy of an agent's role on Lambda, in one place to read."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from agent_hosting import _run_statements as runs
from agent_hosting import statements
from agent_hosting._keys import account_id
from agent_hosting._spend import keep_ledger
from agent_hosting.agent_budget import AgentBudget
from agent_hosting.agent_platform import PlatformReference
from agent_hosting.checkpoint_table import CheckpointTable
from agent_hosting.secret_scope import SecretScope
from agent_hosting.statements import Arn, Statement
from agent_runtime.bundle import ModelSpec
from agent_runtime.spend.caps import SpendCaps


def policy_of(
    agent: str,
    parent: pulumi.Resource,
    *,
    log: aws.cloudwatch.LogGroup,
    failures: aws.sqs.Queue,
    checkpoints: CheckpointTable,
    scope: SecretScope | None,
    platform: PlatformReference,
    models: Mapping[str, ModelSpec],
    encrypted_checkpoints: bool,
    budget: AgentBudget,
    caps: SpendCaps,
    audit: Sequence[Statement] = (),
) -> pulumi.Output[str]:
    found: list[Statement] = [
        statements.write_logs(log.arn),
        statements.trace(),
        statements.use_checkpoints(checkpoints.table_arn, agent),
        statements.keep_threads(checkpoints.table_arn, agent),
        statements.use_large_items(checkpoints.bucket_arn, agent),
        statements.read_brake(platform["control_table_arn"], agent),
        statements.send_failures(failures.arn),
        *keep_ledger(agent, checkpoints, budget, platform["control_table_arn"], caps),
        *audit,
    ]
    found += statements.read_variables(platform.get("key_arn"))
    if encrypted_checkpoints:
        found += [
            statements.use_key_through("dynamodb", checkpoints.key_arn, ["kms:Decrypt"]),
            statements.use_key_through("s3", checkpoints.key_arn, ["kms:Decrypt", "kms:GenerateDataKey"]),
            statements.use_key_through("sqs", checkpoints.key_arn, ["kms:Decrypt", "kms:GenerateDataKey"]),
        ]
    return statements.policy([*found, *read_secrets(scope), *call_models(models, parent)])


def read_secrets(scope: SecretScope | None, names: Sequence[str] | None = None) -> list[Statement]:
    """The secrets of these names, or all of the scope's."""
    if scope is None or names == ():
        return []
    arns = scope.secret_arns.apply(lambda by_name: [by_name[n] for n in names or sorted(by_name)])
    return [
        statements.read_secrets(arns),
        statements.use_key_through("secretsmanager", scope.key_arn, ["kms:Decrypt"]),
    ]


def call_models(models: Mapping[str, ModelSpec], parent: pulumi.Resource) -> list[Statement]:
    """The models of Bedrock's among the tiers, each exactly; of another provider's a key is read instead."""
    names = list(dict.fromkeys(spec.name for spec in models.values() if spec.provider == "bedrock"))
    if not names:
        return []
    region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=parent)).region
    called = statements.invoke_models(names, region, account_id(parent))
    return [called, *statements.models_behind(names)]


def copies(
    agent: str, function_arn: Arn, checkpoints: CheckpointTable, *, encrypted_checkpoints: bool
) -> list[Statement]:
    """What the rollout controller needs beside, to copy finished runs to a candidate's version."""
    found = [runs.call_versions(function_arn), runs.find_runs(checkpoints.table_arn, agent)]
    if encrypted_checkpoints:
        found.append(statements.use_key_through("dynamodb", checkpoints.key_arn, ["kms:Decrypt"]))
    return found
