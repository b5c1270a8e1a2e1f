"""Where runs keep the results of their steps."""

from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from agent_hosting._guarded_bucket import guard_bucket
from agent_hosting._keys import delegate_to_account
from agent_hosting._validation import Inputs
from agent_hosting.statements import policy

DUE_INDEX = "due"
_OLD_VERSION_DAYS = 7
"""Days that an overwritten or deleted result can be had back: long enough for a fault to be noticed."""


class CheckpointTableArgs(TypedDict):
    retain_data: NotRequired[bool]
    """Whether table and bucket outlive the stack: deletion protection and retention. Defaults to true:
    runs resume from them."""
    customer_managed_key: NotRequired[bool]
    """Whether a key of your own encrypts both, at one US dollar a month. Defaults to true; without it
    AWS's own keys do."""
    large_item_days: NotRequired[int]
    """Days until a large result is deleted, 1 to 3650. Defaults to 60: twice the default retention of a
    run."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of every resource. Defaults to none."""


class CheckpointTable(pulumi.ComponentResource):
    """A table for the results of steps and a bucket for those over 350 KB, both encrypted and recoverable."""

    table_name: pulumi.Output[str]
    """Name of the table: partition key `pk`, sort key `sk`, TTL attribute `expires_at`, index `due`."""
    table_arn: pulumi.Output[str]
    """ARN of the table."""
    bucket_name: pulumi.Output[str]
    """Name of the bucket."""
    bucket_arn: pulumi.Output[str]
    """ARN of the bucket."""
    key_arn: pulumi.Output[str]
    """ARN of the key, or an empty text where AWS's own keys encrypt."""

    def __init__(
        self, name: str, args: CheckpointTableArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("agent-hosting:index:CheckpointTable", name, {}, opts)
        given = args
        inputs = Inputs("CheckpointTable", name, given)
        inputs.known(CheckpointTableArgs.__annotations__)
        days = int(inputs.number("large_item_days", 60, least=1, most=3650, way_out="Give a number of days."))
        retain, own_key = given.get("retain_data", True), given.get("customer_managed_key", True)
        kept = pulumi.ResourceOptions(parent=self, retain_on_delete=retain)

        self.key_arn = pulumi.Output.from_input("")
        if own_key:
            key = aws.kms.Key(
                f"{name}-key",
                description=f"Checkpoints of {name}",
                enable_key_rotation=True,
                policy=policy([delegate_to_account(self)]),
                tags=given.get("tags"),
                opts=kept,
            )
            self.key_arn = key.arn
        table = aws.dynamodb.Table(
            name,
            billing_mode="PAY_PER_REQUEST",
            hash_key="pk",
            range_key="sk",
            attributes=[
                {"name": "pk", "type": "S"},
                {"name": "sk", "type": "S"},
                {"name": "due_shard", "type": "S"},
                {"name": "due_at", "type": "N"},
            ],
            # Holds only runs that wait for a moment, by that moment: what the reaper looks through.
            global_secondary_indexes=[
                {
                    "name": DUE_INDEX,
                    "key_schemas": [
                        {"attribute_name": "due_shard", "key_type": "HASH"},
                        {"attribute_name": "due_at", "key_type": "RANGE"},
                    ],
                    "projection_type": "KEYS_ONLY",
                }
            ],
            ttl={"enabled": True, "attribute_name": "expires_at"},
            point_in_time_recovery={"enabled": True},
            server_side_encryption={"enabled": True, "kms_key_arn": self.key_arn} if own_key else None,
            deletion_protection_enabled=retain,
            tags=given.get("tags"),
            opts=kept,
        )
        # Named without a suffix: a bucket's name has 63 characters, and an agent's own takes 40 of them.
        bucket = aws.s3.Bucket(name, force_destroy=not retain, tags=given.get("tags"), opts=kept)
        # Its guards are kept with it: a bucket that outlives the stack must not lie open.
        guard_bucket(
            f"{name}-large",
            bucket,
            self.key_arn if own_key else None,
            days=days,
            old_version_days=_OLD_VERSION_DAYS,
            kept=kept,
        )
        if retain:
            aws.s3.BucketVersioning(
                f"{name}-large-versions",
                bucket=bucket.id,
                versioning_configuration={"status": "Enabled"},
                opts=kept,
            )

        self.table_name, self.table_arn = table.name, table.arn
        self.bucket_name, self.bucket_arn = bucket.bucket, bucket.arn
        self.register_outputs(
            {
                "table_name": self.table_name,
                "table_arn": self.table_arn,
                "bucket_name": self.bucket_name,
                "bucket_arn": self.bucket_arn,
                "key_arn": self.key_arn,
            }
        )
