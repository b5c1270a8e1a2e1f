"""A refresh shows what the program declared and somebody changed, and nothing else."""

import base64
from typing import Any

import pytest

from embedded_kubernetes.provider.drift import drifted, imported

CONTAINER = 'k:{"name":"main"}'
PORT = 'k:{"containerPort":8080,"protocol":"TCP"}'
POD_FIELDS = {"f:spec": {"f:containers": {CONTAINER: {"f:image": {}, "f:ports": {PORT: {}}}}}}
INPUTS: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "a", "labels": {"team": "agents"}},
    "spec": {
        "template": {
            "spec": {
                "containers": [
                    {
                        "name": "main",
                        "image": "a:1",
                        "ports": [{"containerPort": 8080}],
                        "resources": {"limits": {"cpu": "0.5", "memory": "1024Mi"}},
                    }
                ]
            }
        }
    },
}


def live(**changes: Any) -> dict[str, Any]:
    """The object as the server shows it: with defaults, canonical quantities and a controller's sidecar."""
    main = {
        **{"name": "main", "image": "a:1", "imagePullPolicy": "IfNotPresent"},
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
        "resources": {"limits": {"cpu": "500m", "memory": "1Gi"}},
    }
    template = {"spec": {"containers": [{"name": "sidecar", "image": "s"}, {**main, **changes}]}}
    labels = {"team": "agents", "added": "by-a-controller"}
    applied = {"manager": "pulumi", "fieldsV1": {"f:spec": {"f:template": POD_FIELDS}}}
    return {
        **{"apiVersion": "apps/v1", "kind": "Deployment", "status": {"replicas": 3}},
        "metadata": {"name": "a", "uid": "1", "labels": labels, "managedFields": [applied]},
        "spec": {"replicas": 3, "template": template},
    }


def test_defaults_canonical_forms_and_controllers_fields_are_no_drift() -> None:
    assert drifted(INPUTS, live()) == INPUTS


@pytest.mark.parametrize(
    ("changes", "field", "now"),
    [
        ({"image": "a:2"}, "image", "a:2"),
        ({"resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}, "resources", None),
        ({"ports": []}, "ports", []),
        ({"name": "renamed"}, "", None),
    ],
)
def test_a_declared_field_that_was_changed_is_drift(changes: dict[str, Any], field: str, now: Any) -> None:
    found = drifted(INPUTS, live(**changes))["spec"]["template"]["spec"]["containers"]
    if not field:
        assert found == []
    elif now is None:
        assert found[0][field] == {"limits": {"cpu": "1", "memory": "1024Mi"}}
    else:
        assert found[0][field] == now


def test_elements_that_others_add_to_a_set_are_theirs() -> None:
    owned = {"manager": "pulumi", "fieldsV1": {"f:metadata": {"f:finalizers": {'v:"mine"': {}}}}}
    held = {"metadata": {"name": "a", "finalizers": ["theirs", "mine"], "managedFields": [owned]}}
    inputs = {"metadata": {"name": "a", "finalizers": ["mine"]}}
    assert drifted(inputs, held) == inputs
    held["metadata"]["finalizers"] = ["theirs"]
    assert drifted(inputs, held) == {"metadata": {"name": "a", "finalizers": []}}


def test_an_atomic_list_is_compared_as_a_whole() -> None:
    held = {"metadata": {}, "spec": {"args": ["a", "b"]}}
    assert drifted({"spec": {"args": ["a"]}}, held) == {"spec": {"args": ["a", "b"]}}


def test_string_data_is_compared_with_what_the_server_made_of_it() -> None:
    data = {"same": base64.b64encode(b"one").decode(), "other": base64.b64encode(b"two").decode()}
    found = drifted(
        {"stringData": {"same": "one", "other": "one", "gone": "x"}}, {"metadata": {}, "data": data}
    )
    assert found == {"stringData": {"same": "one", "other": "two"}}


def test_an_import_takes_what_people_wrote_and_no_controllers_fields() -> None:
    held = live()
    held["metadata"]["managedFields"] = [
        {"manager": "kubectl", "fieldsV1": {"f:spec": {"f:template": POD_FIELDS}}},
        {"manager": "kube-controller-manager", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
        {"manager": "kubectl", "subresource": "status", "fieldsV1": {"f:status": {}}},
    ]
    del held["metadata"]["labels"]
    container = {"name": "main", "image": "a:1", "ports": [{"containerPort": 8080, "protocol": "TCP"}]}
    assert imported(held) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a"},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }
