"""What the tests of the further services share: real boto3 against moto, and what the examples need."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import boto3
import pulumi
from moto import mock_aws

from embedded_aws.provider.calls import Calls
from embedded_aws.provider.inputs import reconcile
from embedded_aws.provider.rows import Row
from embedded_aws.provider.schema import schema_of
from embedded_aws.provider.values import same
from embedded_aws.tables import all_rows
from embedded_aws.tables.common import ACCOUNT, REGION

Properties = dict[str, Any]
ROLE = f"arn:aws:iam::{ACCOUNT}:role/worker"


@contextmanager
def moto_cloud() -> Iterator[None]:
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    with patch.dict(os.environ, dict.fromkeys(keys, "embedded")), mock_aws():
        yield


def client(service: str, region: str = REGION) -> Any:
    return _SESSION.client(service, region_name=region)  # type: ignore[call-overload]


_SESSION = boto3.Session()
"""One for all: a session reads the large model of EC2 once."""


def differing(token: str, said: Properties, held: Properties) -> list[str]:
    """Properties that a refresh would show as drift."""
    kinds = schema_of(token).inputs
    return [k for k, v in said.items() if not same(v, reconcile(v, held.get(k, v), kinds[k]))]


def calls_of(token: str) -> Calls:
    row = all_rows()[token]
    assert isinstance(row, Row)
    return Calls(row, client(row.service))


def made(token: str, **properties: Any) -> tuple[str, Properties]:
    """(id, state) of a resource that an example needs."""
    return calls_of(token).create(properties)


def vpc() -> str:
    return made("aws:ec2/vpc:Vpc", cidrBlock="10.0.0.0/16")[0]


def subnet(network: str, number: int = 0) -> str:
    return made(
        "aws:ec2/subnet:Subnet",
        vpcId=network,
        cidrBlock=f"10.0.{number}.0/24",
        availabilityZone=f"{REGION}{'ab'[number]}",
    )[0]


def gateway(network: str) -> str:
    return made("aws:ec2/internetGateway:InternetGateway", vpcId=network)[0]


def route_table(network: str) -> str:
    return made("aws:ec2/routeTable:RouteTable", vpcId=network)[0]


def group(network: str) -> str:
    return made("aws:ec2/securityGroup:SecurityGroup", name="workers", vpcId=network)[0]


def address() -> str:
    return made("aws:ec2/eip:Eip")[0]


def ecs_cluster() -> str:
    return made("aws:ecs/cluster:Cluster", name="agents")[0]


CONTAINERS = json.dumps(
    [
        {
            "name": "worker",
            "image": "public.ecr.aws/docker/library/python:3.11",
            "essential": True,
            "memory": 512,
            "environment": [{"name": "QUEUE", "value": "runs"}],
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "runs"}},
        }
    ]
)
MACHINE = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})


def task() -> str:
    return made("aws:ecs/taskDefinition:TaskDefinition", family="worker", containerDefinitions=CONTAINERS)[1][
        "arn"
    ]


def ecs_service() -> str:
    cluster = ecs_cluster()
    made("aws:ecs/service:Service", name="worker", cluster=cluster, taskDefinition=task(), desiredCount=1)
    return "service/agents/worker"


def scaled() -> Properties:
    target = {
        "serviceNamespace": "ecs",
        "resourceId": ecs_service(),
        "scalableDimension": "ecs:service:DesiredCount",
    }
    made("aws:appautoscaling/target:Target", **target, minCapacity=1, maxCapacity=4)
    return target


def repository() -> str:
    return made("aws:ecr/repository:Repository", name="agents")[0]


def rule() -> str:
    return made("aws:cloudwatch/eventRule:EventRule", name="nightly", scheduleExpression="rate(1 day)")[0]


def log_group() -> str:
    return made("aws:cloudwatch/logGroup:LogGroup", name="traffic")[1]["arn"]


def eks_cluster() -> str:
    network = {"subnetIds": [subnet(vpc())]}
    return made("aws:eks/cluster:Cluster", name="agents", roleArn=ROLE, vpcConfig=network)[0]


def archive() -> pulumi.AssetArchive:
    return pulumi.AssetArchive({"shared.py": pulumi.StringAsset("LIMIT = 1\n")})


def network_with(make: Callable[[str], Properties]) -> Callable[[], Properties]:
    return lambda: make(vpc())


@dataclass(frozen=True)
class Example:
    token: str
    given: Callable[[], Properties]
    change: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Empty where AWS changes nothing of such a resource but its tags."""
    id: Callable[[Properties], str] | None = None
    """The id that the official provider gives, over the state."""
    imported: Callable[[str, Properties], str] = lambda resource_id, _state: resource_id
    """The id that the documentation of `pulumi import` names."""
    outputs: tuple[str, ...] = ("arn",)
    stays: bool = False
    """AWS lets nobody delete it."""


def arn_of(state: Properties) -> str:
    return str(state["arn"])


TAGGED = {"tags": {"team": "research"}}
