"""Amazon EC2: launch templates, which nobody launches from here."""

import hashlib

from embedded_aws.provider.rows import Recorded
from embedded_aws.provider.values import Properties
from embedded_aws.tables.common import ACCOUNT, REGION


def _template(properties: Properties) -> Properties:
    made = f"lt-{hashlib.sha256(str(properties.get('name')).encode()).hexdigest()[:17]}"
    arn = f"arn:aws:ec2:{REGION}:{ACCOUNT}:launch-template/{made}"
    return {"templateId": made, "arn": arn, "latestVersion": 1, "defaultVersion": 1}


ROWS = (
    Recorded(
        token="aws:ec2/launchTemplate:LaunchTemplate",
        id="{templateId}",
        outputs=_template,
        replaces=frozenset({"name"}),
    ),
)
