"""EKS Pod Identity: a pod has the role that is associated with its ServiceAccount, and no other."""

import json
from typing import Any

import pytest

from embedded_aws.tables import eks
from tests.embedded_kubernetes.cluster_world import ClusterWorld

TRUSTS = ("sts:AssumeRole", "sts:TagSession")
ASSOCIATION: Any = next(row for row in eks.ROWS if row.token.endswith(":PodIdentityAssociation"))


def associate(world: ClusterWorld, namespace: str, account: str, role: str) -> None:
    inputs = {"clusterName": "agents", "namespace": namespace, "serviceAccount": account, "roleArn": role}
    world.records.create(ASSOCIATION, inputs)


def role(world: ClusterWorld, name: str, *actions: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": actions}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    made = world.aws("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    return str(made["Role"]["Arn"])


def agent(world: ClusterWorld, namespace: str, account: str = "agent") -> None:
    world.gateway(namespace)
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    world.api.post(path, {"metadata": {"name": account}})
    world.workload("deployments", namespace, "agent", serviceAccountName=account)
    world.route(namespace, {"name": "agent"})
    world.ready(namespace, "agent")


def test_an_associated_account_has_its_role_and_what_that_may_do(world: ClusterWorld) -> None:
    namespace = world.namespace()
    associate(world, namespace, "agent", role(world, f"role-{namespace}", *TRUSTS))
    lists = {"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [lists]})
    world.aws("iam").put_role_policy(RoleName=f"role-{namespace}", PolicyName="own", PolicyDocument=policy)
    url = world.aws("sqs").create_queue(QueueName=f"q-{namespace}")["QueueUrl"]
    agent(world, namespace)
    said = world.ask(namespace, "identity")[1]
    assert url in said["queues"]
    assert f":assumed-role/role-{namespace}/eks-agent-" in said["refused"]


def test_an_account_without_an_association_has_no_credentials(world: ClusterWorld) -> None:
    namespace = world.namespace()
    associate(world, namespace, "another", role(world, f"role-{namespace}", *TRUSTS))
    agent(world, namespace)
    assert world.ask(namespace, "identity")[1] is None


@pytest.mark.parametrize("missing", TRUSTS)
def test_a_role_that_does_not_trust_the_service_gives_none(world: ClusterWorld, missing: str) -> None:
    namespace = world.namespace()
    trusted = [action for action in TRUSTS if action != missing]
    associate(world, namespace, "agent", role(world, f"role-{namespace}", *trusted))
    agent(world, namespace)
    status, _, _ = world.ask(namespace, "identity")
    assert status == 502
    (said,) = {line for line in world.log if f"role-{namespace}" in line}
    assert f"does not let pods.eks.amazonaws.com do {missing}" in said
