"""EKS tokens: a role's session is let in as the cluster's access entries say."""

import base64
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from embedded_aws.authorizer.sessions import Credentials, Sessions
from embedded_kubernetes.tokens import Bearer, TokenReviewer
from embedded_kubernetes.tokens.entries import ASSOCIATION, ENTRY
from embedded_kubernetes.tokens.presigned import PREFIX
from tests.embedded_kubernetes.conftest import Reviewers
from tests.embedded_kubernetes.world import World

ROLE = "arn:aws:iam::123456789012:role/agents/reader"
ADMIN_POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
VIEW_POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"


class Account:
    """Sessions of roles, clusters, and what is recorded of their access."""

    def __init__(self) -> None:
        self.sessions, self.now = Sessions(), datetime.now(UTC)
        self.clusters = ["agents", "others"]
        self.recorded: dict[str, list[Mapping[str, Any]]] = {ENTRY: [], ASSOCIATION: []}
        self.reviewer = TokenReviewer(
            self._find, self.recorded.__getitem__, lambda: self.clusters, clock=lambda: self.now
        )

    def entry(self, **more: Any) -> None:
        entry = {"clusterName": "agents", "principalArn": ROLE, "userName": ROLE}
        self.recorded[ENTRY].append(entry | more)

    def policy(self, arn: str, scope: Mapping[str, Any]) -> None:
        place = {"clusterName": "agents", "principalArn": ROLE}
        self.recorded[ASSOCIATION].append({**place, "policyArn": arn, "accessScope": scope})

    def status(self, token: str) -> dict[str, Any]:
        return self.reviewer.review({"spec": {"token": token}})["status"]

    def issue(self, role: str = ROLE) -> Credentials:
        return self.sessions.issue(role, "run-1")

    def _find(self, access_key_id: str, session_token: str | None) -> Bearer | None:
        if access_key_id == "embedded":
            return Bearer("embedded", None)
        found = self.sessions.find(access_key_id, session_token)
        return Bearer(found.secret_access_key, found.role_arn, found.session_name) if found else None


@pytest.fixture
def account() -> Account:
    return Account()


def token_of(held: Credentials | None, cluster: str = "agents") -> str:
    """As `aws eks get-token` makes it; for the administrator without credentials."""
    keys: dict[str, Any] = {"aws_access_key_id": "embedded", "aws_secret_access_key": "embedded"}
    if held is not None:
        keys = {
            "aws_access_key_id": held.access_key_id,
            "aws_secret_access_key": held.secret_access_key,
            "aws_session_token": held.session_token,
        }
    sts: Any = boto3.client("sts", region_name="eu-west-1", **keys)
    sts.meta.events.register(
        "before-sign.sts.GetCallerIdentity",
        lambda request, **_: request.headers.add_header("x-k8s-aws-id", cluster),
    )
    url = sts.generate_presigned_url("get_caller_identity", Params={}, ExpiresIn=60, HttpMethod="GET")
    return PREFIX + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def test_a_session_is_the_user_that_its_roles_entry_makes_it(account: Account) -> None:
    account.entry(kubernetesGroups=["readers"])
    assert account.status(token_of(account.issue())) == {
        "authenticated": True,
        "user": {
            "username": "arn:aws:sts::123456789012:assumed-role/reader/run-1",
            "groups": ["readers"],
        },
    }


def test_an_entry_may_name_the_user(account: Account) -> None:
    account.entry(userName="reader:{{SessionName}}")
    assert account.status(token_of(account.issue()))["user"]["username"] == "reader:run-1"


def test_the_policy_of_the_cluster_administrator_makes_one(account: Account) -> None:
    account.entry()
    account.policy(ADMIN_POLICY, {"type": "cluster"})
    assert account.status(token_of(account.issue()))["user"]["groups"] == ["system:masters"]


@pytest.mark.parametrize(
    ("policy", "scope"),
    [(VIEW_POLICY, {"type": "cluster"}), (ADMIN_POLICY, {"type": "namespace", "namespaces": ["a"]})],
)
def test_no_other_policy_makes_an_administrator(account: Account, policy: str, scope: Any) -> None:
    account.entry()
    account.policy(policy, scope)
    assert account.status(token_of(account.issue()))["user"]["groups"] == []


def test_whoever_created_the_clusters_is_their_administrator(account: Account) -> None:
    assert account.status(token_of(None))["user"]["groups"] == ["system:masters"]


