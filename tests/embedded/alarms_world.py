"""Alarms over moto alone, on a clock that the test moves, with functions that note their events."""

import json
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends

from embedded_aws.alarms import Alarms
from embedded_aws.functions import Invocation
from tests.embedded.functions_world import ACCOUNT, REGION, package
from tests.embedded.further_services import client, moto_cloud

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
NEVER_SECONDS = 1e6
"""Rounds come when the test wants one."""
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


@dataclass
class Noting:
    """Stands in for the executor."""

    events: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])

    def invoke(
        self,
        region: str,
        function: str,
        qualifier: str | None,
        payload: bytes,
        *,
        invocation_type: str = "RequestResponse",
        log_tail: bool = False,
    ) -> Invocation:
        assert (region, qualifier, invocation_type, log_tail) == (REGION, None, "Event", False)
        self.events.append((function, json.loads(payload)))
        return Invocation(202)


@dataclass
class World:
    log: list[str] = field(default_factory=list[str])
    functions: Noting = field(default_factory=Noting)
    now: datetime = NOON
    alarms: Any = None

    def client(self, service: str) -> Any:
        return client(service)

    def alarm(self, name: str = "load", **settings: Any) -> str:
        """Above 5 on average within one minute, where nothing else is said; its name."""
        metric = {"Namespace": "Own", "MetricName": "Load", "Statistic": "Average", "Period": 60}
        given = {
            **({} if "Metrics" in settings else metric),
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 5,
            "EvaluationPeriods": 1,
            **settings,
        }
        client("cloudwatch").put_metric_alarm(
            AlarmName=name, **{name: value for name, value in given.items() if value is not None}
        )
        return name

    def put(self, *values: float, ago: float = 0, name: str = "Load", **more: Any) -> None:
        """Data of so many seconds ago."""
        data = [
            {"MetricName": name, "Value": value, "Timestamp": self.now - timedelta(seconds=ago), **more}
            for value in values
        ]
        client("cloudwatch").put_metric_data(Namespace="Own", MetricData=data)

    def run(self, **later: float) -> list[tuple[str, str, str]]:
        """What a round changes, after so much time: (alarm, from, to)."""
        self.now += timedelta(**later)
        return [(one["alarm"], one["from"], one["to"]) for one in self.alarms.run()]

    def state(self, name: str = "load", **more: Any) -> str:
        """After a round."""
        self.run(**more)
        return self.held(name)["StateValue"]

    def held(self, name: str = "load") -> Any:
        return client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]

    def set_state(self, state: str, name: str = "load") -> None:
        client("cloudwatch").set_alarm_state(
            AlarmName=name, StateValue=state, StateReason="as the test wishes"
        )

    def actions(self, name: str = "load") -> list[str]:
        """What the alarm's history says of its actions."""
        history = cloudwatch_backends[ACCOUNT][REGION].alarms[name].history
        return [summary for kind, summary, *_ in history if kind == "Action"]

    def topic(self, policy: Any = None, **attributes: str) -> str:
        """By its default policy the account's alarms may publish."""
        given = attributes | ({} if policy is None else {"Policy": json.dumps(policy)})
        return client("sns").create_topic(Name=f"t-{uuid.uuid4().hex[:6]}", Attributes=given)["TopicArn"]

    def inbox(self, topic: str) -> str:
        """URL of a queue that gets the topic's notifications."""
        url = client("sqs").create_queue(QueueName=f"q-{uuid.uuid4().hex[:6]}")["QueueUrl"]
        found = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=found["QueueArn"])
        return url

    def notifications(self, inbox: str) -> list[Any]:
        """(subject, message) of each that is new."""
        found = client("sqs").receive_message(QueueUrl=inbox, MaxNumberOfMessages=10).get("Messages", [])
        said = [json.loads(message["Body"]) for message in found]
        return [(one["Subject"], json.loads(one["Message"])) for one in said]

    def function(self) -> str:
        iam, name = client("iam"), uuid.uuid4().hex[:8]
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        return client("lambda").create_function(
            FunctionName=f"f-{name}",
            Runtime="python3.11",
            Role=role,
            Handler="app.handler",
            Code={"ZipFile": package({"app.py": ""})},
        )["FunctionArn"]

    def allow(self, function: str, **given: Any) -> None:
        how = {"Principal": "lambda.alarms.cloudwatch.amazonaws.com", **given}
        client("lambda").add_permission(
            FunctionName=function, StatementId=uuid.uuid4().hex, Action="lambda:InvokeFunction", **how
        )


def arn_of(alarm: str) -> str:
    return f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{alarm}"


@contextmanager
def alarms_world() -> Generator[World, None, None]:
    with moto_cloud():
        made = World()
        made.alarms = Alarms(
            account=ACCOUNT,
            functions=made.functions,
            log=made.log.append,
            clock=lambda: made.now,
            seconds=NEVER_SECONDS,
        )
        undo = made.alarms.install()
        try:
            yield made
        finally:
            made.alarms.close()
            undo()
