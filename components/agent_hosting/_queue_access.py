"""The policies of the roles around an agent's queues, in one place to read."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from agent_hosting import _run_statements as runs
from agent_hosting import statements
from agent_hosting.checkpoint_table import DUE_INDEX, CheckpointTable
from agent_hosting.statements import Arn, Statement


@dataclass(frozen=True)
class Surroundings:
    """What the roles of one agent may reach, each a part of it."""

    agent: str
    checkpoints: CheckpointTable
    encrypted_checkpoints: bool
    control_table_arn: Arn
    queue_key_arn: Arn
    queues: pulumi.Output[dict[str, str]]
    """ARN by bundle id."""
    audit: Sequence[Statement] = ()
    """Rights to write to the audit trail."""

    @property
    def queue_arns(self) -> pulumi.Output[list[str]]:
        return self.queues.apply(lambda found: list(found.values()))

    def keys(self, *, large_items: bool = True) -> list[Statement]:
        """Use of the keys behind queues, table and bucket, each by way of its service."""
        # SQS decrypts its data key for whoever sends, too:
        # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
        both = ["kms:Decrypt", "kms:GenerateDataKey"]
        found = [statements.use_key_through("sqs", self.queue_key_arn, both)]
        if self.encrypted_checkpoints:
            key = self.checkpoints.key_arn
            found.append(statements.use_key_through("dynamodb", key, ["kms:Decrypt"]))
            if large_items:
                found.append(statements.use_key_through("s3", key, both))
        return found


def work(here: Surroundings, dead_letter_queue_arns: pulumi.Output[dict[str, str]]) -> list[Statement]:
    """What working on runs takes, wherever the agent is."""
    return [
        statements.use_checkpoints(here.checkpoints.table_arn, here.agent),
        statements.keep_threads(here.checkpoints.table_arn, here.agent),
        statements.use_large_items(here.checkpoints.bucket_arn, here.agent),
        runs.read_control(here.control_table_arn, here.agent),
        runs.take_runs(here.queue_arns),
        # Its own queue, to hand a run over to a new message; the other, for what cannot be read.
        runs.send_runs(
            pulumi.Output.all(here.queues, dead_letter_queue_arns).apply(
                lambda both: [*both[0].values(), *both[1].values()]
            )
        ),
        *here.audit,
    ]


def submit(here: Surroundings, log: aws.cloudwatch.LogGroup) -> list[Statement]:
    return [
        statements.write_logs(log.arn),
        statements.trace(),
        runs.begin_runs(here.checkpoints.table_arn, here.agent),
        runs.find_sessions(here.checkpoints.table_arn, here.agent),
        runs.read_spend(here.checkpoints.table_arn, here.agent),
        runs.read_control(here.control_table_arn, here.agent),
        runs.write_large_items(here.checkpoints.bucket_arn, here.agent),
        runs.read_large_items(here.checkpoints.bucket_arn, here.agent, "*/uploads/*"),
        runs.send_runs(here.queue_arns),
        *here.keys(),
    ]


def status(here: Surroundings, log: aws.cloudwatch.LogGroup) -> list[Statement]:
    """Reads runs, and writes what a caller decides: a cancel, an approval, which wakes its run."""
    return [
        statements.write_logs(log.arn),
        statements.trace(),
        runs.close_budgets(here.control_table_arn, here.agent),
        statements.use_checkpoints(here.checkpoints.table_arn, here.agent),
        runs.read_large_items(here.checkpoints.bucket_arn, here.agent),
        runs.send_runs(here.queue_arns),
        *here.keys(),
        *here.audit,
    ]


def controller(here: Surroundings) -> list[Statement]:
    """Empties the queues of releases that were sent back into the stable one's."""
    return [
        runs.close_budgets(here.control_table_arn, here.agent),
        statements.use_checkpoints(here.checkpoints.table_arn, here.agent),
        runs.empty_queues(here.queue_arns),
        runs.send_runs(here.queue_arns),
        *here.keys(large_items=False),
    ]


def reaper(here: Surroundings, log: aws.cloudwatch.LogGroup) -> list[Statement]:
    return [
        statements.write_logs(log.arn),
        statements.trace(),
        runs.close_budgets(here.control_table_arn, here.agent),
        statements.use_checkpoints(here.checkpoints.table_arn, here.agent),
        runs.find_due_runs(here.checkpoints.table_arn, DUE_INDEX, here.agent),
        runs.send_runs(here.queue_arns),
        *here.keys(large_items=False),
    ]
