"""Which cluster and namespace a provider resource of a program means."""

import json
from pathlib import Path
from typing import Any

import pytest

from embedded_aws.provider.protocol import Refused
from embedded_aws.provider.values import UNKNOWN
from embedded_kubernetes.cluster import Cluster
from embedded_kubernetes.provider.connection import Connection, kubeconfig_of
from embedded_kubernetes.provider.settings import connection_of, settings_of, without_aws
from tests.embedded_kubernetes.world import World


def config(server: str = "https://127.0.0.1:1", **user: str) -> dict[str, Any]:
    context = {"cluster": "here", "user": "me", "namespace": "agents"}
    return {
        "current-context": "first",
        "clusters": [{"name": "here", "cluster": {"server": server}}],
        "users": [{"name": "me", "user": user or {"token": "t"}}],
        "contexts": [
            {"name": "first", "context": context},
            {"name": "second", "context": {**context, "namespace": "others"}},
        ],
    }


@pytest.mark.parametrize(
    ("inputs", "namespace"),
    [
        ({}, "agents"),
        ({"context": "second"}, "others"),
        ({"context": "second", "namespace": "mine"}, "mine"),
        ({"namespace": UNKNOWN}, "default"),
    ],
)
def test_the_namespace_is_the_providers_or_else_its_contexts(inputs: dict[str, Any], namespace: str) -> None:
    assert settings_of(inputs, config()).namespace == namespace
    assert settings_of({}, {}).namespace == "default"


def test_switches_arrive_as_text() -> None:
    found = settings_of({"enableSecretMutable": "true", "enableConfigMapMutable": "false"}, {})
    assert found.mutable == {"Secret"}
    assert settings_of({"enablePatchForce": True}, {}).force
    with pytest.raises(Refused, match="Leave out enableServerSideApply"):
        settings_of({"enableServerSideApply": "false"}, {})
    with pytest.raises(Refused, match="does not do kubernetes:renderYamlToDirectory"):
        settings_of({"renderYamlToDirectory": "out"}, {})


def test_the_cluster_that_is_served_may_be_named_in_any_way(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(json.dumps(config()))
    served = Connection(config())
    assert connection_of({}, served, path) is served
    assert connection_of({"kubeconfig": UNKNOWN}, served, path) is served
    for inputs in ({"kubeconfig": str(path)}, {"kubeconfig": json.dumps(config())}, {"context": "second"}):
        assert connection_of(inputs, served, path).server == served.server


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        (
            {"kubeconfig": json.dumps(config("https://127.0.0.1:2"))},
            "names the cluster at https://127.0.0.1:2",
        ),
        ({"kubeconfig": "/none/config"}, "the kubeconfig cannot be read"),
        ({"kubeconfig": "{}"}, "the kubeconfig is not usable"),
        ({"kubeconfig": "- a\n- b"}, "neither a file nor the text of one"),
        ({"context": "third"}, "the kubeconfig is not usable"),
    ],
)
def test_another_cluster_or_an_unusable_kubeconfig_is_refused(
    tmp_path: Path, inputs: dict[str, Any], says: str
) -> None:
    path = tmp_path / "config"
    path.write_text(json.dumps(config()))
    with pytest.raises(Refused, match=says):
        connection_of(inputs, Connection(config()), path)


def of_aws() -> dict[str, Any]:
    """A kubeconfig as `aws eks update-kubeconfig` writes it."""
    asks = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "aws",
        "args": ["eks", "get-token"],
    }
    return {**config(), "users": [{"name": "me", "user": {"exec": asks}}]}


def test_users_who_ask_aws_lose_what_they_prove_themselves_by() -> None:
    other = {"name": "other", "user": {"exec": {"command": "other"}}}
    plain, bare = {"name": "plain", "user": {"token": "t"}}, {"name": "bare"}
    given = of_aws()
    given["users"] += [other, plain, bare, {"name": "none", "user": None}]
    found, asks_aws = without_aws(given)
    assert asks_aws
    assert found["users"] == [{"name": "me", "user": {}}, *given["users"][1:]]
    assert {**found, "users": []} == {**given, "users": []}
    assert "exec" in given["users"][0]["user"], "what was given stays as it was"


@pytest.mark.parametrize("given", [{}, {"users": None}, config()])
def test_a_kubeconfig_without_such_users_stays_as_it_is(given: dict[str, Any]) -> None:
    found, asks_aws = without_aws(given)
    assert not asks_aws
    assert found == {**given, "users": given.get("users") or []}


def test_a_program_that_asks_aws_for_tokens_deploys_as_the_administrator_to_the_cluster_served(
    tmp_path: Path,
) -> None:
    served, path = Connection(config()), tmp_path / "config"
    assert connection_of({"kubeconfig": json.dumps(of_aws())}, served, path) is served
    elsewhere = of_aws() | {"clusters": config("https://127.0.0.1:2")["clusters"]}
    with pytest.raises(Refused, match=r"names the cluster at https://127.0.0.1:2"):
        connection_of({"kubeconfig": json.dumps(elsewhere)}, served, path)


def test_a_server_that_does_not_answer_is_named() -> None:
    with pytest.raises(Refused, match=r"the Kubernetes API at https://127.0.0.1:1 does not answer"):
        Connection(config()).request("GET", "/version")


def test_the_token_of_a_kubeconfig_is_sent(cluster: Cluster, world: World) -> None:
    asked = {"spec": {"expirationSeconds": 600}}
    token = world.core.create_namespaced_service_account_token("default", world.namespace, asked)
    held = kubeconfig_of(cluster.kubeconfig)
    held["users"] = [{**user, "user": {"token": token.status.token}} for user in held["users"]]
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    said = Connection(held).request("POST", path, body=review)
    assert said["status"]["userInfo"]["username"] == f"system:serviceaccount:{world.namespace}:default"
