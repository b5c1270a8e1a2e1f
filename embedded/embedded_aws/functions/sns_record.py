"""The event that SNS hands to a function.

moto's own has a fixed topic, message id and attributes; this one follows
https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def sns_event(
    *,
    topic_arn: str,
    subscription_arn: str,
    message_id: str,
    message: str,
    subject: str | None,
    attributes: Mapping[str, Mapping[str, str]] | None,
) -> dict[str, Any]:
    region = topic_arn.split(":")[3]
    named = {
        name: {"Type": value["Type"], "Value": value["Value"]} for name, value in (attributes or {}).items()
    }
    return {
        "Records": [
            {
                "EventVersion": "1.0",
                "EventSubscriptionArn": subscription_arn,
                "EventSource": "aws:sns",
                "Sns": {
                    "SignatureVersion": "1",
                    "Timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                    # Nothing here holds Amazon's key: a function that verifies signatures must see that.
                    "Signature": "EMBEDDED",
                    "SigningCertUrl": f"https://sns.{region}.amazonaws.com/SimpleNotificationService-embedded.pem",
                    "MessageId": message_id,
                    "Message": message,
                    "MessageAttributes": named,
                    "Type": "Notification",
                    "UnsubscribeUrl": (
                        f"https://sns.{region}.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={subscription_arn}"
                    ),
                    "TopicArn": topic_arn,
                    "Subject": subject,
                },
            }
        ]
    }
