"""A service with a queue and scaling policies, over moto alone, on a clock that the test moves."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from embedded_aws.tasks.scaling import Scaler
from tests.embedded.functions_world import ACCOUNT
from tests.embedded.further_services import CONTAINERS, client, moto_cloud

PLACE = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}
VISIBLE = "ApproximateNumberOfMessagesVisible"


@dataclass
class Scaled:
    """A service `agents/worker` with a queue, on a clock that the test moves."""

    url: str
    log: list[str] = field(default_factory=list)
    now: float = 1_790_000_000.0
    scaler: Any = None

    def desired(self) -> int:
        (held,) = client("ecs").describe_services(cluster="agents", services=["worker"])["services"]
        return int(held["desiredCount"])

    def start_at(self, desired: int) -> None:
        client("ecs").update_service(cluster="agents", service="worker", desiredCount=desired)

    def send(self, number: int) -> None:
        for _ in range(number):
            client("sqs").send_message(QueueUrl=self.url, MessageBody="run")

    def empty(self) -> None:
        client("sqs").purge_queue(QueueUrl=self.url)

    def after(self, seconds: float) -> int:
        """The desired count after an evaluation so much later."""
        self.now += seconds
        self.scaler.evaluate()
        return self.desired()

    def policy(self, name: str = "own", **configuration: Any) -> str:
        return str(
            client("application-autoscaling").put_scaling_policy(
                PolicyName=name, ResourceId="service/agents/worker", **PLACE, **configuration
            )["PolicyARN"]
        )

    def track(self, target: float = 5, name: str = "own", **settings: Any) -> str:
        given: Any = {"CustomizedMetricSpecification": queue_metric(), "TargetValue": target, **settings}
        return self.policy(
            name, PolicyType="TargetTrackingScaling", TargetTrackingScalingPolicyConfiguration=given
        )

    def step(self, threshold: float = 1, name: str = "step", **settings: Any) -> None:
        given: Any = {
            "AdjustmentType": "ChangeInCapacity",
            "Cooldown": 60,
            "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
            **settings,
        }
        arn = self.policy(name, PolicyType="StepScaling", StepScalingPolicyConfiguration=given)
        client("cloudwatch").put_metric_alarm(
            AlarmName=name,
            AlarmActions=[arn],
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            Threshold=threshold,
            EvaluationPeriods=1,
            Period=60,
            **{**queue_metric(), "Statistic": "Maximum"},
        )


def queue_metric() -> Any:
    return {
        "Namespace": "AWS/SQS",
        "MetricName": VISIBLE,
        "Dimensions": [{"Name": "QueueName", "Value": "runs"}],
        "Statistic": "Average",
    }


def backlog(expression: str, **stat: Any) -> Any:
    """visible and running are the metrics of the queue and the service."""
    service = [{"Name": "ClusterName", "Value": "agents"}, {"Name": "ServiceName", "Value": "worker"}]
    stats = {
        "visible": {k: v for k, v in queue_metric().items() if k != "Statistic"},
        "running": {
            "Namespace": "ECS/ContainerInsights",
            "MetricName": "RunningTaskCount",
            "Dimensions": service,
        },
    }
    metrics = [
        {"Id": name, "MetricStat": {"Metric": metric, "Stat": "Average", **stat}, "ReturnData": False}
        for name, metric in stats.items()
    ]
    return {"Metrics": [{"Id": "backlog", "Expression": expression, "ReturnData": True}, *metrics]}


def limit(low: int, high: int, **settings: Any) -> None:
    client("application-autoscaling").register_scalable_target(
        ResourceId="service/agents/worker", MinCapacity=low, MaxCapacity=high, **PLACE, **settings
    )


@contextmanager
def scaled_service() -> Iterator[Scaled]:
    with moto_cloud():
        url = client("sqs").create_queue(QueueName="runs")["QueueUrl"]
        made = Scaled(url)
        made.scaler = Scaler(account=ACCOUNT, log=made.log.append, clock=lambda: made.now)
        ecs = client("ecs")
        ecs.create_cluster(clusterName="agents")
        definition = ecs.register_task_definition(family="w", containerDefinitions=json.loads(CONTAINERS))
        ecs.create_service(
            cluster="agents",
            serviceName="worker",
            taskDefinition=definition["taskDefinition"]["taskDefinitionArn"],
            desiredCount=0,
        )
        limit(0, 10)
        yield made
