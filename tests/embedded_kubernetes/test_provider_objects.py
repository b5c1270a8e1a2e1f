"""What the provider makes of single objects before a real API server."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest
from pulumi.runtime import rpc

from tests.embedded_kubernetes.provider_world import Asked, Refusal, pod_spec
from tests.embedded_kubernetes.world import World

CONFIG, SECRET, DEPLOYMENT = (
    "kubernetes:core/v1:ConfigMap",
    "kubernetes:core/v1:Secret",
    "kubernetes:apps/v1:Deployment",
)
STATEFUL, NAMESPACE, POD = (
    "kubernetes:apps/v1:StatefulSet",
    "kubernetes:core/v1:Namespace",
    "kubernetes:core/v1:Pod",
)
DEFINITION, WIDGET = (
    "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition",
    "kubernetes:tests.dev/v1:Widget",
)
SCALED = "kubernetes:keda.sh/v1alpha1:ScaledObject"


def workload(replicas: int = 1, **pod: Any) -> dict[str, Any]:
    labels = {"app": "agent"}
    template = {"metadata": {"labels": labels}, "spec": pod_spec(**pod)}
    return {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}


def test_an_object_without_a_name_or_namespace_gets_both(asked: Asked) -> None:
    inputs, failures = asked.check(CONFIG, {"data": {"a": "1"}})
    assert failures == {}
    assert inputs["metadata"] == {
        "name": "thing-0123456",
        "namespace": "default",
        "annotations": {"pulumi.com/autonamed": "true"},
    }
    assert (inputs["apiVersion"], inputs["kind"]) == ("v1", "ConfigMap")
    asked.configure(namespace="agents")
    assert asked.check(CONFIG, {}, inputs)[0]["metadata"]["name"] == "thing-0123456"
    assert asked.check(CONFIG, {})[0]["metadata"]["namespace"] == "agents"
    assert "namespace" not in asked.check(NAMESPACE, {})[0]["metadata"]


@pytest.mark.parametrize(
    ("token", "inputs", "failure"),
    [
        (
            NAMESPACE,
            {"metadata": {"namespace": "a"}},
            ("metadata.namespace", "a Namespace lies in no namespace"),
        ),
        (CONFIG, {"kind": "Secret"}, ("kind", "the resource's type says ConfigMap, not Secret")),
        (
            CONFIG,
            {"metadata": {"generateName": "a-"}},
            ("metadata.generateName", "is not applied: give a name"),
        ),
    ],
)
def test_what_cannot_be_applied_is_told_on_its_property(
    asked: Asked, token: str, inputs: dict[str, Any], failure: tuple[str, str]
) -> None:
    ((name, reason),) = asked.check(token, inputs)[1].items()
    assert name == failure[0]
    assert reason.startswith(failure[1])


def test_a_preview_shows_the_servers_own_judgement_and_makes_nothing(asked: Asked) -> None:
    right = asked.inputs(DEPLOYMENT, "agent", spec=workload())
    resource_id, told = asked.create(DEPLOYMENT, right, preview=True)
    assert resource_id == ""
    assert told["spec"]["strategy"]["type"] == "RollingUpdate"
    assert told["status"] == told["metadata"]["uid"] == rpc.UNKNOWN
    assert not asked.read(DEPLOYMENT, f"{asked.namespace}/agent").id

    unknown_field = asked.inputs(DEPLOYMENT, "agent", spec={**workload(), "replica": 2})
    with pytest.raises(
        Refusal, match=r"Deployment .*/agent: .*\.spec\.replica: field not declared in schema"
    ):
        asked.create(DEPLOYMENT, unknown_field, preview=True)
    invalid = asked.inputs(
        DEPLOYMENT, "agent", spec={**workload(), "selector": {"matchLabels": {"app": "other"}}}
    )
    with pytest.raises(Refusal, match="`selector` does not match template `labels`"):
        asked.create(DEPLOYMENT, invalid, preview=True)
    unknown_in_custom = asked.inputs(
        SCALED, "agent", spec={"scaleTargetRef": {"name": "a"}, "triggers": [], "x": 1}
    )
    with pytest.raises(Refusal, match=r"spec\.x"):
        asked.create(SCALED, unknown_in_custom, preview=True)


def test_a_preview_judges_what_is_known_and_no_more(asked: Asked) -> None:
    image = {"containers": [{"name": "main", "image": rpc.UNKNOWN}]}
    partly = asked.inputs(DEPLOYMENT, "agent", spec=workload(**image))
    told = asked.create(DEPLOYMENT, partly, preview=True)[1]
    assert told["spec"]["template"]["spec"]["containers"][0]["image"] == rpc.UNKNOWN
    wrong = asked.inputs(DEPLOYMENT, "agent", spec={**workload(**image), "replica": 2})
    with pytest.raises(Refusal, match=r"no such field: spec\.replica"):
        asked.create(DEPLOYMENT, wrong, preview=True)


def test_a_preview_in_a_namespace_that_is_to_come_is_judged_all_the_same(asked: Asked) -> None:
    coming = {"metadata": {"namespace": "to-come"}}
    right = asked.inputs(DEPLOYMENT, "agent", spec=workload(), **coming)
    assert asked.create(DEPLOYMENT, right, preview=True)[1]["metadata"]["namespace"] == "to-come"
    wrong = asked.inputs(DEPLOYMENT, "agent", spec={**workload(), "replicas": -1}, **coming)
    with pytest.raises(Refusal, match="must be greater than or equal to 0"):
        asked.create(DEPLOYMENT, wrong, preview=True)


def definition() -> dict[str, Any]:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "group": "tests.dev",
        "names": {"kind": "Widget", "plural": "widgets"},
        "scope": "Namespaced",
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
    }


def test_a_missing_kind_is_named_with_what_installs_it_unless_the_same_program_brings_it(
    asked: Asked,
) -> None:
    widget = asked.inputs(WIDGET, "one", spec={"size": 1})
    for preview in (True, False):
        with pytest.raises(
            Refusal, match=r"has no kind Widget \(tests.dev/v1\): the CustomResourceDefinition"
        ):
            asked.create(WIDGET, widget, preview=preview)
    with pytest.raises(Refusal, match=r"has no kind Thing \(karpenter.sh/v9\): Karpenter installs it"):
        asked.create("kubernetes:karpenter.sh/v9:Thing", {"metadata": {"name": "a"}})

    wanted, _ = asked.check(DEFINITION, {"metadata": {"name": "widgets.tests.dev"}, "spec": definition()})
    asked.create(DEFINITION, wanted, preview=True)
    assert asked.create(WIDGET, widget, preview=True)[1]["spec"] == {"size": 1.0}
    made = asked.create(DEFINITION, wanted)
    try:
        assert asked.create(WIDGET, widget)[0] == f"{asked.namespace}/one"
    finally:
        asked.delete(DEFINITION, made)
    with pytest.raises(Refusal, match="has no kind Widget"):
        asked.create(WIDGET, widget)
    assert not asked.read(WIDGET, f"{asked.namespace}/one", {"spec": {}}, widget).id


def test_an_object_of_another_manager_is_taken_over_only_by_force(asked: Asked, place: World) -> None:
    inputs = asked.inputs(DEPLOYMENT, "agent", spec=workload(1))
    held = asked.create(DEPLOYMENT, inputs)
    by_hand = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "agent"}}
    place.patch(by_hand, {"spec": {"replicas": 2}})

    now = asked.read(DEPLOYMENT, held[0], held[1], inputs)
    assert now.inputs["spec"]["replicas"] == 2
    wanted = asked.inputs(DEPLOYMENT, "agent", spec=workload(3))
    says = r'another field manager owns what this applies: \.spec\.replicas by ".*" using apps/v1.*patchForce'
    for preview in (True, False):
        with pytest.raises(Refusal, match=says):
            asked.update(DEPLOYMENT, held, inputs, wanted, preview=preview)
    forced = {"annotations": {"pulumi.com/patchForce": "true"}}
    wanted = asked.inputs(DEPLOYMENT, "agent", spec=workload(3), metadata=forced)
    assert asked.update(DEPLOYMENT, held, inputs, wanted)[1]["spec"]["replicas"] == 3


def test_a_refresh_ignores_what_controllers_own(asked: Asked, place: World) -> None:
    spec = workload(2)
    del spec["replicas"]
    inputs = asked.inputs(DEPLOYMENT, "agent", spec=spec)
    held = asked.create(DEPLOYMENT, inputs)
    by_hand = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "agent"}}
    place.patch(by_hand, {"spec": {"replicas": 2}, "metadata": {"labels": {"scaled": "by-keda"}}})
    now = asked.read(DEPLOYMENT, *held, inputs)
    assert now.id == held[0]
    assert plain(now.inputs) == plain(inputs)
    assert plain(now.properties) == plain(held[1])


def plain(values: Any) -> Any:
    return json.loads(json.dumps(_dict(values)))


def _dict(values: Any) -> Any:
    from google.protobuf.json_format import MessageToDict

    return MessageToDict(values) if hasattr(values, "ListFields") else values


def test_an_object_that_others_made_is_imported_by_its_place(asked: Asked, place: World) -> None:
    data = {"a": "1"}
    place.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "made"}, "data": data})
    found = asked.read(CONFIG, f"{asked.namespace}/made")
    assert _dict(found.inputs) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "made", "namespace": asked.namespace},
        "data": data,
    }
    assert not asked.read(CONFIG, f"{asked.namespace}/none").id


def test_secret_values_are_secret_whichever_way_they_come(asked: Asked) -> None:
    inputs = asked.inputs(SECRET, "key", stringData={"token": "sk-value"})
    assert is_secret(inputs["stringData"])
    _, state = asked.create(SECRET, inputs)
    assert is_secret(state["data"])
    found = asked.read(SECRET, f"{asked.namespace}/key")
    assert is_secret(_dict(found.inputs)["data"])
    assert is_secret(_dict(found.properties)["data"])


def is_secret(value: Mapping[str, Any]) -> bool:
    return value.get(rpc._special_sig_key) == rpc._special_secret_sig


def test_a_workload_that_does_not_become_ready_names_the_pod_and_its_reason(asked: Asked) -> None:
    nowhere = workload(1, nodeSelector={"disk": "none"})
    inputs = asked.inputs(STATEFUL, "agent", spec={**nowhere, "serviceName": "agent"})
    says = r"/agent: not ready after 3 s: 0 of 1 pods are ready \(pod agent-0: not scheduled: 0/3 nodes"
    with pytest.raises(Refusal, match=says):
        asked.create(STATEFUL, inputs, seconds=3)


def test_a_workload_whose_pods_are_refused_tells_why(asked: Asked, place: World) -> None:
    place.core.patch_namespace(
        place.namespace, {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    )
    careless = workload(1, containers=[{"name": "main", "image": "agent:1"}])
    inputs = asked.inputs(STATEFUL, "agent", spec={**careless, "serviceName": "agent"})
    with pytest.raises(Refusal, match=r"FailedCreate: .*violates PodSecurity"):
        asked.create(STATEFUL, inputs, seconds=5)


def test_a_deletion_waits_for_what_the_object_owns(asked: Asked, place: World) -> None:
    held = asked.create(
        STATEFUL, asked.inputs(STATEFUL, "agent", spec={**workload(2), "serviceName": "agent"})
    )
    assert held[1]["status"]["readyReplicas"] == 2
    asked.delete(STATEFUL, held)
    assert place.pods() == []
    asked.delete(STATEFUL, held)  # what is gone already is no error

    kept = {"metadata": {"finalizers": ["tests.dev/kept"]}}
    held = asked.create(CONFIG, asked.inputs(CONFIG, "held", **kept))
    with pytest.raises(Refusal, match=r"still there 1 s after its deletion \(finalizers .*tests.dev/kept"):
        asked.delete(CONFIG, held, seconds=1)
    place.patch(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held"}},
        {"metadata": {"finalizers": None}},
    )


def test_text_that_a_secret_no_longer_has_is_gone(asked: Asked) -> None:
    asked.configure(enableSecretMutable="true")
    before = asked.inputs(SECRET, "key", stringData={"a": "1", "b": "2"})
    after = asked.inputs(SECRET, "key", stringData={"a": "3"})
    held = asked.create(SECRET, before)
    asked.update(SECRET, held, before, after)
    found = asked.read(SECRET, held[0])
    assert _dict(found.inputs)["data"]["value"] == {"a": base64.b64encode(b"3").decode()}


def test_a_field_that_cannot_change_is_refused_with_what_to_do(asked: Asked) -> None:
    inputs = asked.inputs(SECRET, "key", immutable=True, data={"a": base64.b64encode(b"1").decode()})
    held = asked.create(SECRET, inputs)
    changed = asked.inputs(SECRET, "key", immutable=True, data={"a": base64.b64encode(b"2").decode()})
    with pytest.raises(Refusal, match=r"immutable.*replace_on_changes"):
        asked.update(SECRET, held, inputs, changed)