def test_a_role_without_an_entry_is_unknown(account: Account) -> None:
    account.entry(principalArn="arn:aws:iam::123456789012:role/other")
    account.entry(clusterName="others")
    said = account.status(token_of(account.issue()))
    assert said == {"authenticated": False, "error": f"the cluster agents has no access entry for {ROLE}"}


def test_a_token_for_another_cluster_counts_there_alone(account: Account) -> None:
    account.entry(kubernetesGroups=["readers"])
    said = account.status(token_of(account.issue(), "others"))
    assert said["error"] == f"the cluster others has no access entry for {ROLE}"


def test_a_token_for_a_cluster_that_is_not_here_counts_nowhere(account: Account) -> None:
    account.entry()
    assert "not right for any cluster here" in account.status(token_of(account.issue(), "gone"))["error"]


def test_a_token_signed_with_another_key_counts_nowhere(account: Account) -> None:
    account.entry()
    held = account.issue()
    forged = Credentials(held.access_key_id, "another", held.session_token)
    assert "not right for any cluster" in account.status(token_of(forged))["error"]


def test_a_token_with_another_session_token_counts_nowhere(account: Account) -> None:
    account.entry()
    held = account.issue()
    forged = Credentials(held.access_key_id, held.secret_access_key, "another")
    assert "nobody has the access key" in account.status(token_of(forged))["error"]


def test_a_token_counts_for_fifteen_minutes(account: Account) -> None:
    account.entry()
    token = token_of(account.issue())
    account.now += timedelta(minutes=14)
    assert account.status(token)["authenticated"]
    account.now += timedelta(minutes=2)
    assert "make another with `aws eks get-token`" in account.status(token)["error"]


def _broken() -> Iterator[tuple[str, str]]:
    url = "https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id"
    yield "secret", "it does not begin with"
    yield PREFIX + "a", "it holds no presigned URL"
    yield PREFIX + "x" * 9000, "it does not begin with"
    yield _encoded(url.replace("Caller", "Session")), "its URL is not one of GetCallerIdentity"
    yield _encoded(url.replace("%3Bx-k8s-aws-id", "")), "it must sign the headers"
    yield _encoded(url + "&Action=Other"), "it gives a parameter twice"
    yield _encoded(url), "it is signed for another service than STS"
    scoped = url + "&X-Amz-Credential=key%2F20260101%2Feu-west-1%2Fsts%2Faws4_request"
    yield _encoded(scoped + "&X-Amz-Date=20260101"), "it has no date"


def _encoded(url: str) -> str:
    return PREFIX + base64.urlsafe_b64encode(url.encode()).decode()


@pytest.mark.parametrize(("token", "error"), list(_broken()))
def test_what_is_no_token_is_refused_with_the_reason(account: Account, token: str, error: str) -> None:
    said = account.status(token)
    assert said["authenticated"] is False
    assert said["error"].startswith(error)


def test_the_api_server_lets_a_role_in_by_its_token_and_its_groups(
    world: World, account: Account, reviewers: Reviewers
) -> None:
    account.entry(kubernetesGroups=[f"{world.namespace}:readers"])
    reviewers.review = account.reviewer.review
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]
    named = {"metadata": {"name": "readers"}}
    api = {"apiVersion": "rbac.authorization.k8s.io/v1"}
    subject = {
        "kind": "Group",
        "name": f"{world.namespace}:readers",
        "apiGroup": "rbac.authorization.k8s.io",
    }
    role = {"kind": "Role", "name": "readers", "apiGroup": "rbac.authorization.k8s.io"}
    world.create({**api, "kind": "Role", **named, "rules": rules})
    world.create({**api, "kind": "RoleBinding", **named, "subjects": [subject], "roleRef": role})
    core = world.as_bearer(token_of(account.issue()))
    assert core.list_namespaced_pod(world.namespace).items == []
    with pytest.raises(ApiException) as refused:
        core.list_namespaced_secret(world.namespace)
    assert refused.value.status == 403
    assert "assumed-role/reader/run-1" in str(refused.value.body)


def test_the_api_server_does_not_let_an_unknown_role_in(
    world: World, account: Account, reviewers: Reviewers
) -> None:
    reviewers.review = account.reviewer.review
    core: client.CoreV1Api = world.as_bearer(token_of(account.issue()))
    with pytest.raises(ApiException) as refused:
        core.list_namespaced_pod(world.namespace)
    assert refused.value.status == 401
