"""The embedded cloud starts the cluster when it is asked to, and shows it as that of its EKS clusters."""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from embedded_aws.authorizer.sessions import Credentials
from tests.embedded.provider_world import RunningCloud, running_cloud
from tests.embedded_kubernetes.test_tokens import token_of
from tests.embedded_kubernetes.world import World

ROLE_ARN = "arn:aws:iam::123456789012:role/cluster"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    with running_cloud(tmp_path_factory.mktemp("cloud")) as cloud:
        yield cloud


def start(cloud: RunningCloud, **body: str) -> dict[str, Any]:
    return post(cloud, "start", body)


def post(cloud: RunningCloud, path: str, body: dict[str, Any]) -> dict[str, Any]:
    url = f"{cloud.endpoint_url}/_embedded/kubernetes/{path}"
    asked = urllib.request.Request(url, json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(asked, timeout=240) as answer:
        return json.loads(answer.read())


def test_eks_clusters_have_the_address_of_the_api_server_that_runs(cloud: RunningCloud) -> None:
    eks = cloud.client("eks")
    eks.create_cluster(name="before", roleArn=ROLE_ARN, resourcesVpcConfig={})
    said = start(cloud)
    assert start(cloud) == said
    eks.create_cluster(name="after", roleArn=ROLE_ARN, resourcesVpcConfig={})
    for name in ("before", "after"):
        shown = eks.describe_cluster(name=name)["cluster"]
        assert shown["endpoint"] == said["url"]
        assert shown["certificateAuthority"]["data"] == said["certificate_authority"]
    assert base64.b64decode(said["certificate_authority"]).startswith(b"-----BEGIN CERTIFICATE-----")
    world = World(Path(said["kubeconfig"]), "token")
    core: client.CoreV1Api = world.as_bearer(token_of(None, "after"))
    assert core.read_namespace("token").metadata.name == "token"
    world.close()


def test_a_session_that_sts_handed_out_is_known_by_its_signature(cloud: RunningCloud) -> None:
    cloud.client("eks").create_cluster(name="tokens", roleArn=ROLE_ARN, resourcesVpcConfig={})
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = cloud.client("iam").create_role(RoleName="reader", AssumeRolePolicyDocument=policy)["Role"]["Arn"]
    held = cloud.client("sts").assume_role(RoleArn=role, RoleSessionName="run-1")["Credentials"]
    token = token_of(
        Credentials(held["AccessKeyId"], held["SecretAccessKey"], held["SessionToken"]), "tokens"
    )
    said = post(cloud, "token-review", {"spec": {"token": token}})
    assert said["status"]["error"] == f"the cluster tokens has no access entry for {role}"


def test_a_question_that_is_no_json_is_refused(cloud: RunningCloud) -> None:
    url = f"{cloud.endpoint_url}/_embedded/kubernetes/start"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(url, b"{", method="POST"), timeout=30)
    assert refused.value.status == 400
    refused.value.close()


def test_another_cluster_is_refused_while_one_is_served(cloud: RunningCloud, tmp_path: Path) -> None:
    start(cloud)
    with pytest.raises(urllib.error.HTTPError) as refused:
        start(cloud, kubeconfig=str(tmp_path / "other"))
    assert "stop it first with `agent-hosting down`" in json.loads(refused.value.read())["error"]
    refused.value.close()


def test_a_cluster_at_hand_is_served_and_none_is_started(cloud: RunningCloud, tmp_path: Path) -> None:
    at_hand = start(cloud)["kubeconfig"]
    with running_cloud(tmp_path / "other") as other:
        said = start(other, kubeconfig=at_hand)
        assert said.keys() == {"kubeconfig", "provider_port"}
        assert json.loads((tmp_path / "other" / "kubernetes.json").read_text()) == said
        assert not (tmp_path / "other" / "kubernetes").exists()
    assert not (tmp_path / "other" / "kubernetes.json").exists()
