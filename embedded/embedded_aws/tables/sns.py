"""Amazon SNS: topics, their policies and subscriptions."""

from typing import Any

from embedded_aws.provider.rows import AutoName, Client, Row, Setting
from embedded_aws.provider.values import Properties
from embedded_aws.tables.common import by_arn, tagging

_TOPIC = {
    "displayName": "DisplayName",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "policy": "Policy",
    "deliveryPolicy": "DeliveryPolicy",
    "fifoTopic": "FifoTopic",
    "contentBasedDeduplication": "ContentBasedDeduplication",
    "signatureVersion": "SignatureVersion",
    "tracingConfig": "TracingConfig",
}
_SUBSCRIPTION = {
    "deliveryPolicy": "DeliveryPolicy",
    "filterPolicy": "FilterPolicy",
    "filterPolicyScope": "FilterPolicyScope",
    "rawMessageDelivery": "RawMessageDelivery",
    "redrivePolicy": "RedrivePolicy",
    "subscriptionRoleArn": "SubscriptionRoleArn",
}


def _write_topic(client: Client, arn: str, properties: Properties) -> None:
    _write(
        lambda name, value: client.set_topic_attributes(
            TopicArn=arn, AttributeName=name, AttributeValue=value
        ),
        _TOPIC,
        properties,
    )


def _write_subscription(client: Client, arn: str, properties: Properties) -> None:
    _write(
        lambda name, value: client.set_subscription_attributes(
            SubscriptionArn=arn, AttributeName=name, AttributeValue=value
        ),
        _SUBSCRIPTION,
        properties,
    )


def _write(put: Any, attributes: dict[str, str], properties: Properties) -> None:
    for name, attribute in attributes.items():
        value = properties.get(name)
        if value is not None and attribute != "FifoTopic":
            put(attribute, str(value).lower() if isinstance(value, bool) else str(value))


def _topic(found: Any) -> Properties:
    arn = found["TopicArn"]
    return {"arn": arn, "name": arn.rsplit(":", 1)[1], "owner": arn.split(":")[4]}


def _write_policy(client: Client, arn: str, properties: Properties) -> None:
    client.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=properties["policy"])


def _subscription(found: Any) -> Properties:
    return {
        "arn": found["SubscriptionArn"],
        "topic": found["TopicArn"],
        "protocol": found["Protocol"],
        "endpoint": found["Endpoint"],
        "pendingConfirmation": found.get("PendingConfirmation") == "true",
    }


ROWS = (
    Row(
        token="aws:sns/topic:Topic",
        service="sns",
        create="CreateTopic",
        id="{arn}",
        read="GetTopicAttributes",
        at="Attributes",
        created_at="",
        delete="DeleteTopic",
        key={"TopicArn": "{id}"},
        renames={"arn": "TopicArn"},
        attributes=_TOPIC,
        outputs=_topic,
        name=AutoName(longest=256),
        replaces=frozenset({"name", "fifoTopic"}),
        settings=(
            Setting(tuple(_TOPIC), _write_topic, on_create=False),
            tagging(
                "tag_resource", "untag_resource", "list_tags_for_resource", arn=by_arn, member="ResourceArn"
            ),
        ),
    ),
    Row(
        token="aws:sns/topicPolicy:TopicPolicy",
        service="sns",
        create="SetTopicAttributes",
        id="{arn}",
        read="GetTopicAttributes",
        at="Attributes",
        created_at="",
        key={"TopicArn": "{id}"},
        renames={"arn": "TopicArn", "policy": "AttributeValue"},
        constant={"AttributeName": "Policy"},
        outputs=lambda found: {"arn": found["TopicArn"], "policy": found["Policy"]},
        settings=(Setting(("policy",), _write_policy, on_create=False),),
        replaces=frozenset({"arn"}),
    ),
    Row(
        token="aws:sns/topicSubscription:TopicSubscription",
        service="sns",
        create="Subscribe",
        id="{arn}",
        read="GetSubscriptionAttributes",
        at="Attributes",
        created_at="",
        delete="Unsubscribe",
        key={"SubscriptionArn": "{id}"},
        renames={"topic": "TopicArn", "arn": "SubscriptionArn"},
        constant={"ReturnSubscriptionArn": True},
        attributes=_SUBSCRIPTION,
        outputs=_subscription,
        settings=(Setting(tuple(_SUBSCRIPTION), _write_subscription, on_create=False),),
        replaces=frozenset({"topic", "protocol", "endpoint"}),
        recorded=frozenset({"confirmationTimeoutInMinutes", "endpointAutoConfirms"}),
    ),
)
