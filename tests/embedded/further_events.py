"""Examples of EventBridge, its scheduler, Step Functions and parameters."""

from embedded_aws.tables.common import ACCOUNT, REGION
from tests.embedded.further_services import (
    MACHINE,
    ROLE,
    TAGGED,
    Example,
    arn_of,
    rule,
)

EXAMPLES = (
    Example(
        "aws:cloudwatch/eventBus:EventBus",
        lambda: {"name": "agents", "description": "what agents say"},
        TAGGED,
        id=lambda state: "agents",
    ),
    Example(
        "aws:cloudwatch/eventRule:EventRule",
        lambda: {
            "name": "done",
            "eventPattern": '{"source":["agents"]}',
            "isEnabled": True,
            "tags": {"team": "a"},
        },
        {"eventPattern": '{"source":["agents","people"]}'},
        id=lambda state: "done",
        imported=lambda _id, state: "default/done",
    ),
    Example(
        "aws:cloudwatch/eventTarget:EventTarget",
        lambda: {
            "rule": rule(),
            "targetId": "queue",
            "arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:runs.fifo",
            "sqsTarget": {"messageGroupId": "nightly"},
            "retryPolicy": {"maximumRetryAttempts": 2, "maximumEventAgeInSeconds": 60},
            "input": '{"kind":"nightly"}',
        },
        {"input": '{"kind":"weekly"}'},
        id=lambda state: "nightly-queue",
        imported=lambda _id, state: "nightly/queue",
    ),
    Example(
        "aws:scheduler/scheduleGroup:ScheduleGroup",
        lambda: {"name": "agents"},
        TAGGED,
        id=lambda state: "agents",
        outputs=("arn", "state"),
    ),
    Example(
        "aws:scheduler/schedule:Schedule",
        lambda: {
            "name": "nightly",
            "flexibleTimeWindow": {"mode": "OFF"},
            "scheduleExpression": "rate(1 day)",
            "target": {
                "arn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/agents",
                "roleArn": ROLE,
                "ecsParameters": {
                    "taskDefinitionArn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/worker:1",
                    "launchType": "FARGATE",
                    "networkConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": False},
                },
            },
        },
        {"scheduleExpression": "rate(2 days)"},
        id=lambda state: "default/nightly",
    ),
    Example(
        "aws:sfn/stateMachine:StateMachine",
        lambda: {"name": "review", "roleArn": ROLE, "definition": MACHINE, "type": "STANDARD"},
        {"definition": MACHINE.replace("Done", "End")},
        id=arn_of,
        outputs=("arn", "creationDate", "status"),
    ),
    Example(
        "aws:ssm/parameter:Parameter",
        lambda: {"name": "/agents/key", "type": "SecureString", "value": "one", "tags": {"team": "a"}},
        {"value": "two"},
        id=lambda state: "/agents/key",
        outputs=("arn", "version", "value", "keyId"),
    ),
)
