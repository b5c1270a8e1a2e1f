"""AWS Step Functions: state machines."""

from typing import Any

from embedded_aws.provider.rows import AutoName, Row
from embedded_aws.provider.values import Properties
from embedded_aws.tables.common import by_id, tagging


def _prepare(given: Properties) -> Properties:
    logging = given.get("loggingConfiguration")
    if isinstance(logging, dict):
        said = {k: v for k, v in logging.items() if k != "logDestination"}
        group = logging.get("logDestination")
        if group:
            said["destinations"] = [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}]
        given["loggingConfiguration"] = said
    return given


def _outputs(found: Any) -> Properties:
    logging = found.get("loggingConfiguration") or {}
    if not logging:
        return {}
    groups = [d["cloudWatchLogsLogGroup"]["logGroupArn"] for d in logging.get("destinations") or []]
    flat = {k: v for k, v in logging.items() if k != "destinations"}
    return {"loggingConfiguration": {**flat, "logDestination": groups[0] if groups else ""}}


ROWS = (
    Row(
        token="aws:sfn/stateMachine:StateMachine",
        service="stepfunctions",
        create="CreateStateMachine",
        id="{arn}",
        read="DescribeStateMachine",
        update="UpdateStateMachine",
        delete="DeleteStateMachine",
        key={"stateMachineArn": "{id}"},
        renames={"arn": "stateMachineArn"},
        prepare=_prepare,
        prepared=frozenset({"loggingConfiguration"}),
        updates=frozenset({"loggingConfiguration"}),
        outputs=_outputs,
        name=AutoName(longest=80),
        replaces=frozenset({"name", "type"}),
        settings=(
            tagging(
                *("tag_resource", "untag_resource", "list_tags_for_resource"),
                arn=by_id,
                member="resourceArn",
                lower=True,
            ),
        ),
        volatile=frozenset({"revisionId", "stateMachineVersionArn"}),
        defaults={
            "type": "STANDARD",
            "publish": False,
            "loggingConfiguration": {"level": "OFF", "includeExecutionData": False},
            "tracingConfiguration": {"enabled": False},
        },
    ),
)
