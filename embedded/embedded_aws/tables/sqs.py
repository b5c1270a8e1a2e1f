"""Amazon SQS: queues and their policies."""

import json
from typing import Any

from embedded_aws.provider.rows import AutoName, Client, Row, Setting
from embedded_aws.provider.values import Properties

_QUEUE = {
    "contentBasedDeduplication": "ContentBasedDeduplication",
    "delaySeconds": "DelaySeconds",
    "fifoQueue": "FifoQueue",
    "kmsDataKeyReusePeriodSeconds": "KmsDataKeyReusePeriodSeconds",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "maxMessageSize": "MaximumMessageSize",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "policy": "Policy",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "redriveAllowPolicy": "RedriveAllowPolicy",
    "redrivePolicy": "RedrivePolicy",
    "sqsManagedSseEnabled": "SqsManagedSseEnabled",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
}


def _tags(client: Client, url: str, _state: Properties) -> Properties:
    tags = client.list_queue_tags(QueueUrl=url).get("Tags", {})
    return {"tags": tags, "tagsAll": tags}


def _write_tags(client: Client, url: str, properties: Properties) -> None:
    wanted = properties.get("tags") or {}
    gone = sorted(_tags(client, url, {})["tags"].keys() - wanted.keys())
    if gone:
        client.untag_queue(QueueUrl=url, TagKeys=gone)
    if wanted:
        client.tag_queue(QueueUrl=url, Tags=wanted)


def _queue(client: Client, url: str, _state: Properties) -> Any:
    attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return {**attributes, "Url": url}


def _outputs(found: Any) -> Properties:
    return {"arn": found["QueueArn"], "url": found["Url"], "name": found["QueueArn"].rsplit(":", 1)[1]}


def _attribute_row(token: str, prop: str, attribute: str) -> Row:
    """A resource that is one attribute of a queue."""

    def find(client: Client, url: str, _state: Properties) -> Any:
        said = client.get_queue_attributes(QueueUrl=url, AttributeNames=[attribute]).get("Attributes", {})
        return {"queueUrl": url, prop: said[attribute]} if said.get(attribute) else None

    def clear(client: Client, url: str, _state: Properties) -> None:
        client.set_queue_attributes(QueueUrl=url, Attributes={attribute: ""})

    return Row(
        token=token,
        service="sqs",
        create="SetQueueAttributes",
        id="{queueUrl}",
        update="SetQueueAttributes",
        key={"QueueUrl": "{id}"},
        attributes={prop: attribute},
        find=find,
        outputs=lambda found: {k: v if isinstance(v, str) else json.dumps(v) for k, v in found.items()},
        before_delete=clear,
        replaces=frozenset({"queueUrl"}),
    )


ROWS = (
    Row(
        token="aws:sqs/queue:Queue",
        service="sqs",
        create="CreateQueue",
        id="{url}",
        update="SetQueueAttributes",
        delete="DeleteQueue",
        key={"QueueUrl": "{id}"},
        find=_queue,
        renames={"name": "QueueName", "url": "QueueUrl"},
        attributes=_QUEUE,
        outputs=_outputs,
        name=AutoName(longest=80),
        replaces=frozenset({"name", "fifoQueue"}),
        settings=(Setting(("tags",), _write_tags, _tags, on_create=False),),
        defaults={
            **{"delaySeconds": 0, "maxMessageSize": 1048576, "messageRetentionSeconds": 345600},
            **{"receiveWaitTimeSeconds": 0, "visibilityTimeoutSeconds": 30},
            "sqsManagedSseEnabled": True,
        },
    ),
    _attribute_row("aws:sqs/queuePolicy:QueuePolicy", "policy", "Policy"),
    _attribute_row("aws:sqs/redrivePolicy:RedrivePolicy", "redrivePolicy", "RedrivePolicy"),
    _attribute_row(
        "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy", "redriveAllowPolicy", "RedriveAllowPolicy"
    ),
)
