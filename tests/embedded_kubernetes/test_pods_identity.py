"""EKS Pod Identity: a pod has the role that is associated with its ServiceAccount, and no other."""

import json
from typing import Any

import pytest

from embedded_aws.tables import eks
from tests.embedded_kubernetes.live_world import LiveWorld

TRUSTS = ("sts:AssumeRole", "sts:TagSession")
ASSOCIATION: Any = next(row for row in eks.ROWS if row.token.endswith(":PodIdentityAssociation"))


def associate(live: LiveWorld, namespace: str, account: str, role: str) -> None:
    inputs = {"clusterName": "agents", "namespace": namespace, "serviceAccount": account, "roleArn": role}
    live.records.create(ASSOCIATION, inputs)


def role(live: LiveWorld, name: str, *actions: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": actions}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    made = live.aws("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    return str(made["Role"]["Arn"])


def agent(live: LiveWorld, namespace: str, account: str = "agent") -> None:
    live.gateway(namespace)
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    live.api.post(path, {"metadata": {"name": account}})
    live.workload("deployments", namespace, "agent", serviceAccountName=account)
    live.route(namespace, {"name": "agent"})
    live.ready(namespace, "agent")


def test_an_associated_account_has_its_role_and_what_that_may_do(live: LiveWorld) -> None:
    namespace = live.namespace()
    associate(live, namespace, "agent", role(live, f"role-{namespace}", *TRUSTS))
    lists = {"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [lists]})
    live.aws("iam").put_role_policy(RoleName=f"role-{namespace}", PolicyName="own", PolicyDocument=policy)
    url = live.aws("sqs").create_queue(QueueName=f"q-{namespace}")["QueueUrl"]
    agent(live, namespace)
    said = live.ask(namespace, "identity")[1]
    assert url in said["queues"]
    assert f":assumed-role/role-{namespace}/eks-agent-" in said["refused"]


def test_an_account_without_an_association_has_no_credentials(live: LiveWorld) -> None:
    namespace = live.namespace()
    associate(live, namespace, "another", role(live, f"role-{namespace}", *TRUSTS))
    agent(live, namespace)
    assert live.ask(namespace, "identity")[1] is None


@pytest.mark.parametrize("missing", TRUSTS)
def test_a_role_that_does_not_trust_the_service_gives_none(live: LiveWorld, missing: str) -> None:
    namespace = live.namespace()
    trusted = [action for action in TRUSTS if action != missing]
    associate(live, namespace, "agent", role(live, f"role-{namespace}", *trusted))
    agent(live, namespace)
    status, _, _ = live.ask(namespace, "identity")
    assert status == 502
    (said,) = {line for line in live.log if f"role-{namespace}" in line}
    assert f"does not let pods.eks.amazonaws.com do {missing}" in said
