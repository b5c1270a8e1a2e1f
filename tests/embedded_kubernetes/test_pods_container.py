"""What a pod's container is told, as the kubelet tells it."""

from typing import Any

import pytest

from embedded_aws.tasks.errors import NotStarted
from embedded_kubernetes.pods.container import container, expanded, runnable, variables_of

IMAGE = f"this-machine/agent@sha256:{'0' * 64}"
HELD = {("ConfigMap", "settings"): {"mode": "fast"}, ("Secret", "keys"): {"key": "s3cret"}}


def data(kind: str, name: str) -> Any:
    return HELD.get((kind, name))


def pod(**of_container: Any) -> Any:
    one = {"name": "agent", "image": IMAGE, "command": ["python", "main.py"], **of_container}
    return {
        "metadata": {
            "name": "agent-0",
            "namespace": "agents",
            "uid": "u-1",
            "labels": {"app.kubernetes.io/name": "agent"},
            "annotations": {"agent-hosting/archive": "/x.zip", "bundle": "abc"},
        },
        "spec": {"nodeName": "node-a", "containers": [{"name": "side", "image": "busybox"}, one]},
        "status": {"podIP": "10.0.0.7"},
    }


def variables(*env: Any, env_from: Any = ()) -> dict[str, str]:
    given = pod(env=list(env), envFrom=list(env_from))
    return variables_of(given, given["spec"]["containers"][1], data)


def source(name: str, **value_from: Any) -> Any:
    return {"name": name, "valueFrom": value_from}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "agent-0"),
        ("metadata.namespace", "agents"),
        ("metadata.uid", "u-1"),
        ("metadata.labels['app.kubernetes.io/name']", "agent"),
        ("metadata.annotations['bundle']", "abc"),
        ("status.podIP", "10.0.0.7"),
        ("spec.nodeName", "node-a"),
    ],
)
def test_a_field_of_the_pod_becomes_a_variable(path: str, value: str) -> None:
    assert variables(source("X", fieldRef={"fieldPath": path})) == {"X": value}


def test_config_maps_and_secrets_become_variables() -> None:
    found = variables(
        source("MODE", configMapKeyRef={"name": "settings", "key": "mode"}),
        source("KEY", secretKeyRef={"name": "keys", "key": "key"}),
        source("NONE", secretKeyRef={"name": "absent", "key": "key", "optional": True}),
        env_from=[{"prefix": "P_", "configMapRef": {"name": "settings"}}],
    )
    assert found == {"MODE": "fast", "KEY": "s3cret", "P_mode": "fast"}


@pytest.mark.parametrize(
    "value_from",
    [
        {"secretKeyRef": {"name": "absent", "key": "key"}},
        {"secretKeyRef": {"name": "keys", "key": "other"}},
        {"resourceFieldRef": {"resource": "limits.cpu"}},
        {"fieldRef": {"fieldPath": "status.unknown"}},
    ],
)
def test_what_cannot_be_told_keeps_it_from_starting(value_from: Any) -> None:
    with pytest.raises(NotStarted):
        variables(source("X", **value_from))


def test_a_variable_may_name_those_before_it() -> None:
    env = (
        {"name": "A", "value": "1"},
        {"name": "B", "value": "$(A)-$(C)-$$(A)"},
        {"name": "C", "value": "3"},
    )
    assert variables(*env)["B"] == "1-$(C)-$(A)"
    assert expanded("--at=$(A)", {"A": "1"}) == "--at=1"


def test_command_and_arguments_are_one_program_and_the_host_has_the_last_word() -> None:
    given = pod(args=["--port", "$(AGENT_PORT)"], env=[{"name": "AGENT_PORT", "value": "8080"}])
    found = container(given, given["spec"]["containers"][1], {"AGENT_PORT": "41"}, data)
    assert found.arguments == ("python", "main.py", "--port", "41")
    assert found.archive == "/x.zip"
    assert found.stop_seconds == 30


def test_only_images_of_this_machine_are_run() -> None:
    assert runnable(pod()) == pod()["spec"]["containers"][1]
    assert runnable(pod(image="public.ecr.aws/agent:1")) is None


def test_a_pod_that_does_not_say_where_its_image_lies_does_not_start() -> None:
    given = pod()
    del given["metadata"]["annotations"]["agent-hosting/archive"]
    with pytest.raises(NotStarted, match=r"no annotation agent-hosting/archive"):
        container(given, given["spec"]["containers"][1], {}, data)
