"""What people need to look after all agents of an environment: rights that roles of agents never have.

Agents come and go, so that what is theirs is named by how the components name it. Nothing is deleted.
"""

from collections.abc import Iterable, Mapping

import pulumi

from agent_hosting._run_statements import read_alarms, read_metrics
from agent_hosting.statements import Arn, Statement

_TABLES, _QUEUES, _TRAILS = "*-checkpoints-???????", "*-????????????-???????", "*-audit-???????"
"""Queues are named AGENT-BUNDLE-RANDOM; dead-letter queues are not."""
_KEY = ("agent", "item")
_BRAKE = ("engaged", "engaged_at", "engaged_by", "reason", "released_at", "released_by", "schema_version")
_HEAD = ("began_at", "expires_at", "hash", "moved_at", "schema_version", "seq")
_POT = ("held_epoch", "run_id", "state")


def operate(control_table_arn: Arn, region: pulumi.Input[str], account: pulumi.Input[str]) -> list[Statement]:
    """What a person needs to move traffic by hand, see to runs and pull brakes, of every agent of an
    environment."""
    return [
        *write_control(control_table_arn),
        {
            "Sid": "MoveAliases",
            "Effect": "Allow",
            "Action": ["lambda:GetAlias", "lambda:UpdateAlias"],
            # Agents come and go, and an alias moves between published versions alone.
            "Resource": pulumi.Output.concat("arn:aws:lambda:", region, ":", account, ":function:*"),
        },
        read_metrics(),
        read_alarms("", region, account),
        *see_to_runs(region, account),
    ]


def write_control(table_arn: Arn) -> list[Statement]:
    """Which items of the control table people read and write, as far as IAM can tell items apart: by their
    partition, and by the attributes that a request names. It knows no sort keys.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
    """
    reads = ["dynamodb:GetItem", "dynamodb:Query"]
    return [
        # Who knows the reference of a pot may spend from it.
        _on(table_arn, "ReadControl", reads, {"StringNotLike": ["*#tree"]}),
        # Records and entries of the history are put whole.
        _on(table_arn, "MoveTraffic", ["dynamodb:PutItem"], {"StringNotLike": ["*#audit", "*#tree"]}),
        # Brakes lie beside the traffic record, whose attributes have other names.
        _on(table_arn, "PullBrakes", ["dynamodb:UpdateItem"], {"StringNotLike": ["*#*"]}, _BRAKE),
        # What people do is on the trail, too, before it is done: in chains of their own, that only grow.
        _on(table_arn, "TellAuditHeads", ["dynamodb:UpdateItem"], {"StringLike": ["*#audit"]}, _HEAD),
        _on(table_arn, "CloseBudgets", ["dynamodb:UpdateItem"], {"StringLike": ["*#tree"]}, _POT),
    ]


def see_to_runs(region: pulumi.Input[str], account: pulumi.Input[str]) -> list[Statement]:
    """What a person needs to look at runs, stop them, let them go on and answer what they ask."""
    tables, queues, trails = (
        pulumi.Output.concat(f"arn:aws:{service}:", region, ":", account, f":{name}")
        for service, name in (
            ("dynamodb", f"table/{_TABLES}"),
            ("sqs", _QUEUES),
            ("logs", f"log-group:{_TRAILS}:*"),
        )
    )
    return [
        {
            "Sid": "SeeToRuns",
            "Effect": "Allow",
            # No deletions: a run that is stopped keeps its steps.
            "Action": [
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:Query",
                "dynamodb:Scan",
                "dynamodb:UpdateItem",
            ],
            "Resource": [tables, pulumi.Output.concat(tables, "/index/due")],
        },
        {"Sid": "WakeRuns", "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queues},
        {
            "Sid": "WriteAudit",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:FilterLogEvents", "logs:PutLogEvents"],
            "Resource": trails,
        },
        _keys_of("Tables", "dynamodb", ["kms:Decrypt"], "aws:dynamodb:tableName", _TABLES, region, account),
        _keys_of("Queues", "sqs", ["kms:Decrypt", "kms:GenerateDataKey"], "aws:sqs:arn", queues,
                 region, account),
    ]  # fmt: skip


def _on(
    table_arn: Arn,
    sid: str,
    actions: list[str],
    partitions: Mapping[str, list[str]],
    attributes: Iterable[str] | None = None,
) -> Statement:
    """Items by their partition and, where they are updated, by attributes; the key's own are among those that
    a request names."""
    condition = {
        f"ForAllValues:{operator}": {"dynamodb:LeadingKeys": names} for operator, names in partitions.items()
    }
    if attributes is not None:
        listed = sorted((*_KEY, *attributes))
        condition.setdefault("ForAllValues:StringEquals", {})["dynamodb:Attributes"] = listed
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": table_arn, "Condition": condition}


def _keys_of(
    what: str,
    service: str,
    actions: list[str],
    context: str,
    encrypts: Arn,
    region: pulumi.Input[str],
    account: pulumi.Input[str],
) -> Statement:
    """Keys by what they encrypt, by way of its service alone: their own names say nothing."""
    return {
        "Sid": f"UseKeysOf{what}",
        "Effect": "Allow",
        "Action": actions,
        "Resource": pulumi.Output.concat("arn:aws:kms:", region, ":", account, ":key/*"),
        "Condition": {
            "StringEquals": {"kms:ViaService": pulumi.Output.concat(f"{service}.", region, ".amazonaws.com")},
            "StringLike": {f"kms:EncryptionContext:{context}": encrypts},
        },
    }
