"""Which changes of a program replace an object, and when the old one has to go first."""

from typing import Any

import pytest

from embedded_aws.provider.values import UNKNOWN
from embedded_kubernetes.provider.differences import diff, differences
from embedded_kubernetes.provider.manifests import name_it
from embedded_kubernetes.provider.tokens import Kind

NAMED = {"metadata": {"name": "a", "namespace": "agents"}}
STATEFUL, DEPLOYMENT, JOB = (
    Kind("apps/v1", "StatefulSet"),
    Kind("apps/v1", "Deployment"),
    Kind("batch/v1", "Job"),
)
CLAIM, SECRET, CONFIG = Kind("v1", "PersistentVolumeClaim"), Kind("v1", "Secret"), Kind("v1", "ConfigMap")
POD, BINDING = Kind("v1", "Pod"), Kind("rbac.authorization.k8s.io/v1", "RoleBinding")
ROLLOUT = Kind("argoproj.io/v1alpha1", "Rollout")


def spec(**fields: Any) -> dict[str, Any]:
    return {"spec": fields}


def containers(**fields: Any) -> dict[str, Any]:
    return spec(containers=[{"name": "main", **fields}])


@pytest.mark.parametrize(
    ("kind", "before", "after", "replaces"),
    [
        (STATEFUL, spec(replicas=1), spec(replicas=2), []),
        (STATEFUL, spec(serviceName="a"), spec(serviceName="b"), ["spec.serviceName"]),
        (
            STATEFUL,
            spec(volumeClaimTemplates=[{"spec": {"resources": {"requests": {"storage": "1Gi"}}}}]),
            spec(volumeClaimTemplates=[{"spec": {"resources": {"requests": {"storage": "2Gi"}}}}]),
            ["spec.volumeClaimTemplates[0].spec.resources.requests.storage"],
        ),
        (
            DEPLOYMENT,
            spec(selector={"matchLabels": {"app.kubernetes.io/name": "a"}}),
            spec(selector={"matchLabels": {"app.kubernetes.io/name": "b"}}),
            ['spec.selector.matchLabels["app.kubernetes.io/name"]'],
        ),
        (DEPLOYMENT, spec(template={"spec": 1}), spec(template={"spec": 2}), []),
        (DEPLOYMENT, spec(replicas=1), {}, ["spec"]),
        (JOB, spec(template={"spec": 1}), spec(template={"spec": 2}), ["spec.template.spec"]),
        (JOB, spec(suspend=True), spec(suspend=False), []),
        (CLAIM, spec(storageClassName="a"), spec(storageClassName="b"), ["spec.storageClassName"]),
        (CLAIM, spec(resources={"requests": {"storage": "1Gi"}}), spec(resources={}), []),
        (POD, containers(image="a"), containers(image="b"), ["spec.containers[0].image"]),
        (POD, containers(imagePullPolicy="Never"), containers(), ["spec.containers[0].imagePullPolicy"]),
        (POD, spec(activeDeadlineSeconds=1), spec(activeDeadlineSeconds=2), []),
        (BINDING, {"roleRef": {"name": "a"}}, {"roleRef": {"name": "b"}}, ["roleRef.name"]),
        (ROLLOUT, spec(selector={"a": "b"}), spec(selector={"a": "c"}), []),
        (CONFIG, {"metadata": {"labels": {"a": "1"}}}, {"metadata": {"labels": {"a": "2"}}}, []),
        (CONFIG, {"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}, ["metadata.name"]),
        (CONFIG, {"metadata": {"namespace": "a"}}, {"metadata": {"namespace": "b"}}, ["metadata.namespace"]),
        (STATEFUL, {"apiVersion": "apps/v1beta2"}, {"apiVersion": "apps/v1"}, ["apiVersion"]),
        (CONFIG, {"data": {"a": "1"}}, {"data": {"a": "2"}}, ["data.a"]),
        (SECRET, {"stringData": {"a": "1"}}, {"stringData": {"a": "2"}}, ["stringData.a"]),
    ],
)
def test_what_a_cluster_cannot_change_is_replaced(
    kind: Kind, before: dict[str, Any], after: dict[str, Any], replaces: list[str]
) -> None:
    found = diff(kind, before, after, frozenset())
    assert found.changes
    assert found.replaces == replaces


@pytest.mark.parametrize(("immutable", "replaces"), [(None, []), (True, ["data.a"])])
def test_contents_change_in_place_where_the_provider_says_so_and_the_object_not_otherwise(
    immutable: bool | None, replaces: list[str]
) -> None:
    before, after = {"immutable": immutable, "data": {"a": "1"}}, {"immutable": immutable, "data": {"a": "2"}}
    assert diff(CONFIG, before, after, frozenset({"ConfigMap"})).replaces == replaces


def test_the_old_object_goes_first_only_where_the_new_one_needs_its_name() -> None:
    before, after = {**NAMED, **spec(serviceName="a")}, {**NAMED, **spec(serviceName="b")}
    assert diff(STATEFUL, before, after, frozenset()).delete_before_replace
    moved = {**after, "metadata": {"name": "a", "namespace": "others"}}
    assert not diff(STATEFUL, before, moved, frozenset()).delete_before_replace
    automatic = {"annotations": {"pulumi.com/autonamed": "true"}, "name": "a-1234567"}
    before, after = ({**held, "metadata": automatic} for held in (before, after))
    assert not diff(STATEFUL, before, after, frozenset()).delete_before_replace


def test_what_is_not_known_yet_counts_as_changed() -> None:
    assert list(differences({"spec": {"a": 1, "b": 2}}, {"spec": {"a": UNKNOWN, "b": 2}})) == ["spec.a"]
    assert differences({"spec": {"a": [], "b": None}}, {"spec": {}}) == {}


def test_a_name_is_made_once_and_kept() -> None:
    inputs: dict[str, Any] = {}
    name_it(inputs, {}, "researcher", bytes.fromhex("0123456789"))
    assert inputs["metadata"] == {
        "name": "researcher-0123456",
        "annotations": {"pulumi.com/autonamed": "true"},
    }
    later: dict[str, Any] = {"metadata": {}}
    name_it(later, inputs, "researcher", bytes.fromhex("fedcba9876"))
    assert later == inputs
    given: dict[str, Any] = {"metadata": {"name": "mine"}}
    name_it(given, inputs, "researcher", b"")
    assert given == {"metadata": {"name": "mine"}}
