"""The API of an EKS cluster: who is trusted, who calls, and what each refusal becomes."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from agent_runtime import kubernetes_api
from agent_runtime.errors import ClusterUnavailable
from agent_runtime.kubernetes_api import KubernetesApi, StaleObject, eks_token
from tests.runtime.cluster_api import ClusterApi, certificate, cluster_api

PATH = "/apis/gateway.networking.k8s.io/v1/namespaces/agents/httproutes/handbook"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ClusterApi]:
    with cluster_api(tmp_path) as found:
        found.objects[PATH] = {"metadata": {"name": "handbook", "resourceVersion": "7"}, "spec": {"a": 1}}
        yield found


def api(cluster: ClusterApi, **changes: Any) -> KubernetesApi:
    given = {"endpoint": cluster.endpoint, "certificate_authority": cluster.authority, **changes}
    return KubernetesApi(given["endpoint"], given["certificate_authority"], lambda: "the-token")


def test_an_object_is_read_in_the_name_of_who_has_the_token(cluster: ClusterApi) -> None:
    assert api(cluster, endpoint=f"{cluster.endpoint}/").get(PATH)["spec"] == {"a": 1}
    ((method, path, headers, body),) = cluster.asked
    assert (method, path, body) == ("GET", PATH, None)
    assert headers["authorization"] == "Bearer the-token"


def test_a_merge_changes_what_it_names_and_nothing_beside_it(cluster: ClusterApi) -> None:
    api(cluster).merge(PATH, {"metadata": {"resourceVersion": "7"}, "spec": {"b": 2}})
    assert cluster.objects[PATH]["spec"] == {"a": 1, "b": 2}
    assert cluster.asked[0][2]["content-type"] == "application/merge-patch+json"


def test_a_merge_for_a_version_that_is_gone_says_so(cluster: ClusterApi) -> None:
    with pytest.raises(StaleObject, match="has been modified"):
        api(cluster).merge(PATH, {"metadata": {"resourceVersion": "6"}, "spec": {"b": 2}})
    assert cluster.objects[PATH]["spec"] == {"a": 1}


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, {"message": "Unauthorized"}, "401 Unauthorized"),
        (403, {"message": "httproutes is forbidden"}, "403 httproutes is forbidden"),
        (404, {"message": "not found"}, "404 not found"),
        (429, b"slow down", "429 Too Many Requests"),
        (500, b"", "500 Internal Server Error"),
        (503, [], "503 Service Unavailable"),
    ],
)
def test_a_refusal_keeps_its_status_and_the_servers_words(
    cluster: ClusterApi, status: int, body: Any, said: str
) -> None:
    cluster.answers = [(status, body)]
    with pytest.raises(ClusterUnavailable) as caught:
        api(cluster).get(PATH)
    assert caught.value.status == status
    assert str(caught.value) == f"GET {PATH}: {said}"
    assert "the-token" not in str(caught.value)


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b""], ids=["no JSON", "no object", "nothing"])
def test_an_answer_that_is_no_object_is_no_answer(cluster: ClusterApi, body: bytes) -> None:
    cluster.answers = [(200, body)]
    with pytest.raises(ClusterUnavailable):
        api(cluster).get(PATH)


def test_a_cluster_that_is_silent_is_given_up(cluster: ClusterApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubernetes_api, "_SECONDS", 0.2)
    cluster.silent.clear()
    with pytest.raises(ClusterUnavailable, match="timed out") as caught:
        api(cluster).get(PATH)
    assert caught.value.status == 0


def test_a_cluster_that_is_not_there_is_no_error_of_ours(cluster: ClusterApi) -> None:
    with pytest.raises(ClusterUnavailable, match=f"GET {PATH}: "):
        api(cluster, endpoint="https://127.0.0.1:1").get(PATH)


def test_a_cluster_whose_certificate_another_signed_is_told_nothing(
    cluster: ClusterApi, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    _, another = certificate(tmp_path / "other")
    for authority in (another, ""):
        with pytest.raises(ClusterUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            api(cluster, certificate_authority=authority).get(PATH)
    assert cluster.asked == []


def sts() -> Any:
    session = boto3.session.Session("AKIATEST", "secret-key", "session", region_name="eu-west-1")
    return session.client("sts")


def opened(token: str) -> tuple[str, dict[str, list[str]]]:
    """(host, query) of the question inside a token."""
    text = token.removeprefix("k8s-aws-v1.")
    url = urlsplit(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode())
    return url.netloc, parse_qs(url.query)


def test_a_token_is_a_question_signed_for_one_cluster_and_one_minute() -> None:
    token = eks_token(sts(), "pods")
    host, query = opened(token)
    assert host == "sts.eu-west-1.amazonaws.com"
    assert query["Action"] == ["GetCallerIdentity"]
    assert query["X-Amz-Expires"] == ["60"]
    assert query["X-Amz-SignedHeaders"] == ["host;x-k8s-aws-id"], "a cluster of another name refuses it"
    assert "=" not in token
    assert "secret-key" not in token


def test_tokens_of_two_clusters_differ_in_their_signature_and_the_client_stays_as_it_was() -> None:
    client = sts()
    one, other = (opened(eks_token(client, name))[1] for name in ("pods", "others"))
    if one["X-Amz-Date"] == other["X-Amz-Date"]:
        assert one["X-Amz-Signature"] != other["X-Amz-Signature"]
    plain = client.generate_presigned_url("get_caller_identity")
    assert parse_qs(urlsplit(plain).query)["X-Amz-SignedHeaders"] == ["host"]
