"""What the provider makes of single objects before a real API server."""

import base64
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
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


def test_a_preview_of_a_replacement_is_not_held_against_the_object_that_goes_first(
    asked: Asked, world: World
) -> None:
    before = asked.inputs(STATEFUL, "agent", spec={**workload(1), "serviceName": "a"})
    asked.create(STATEFUL, before)
    scaled = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "agent"}}
    world.patch(scaled, {"spec": {"replicas": 2}})
    after = asked.inputs(STATEFUL, "agent", spec={**workload(1), "serviceName": "b"})
    assert asked.create(STATEFUL, after, preview=True)[1]["spec"]["serviceName"] == "b"
    wrong = asked.inputs(STATEFUL, "agent", spec={**workload(-1), "serviceName": "b"})
    with pytest.raises(Refusal, match="must be greater than or equal to 0"):
        asked.create(STATEFUL, wrong, preview=True)


def test_a_preview_does_not_take_over_what_others_made(asked: Asked, world: World) -> None:
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs"}, "data": {"a": "1"}}
    world.create(made)
    with pytest.raises(Refusal, match=r"another field manager owns what this applies: \.data\.a"):
        asked.create(CONFIG, asked.inputs(CONFIG, "theirs", data={"a": "2"}), preview=True)


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
    # The server may tell of the kind for some moments yet, and then does not find where to put the object.
    with pytest.raises(Refusal, match=r"has no kind Widget|not found|could not find"):
        asked.create(WIDGET, widget)
    assert not asked.read(WIDGET, f"{asked.namespace}/one", {"spec": {}}, widget).id


def test_an_object_of_another_manager_is_taken_over_only_by_force(asked: Asked, world: World) -> None:
    inputs = asked.inputs(DEPLOYMENT, "agent", spec=workload(1))
    held = asked.create(DEPLOYMENT, inputs)
    by_hand = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "agent"}}
    world.patch(by_hand, {"spec": {"replicas": 2}})

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


def test_a_refresh_ignores_what_controllers_own(asked: Asked, world: World) -> None:
    spec = workload(2)
    del spec["replicas"]
    inputs = asked.inputs(DEPLOYMENT, "agent", spec=spec)
    held = asked.create(DEPLOYMENT, inputs)
    by_hand = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "agent"}}
    world.patch(by_hand, {"spec": {"replicas": 2}, "metadata": {"labels": {"scaled": "by-keda"}}})
    now = asked.read(DEPLOYMENT, *held, inputs)
    assert now.id == held[0]
    assert _dict(now.inputs) == inputs
    assert _dict(now.properties) == held[1]


def _dict(values: Any) -> dict[str, Any]:
    return MessageToDict(values) if isinstance(values, Message) else values


def test_an_object_that_others_made_is_imported_by_its_place(asked: Asked, world: World) -> None:
    data = {"a": "1"}
    world.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "made"}, "data": data})
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


def test_a_workload_whose_pods_are_refused_tells_why(asked: Asked, world: World) -> None:
    world.core.patch_namespace(
        world.namespace, {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    )
    careless = workload(1, containers=[{"name": "main", "image": "agent:1"}])
    inputs = asked.inputs(STATEFUL, "agent", spec={**careless, "serviceName": "agent"})
    with pytest.raises(Refusal, match=r"FailedCreate: .*violates PodSecurity"):
        asked.create(STATEFUL, inputs, seconds=5)


def test_a_deletion_waits_for_what_the_object_owns(asked: Asked, world: World) -> None:
    held = asked.create(
        STATEFUL, asked.inputs(STATEFUL, "agent", spec={**workload(2), "serviceName": "agent"})
    )
    assert held[1]["status"]["readyReplicas"] == 2
    asked.delete(STATEFUL, held)
    assert world.pods() == []
    asked.delete(STATEFUL, held)  # what is gone already is no error

    kept = {"metadata": {"finalizers": ["tests.dev/kept"]}}
    held = asked.create(CONFIG, asked.inputs(CONFIG, "held", **kept))
    with pytest.raises(Refusal, match=r"still there 1 s after its deletion \(finalizers .*tests.dev/kept"):
        asked.delete(CONFIG, held, seconds=1)
    world.patch(
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


def test_each_kind_is_waited_for_until_it_is_ready(asked: Asked, world: World) -> None:
    pod = asked.create(POD, asked.inputs(POD, "agent", metadata={"labels": {"app": "a"}}, spec=pod_spec()))
    assert pod[1]["status"]["phase"] == "Running"
    service, claim = "kubernetes:core/v1:Service", "kubernetes:core/v1:PersistentVolumeClaim"
    ports = {"selector": {"app": "a"}, "ports": [{"port": 80}]}
    made = asked.create(service, asked.inputs(service, "agent", spec=ports))
    assert made[1]["spec"]["clusterIP"].startswith("10.96.")
    job = "kubernetes:batch/v1:Job"
    template = {"spec": {"containers": [{"name": "main", "image": "agent:1"}], "restartPolicy": "Never"}}
    done = asked.create(job, asked.inputs(job, "once", spec={"template": template}))
    assert done[1]["status"]["succeeded"] == 1
    volume = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    pending = asked.create(claim, asked.inputs(claim, "memory", spec=volume))
    assert pending[1]["status"]["phase"] == "Pending"  # its class waits for a pod
    with pytest.raises(Refusal, match=r"no ready pod matches its selector app=none.*skipAwait"):
        asked.create(
            service, asked.inputs(service, "none", spec={**ports, "selector": {"app": "none"}}), seconds=1
        )
    skipped = {"annotations": {"pulumi.com/skipAwait": "true"}}
    none = asked.inputs(service, "none", spec={**ports, "selector": {"app": "none"}}, metadata=skipped)
    assert asked.create(service, none)[0] == f"{asked.namespace}/none"


def test_a_rollout_is_ready_when_it_is_healthy_or_held_by_its_steps(asked: Asked) -> None:
    token, steps = "kubernetes:argoproj.io/v1alpha1:Rollout", [{"setWeight": 50}, {"pause": {}}]

    def rollout(image: str, **more: Any) -> dict[str, Any]:
        one = {"name": "main", "image": image, **more}
        spec = {**workload(2, containers=[one]), "strategy": {"canary": {"steps": steps}}}
        return asked.inputs(token, "agent", spec=spec)

    limits = {"resources": {"limits": {"cpu": "500m", "memory": "1Gi"}}}
    before, after = rollout("agent:1", **limits), rollout("agent:2", **limits)
    made = asked.create(token, before)
    assert made[1]["status"]["phase"] == "Healthy"
    assert asked.update(token, made, before, after)[1]["status"]["phase"] == "Paused"


def test_a_wait_ends_when_the_update_is_cancelled(asked: Asked, world: World) -> None:
    nowhere = asked.inputs(POD, "agent", spec=pod_spec(nodeSelector={"disk": "none"}))
    asked.configure()
    try:
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(asked.create, POD, nowhere)
            world.until("v1", "Pod", "agent", lambda _: True)
            asked.cancel()
            with pytest.raises(Refusal, match="the update was cancelled before it was ready"):
                waiting.result(30)
    finally:
        asked.configure()  # as a later program does
    asked.create(CONFIG, asked.inputs(CONFIG, "later"))
