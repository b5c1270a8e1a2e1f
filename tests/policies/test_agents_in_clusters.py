"""AG06, AG19 and AG23b: agents that keep state in a cluster, and how their next release comes."""

from typing import Any

import pytest

from tests.policies.judging import ABSENT, UNKNOWN, fails, found, passes, resource, unchecked
from tests.policies.pod_samples import SPEC, document, pod, put, thing, workload

AGENT = {"labels": {"app": "handbook", "agent": "handbook"}}
ROLLOUT = "argoproj.io/v1alpha1:Rollout"
PAUSE: dict[str, Any] = {"pause": {"duration": "1h"}}
STEPS = [{"setWeight": 5}, PAUSE, {"setWeight": 25}, PAUSE, {"setWeight": 50}, {"pause": {}}]
CANARY = {"steps": STEPS, "analysis": {"templates": [{"templateName": "gate"}], "startingStep": 1}}


def rollout(canary: Any = CANARY, labels: dict[str, str] = AGENT["labels"], **spec: Any) -> Any:
    held = document("Rollout", SPEC, labels=labels)
    strategy = {"strategy": {"canary": canary}}
    return resource(
        f"kubernetes:{ROLLOUT}", "rollout", {**held, "spec": {**held["spec"], **strategy, **spec}}
    )


def stepped(*steps: Any) -> dict[str, Any]:
    return {**CANARY, "steps": list(steps)}


@pytest.mark.parametrize(
    "canary",
    [
        CANARY,
        stepped({"setWeight": 0}, {"setWeight": "5"}, PAUSE, {"setWeight": 100}),
        stepped({"setWeight": 1}, {"pause": {"duration": 30}}, {"setWeight": 100}, PAUSE),
        stepped({"setCanaryScale": {"weight": 50}}, *STEPS),
        {"steps": [{"setWeight": 5}, {"analysis": {"templates": [{"templateName": "gate"}]}}]},
        {"steps": [{"setWeight": 5}, {"experiment": {"analyses": [{"name": "gate"}], "templates": []}}]},
        {**stepped({"setWeight": 50}, PAUSE), "trafficRouting": {"maxTrafficWeight": 1000}},
        {**CANARY, "dynamicStableScale": False},
    ],
)
def test_a_rollout_in_small_steps_passes(canary: Any) -> None:
    assert passes("AG06", rollout(canary))


@pytest.mark.parametrize(
    "canary",
    [
        {},
        None,
        "canary",
        {**CANARY, "steps": []},
        {**CANARY, "steps": None},
        stepped({"setWeight": 10}, PAUSE, {"setWeight": 50}, PAUSE),
        stepped({"setWeight": 5}, PAUSE, {"setWeight": 5}, PAUSE),
        stepped({"setWeight": 5}, PAUSE, {"setWeight": 4}, PAUSE),
        stepped({"setWeight": 5}, {"setWeight": 25}, PAUSE),
        stepped({"setWeight": 5}, {"pause": {"duration": 0}}, {"setWeight": 25}, PAUSE),
        stepped({"setWeight": 5}, {"pause": {"duration": "0s"}}),
        stepped({"setWeight": 5}, PAUSE, {"setWeight": 25}),
        stepped({"setWeight": "few"}, PAUSE),
        {"steps": STEPS},
        {"steps": STEPS, "analysis": {"templates": []}},
        {"steps": STEPS, "analysis": {"templates": [{"templateName": "gate"}], "startingStep": 6}},
        {**CANARY, "dynamicStableScale": True},
        {**CANARY, "dynamicStableScale": "yes"},
    ],
)
def test_a_rollout_that_hurries_or_does_not_look_fails_once(canary: Any) -> None:
    assert len(fails("AG06", rollout(canary))) == 1
    assert passes("AG06", rollout(canary, {"app": "shop"})), "no agent's"


def test_all_at_once_fails_and_what_is_unknown_is_not_checked() -> None:
    assert len(fails("AG06", rollout(strategy={"blueGreen": {"activeService": "a"}}))) == 1
    assert len(fails("AG06", rollout(strategy=ABSENT))) == 1
    assert unchecked("AG06", rollout(UNKNOWN)) == ["spec.strategy.canary"]
    assert unchecked("AG06", rollout(stepped({"setWeight": UNKNOWN}, PAUSE))) == [
        "spec.strategy.canary.steps[0].setWeight"
    ]


@pytest.mark.parametrize("limit", [ABSENT, None, 1, 10, "3"])
def test_an_earlier_revision_is_kept(limit: Any) -> None:
    assert passes("AG23b", rollout(revisionHistoryLimit=limit) if limit is not ABSENT else rollout())
    assert passes("AG23b", workload(**AGENT), workload(type_="apps/v1:StatefulSet", **AGENT))


@pytest.mark.parametrize("limit", [0, "0", -1, [], "none"])
def test_no_earlier_revision_fails_once(limit: Any) -> None:
    assert len(fails("AG23b", rollout(revisionHistoryLimit=limit))) == 1
    assert passes("AG23b", rollout(labels={"app": "shop"}, revisionHistoryLimit=limit))


def test_an_unknown_limit_is_not_checked() -> None:
    assert unchecked("AG23b", rollout(revisionHistoryLimit=UNKNOWN)) == ["spec.revisionHistoryLimit"]


CLAIM = {
    "metadata": {"name": "memory"},
    "spec": {"storageClassName": "kept", "accessModes": ["ReadWriteOnce"]},
}
KEPT = resource(
    "kubernetes:storage.k8s.io/v1:StorageClass",
    "kept",
    {"metadata": {"name": "kept"}, "reclaimPolicy": "Retain"},
)


def stateful(
    type_: str = "apps/v1:StatefulSet", name: str = "handbook", spec: Any = SPEC, **given: Any
) -> Any:
    labels = given.pop("labels", AGENT["labels"])
    held = document(type_.rpartition(":")[2], spec, name, labels=labels)
    with_claims = {"volumeClaimTemplates": [CLAIM], **given}
    return resource(f"kubernetes:{type_}", name, {**held, "spec": {**held["spec"], **with_claims}})


STATEFUL = ["apps/v1:StatefulSet", "agents.x-k8s.io/v1alpha1:Sandbox"]
RETENTION = "persistentVolumeClaimRetentionPolicy"


@pytest.mark.parametrize("type_", STATEFUL)
def test_disks_that_stay_pass(type_: str) -> None:
    assert passes("AG19", stateful(type_), KEPT)
    assert passes("AG19", stateful(type_, **{RETENTION: {"whenDeleted": "Retain"}}), KEPT)
    assert passes("AG19", stateful(type_, volumeClaimTemplates=[]))
    assert passes("AG19", workload(**AGENT))


@pytest.mark.parametrize(
    "policy", [{"whenDeleted": "Delete"}, {"whenScaled": "Delete"}, "Retain", {"whenScaled": True}]
)
def test_claims_that_go_with_their_pods_fail_once(policy: Any) -> None:
    assert len(fails("AG19", stateful(**{RETENTION: policy}), KEPT)) == 1
    if policy != "Retain":
        assert passes("AG19", stateful(labels={"app": "db"}, **{RETENTION: policy})), "no agent's"


@pytest.mark.parametrize("policy", ["Delete", None, ABSENT, "Recycle"])
def test_a_storage_class_that_deletes_disks_fails(policy: Any) -> None:
    held = resource(KEPT.type, "kept", put(dict(KEPT.props), "reclaimPolicy", policy))
    for type_ in STATEFUL:
        assert len(fails("AG19", stateful(type_), held)) == 1


def test_a_storage_class_of_elsewhere_is_not_checked() -> None:
    path = "spec.volumeClaimTemplates[0].spec.storageClassName"
    assert unchecked("AG19", stateful()) == [path]
    unnamed = {"spec": {"accessModes": ["ReadWriteOnce"]}}
    assert unchecked("AG19", stateful(volumeClaimTemplates=[unnamed]), KEPT) == [path]
    assert unchecked("AG19", stateful(volumeClaimTemplates=UNKNOWN), KEPT) == ["spec.volumeClaimTemplates"]


def reading(name: str, agent: str, **labels: str) -> Any:
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "shared"}}]
    return workload(put(SPEC, "volumes", volumes), name=name, labels={"agent": agent, **labels})


def test_a_volume_belongs_to_one_agent_and_one_tenant() -> None:
    claim = thing("core/v1:PersistentVolumeClaim", "shared", spec=CLAIM["spec"])
    assert passes("AG19", reading("one", "a"), reading("two", "a"), claim, KEPT)
    for other in (reading("two", "b"), reading("two", "a", tenant="acme")):
        assert len(fails("AG19", reading("one", "a"), other, claim, KEPT)) == 2
    deleting = resource(KEPT.type, "kept", {"metadata": {"name": "kept"}})
    (told,) = found("AG19", reading("one", "a"), claim, deleting)
    assert told.urn == claim.urn


def budget(selector: Any = None, **spec: Any) -> Any:
    held = {"selector": {"matchLabels": {"app": "handbook"}} if selector is None else selector}
    return thing("policy/v1:PodDisruptionBudget", "budget", spec={**held, **(spec or {"maxUnavailable": 1})})


@pytest.mark.parametrize("type_", STATEFUL)
@pytest.mark.parametrize("spec", [{}, {"minAvailable": 1}, {"maxUnavailable": "50%"}, {"maxUnavailable": 0}])
def test_pods_that_go_one_by_one_pass(type_: str, spec: dict[str, Any]) -> None:
    assert passes("AG19b", stateful(type_), budget(**spec))


def test_pods_that_may_all_go_at_once_fail() -> None:
    assert len(fails("AG19b", stateful())) == 1
    assert len(fails("AG19b", stateful(), budget({"matchLabels": {"app": "other"}}))) == 1
    for spec in ({"minAvailable": 0}, {"minAvailable": "0%"}, {"maxUnavailable": "100%"}, {"x": 1}):
        assert len(fails("AG19b", stateful(), budget(**spec))) == 1, spec
    assert len(
        fails("AG19b", stateful(), thing("policy/v1:PodDisruptionBudget", "b", spec={"maxUnavailable": 1}))
    )
    assert passes("AG19b", stateful(), budget({})), "an empty selector takes in all"
    assert unchecked("AG19b", stateful(), budget(UNKNOWN)) == ["spec.selector"]
    assert passes("AG19b", workload(**AGENT)), "it keeps no state"
    assert passes("AG19b", stateful(labels={"app": "db"})), "no agent's"


@pytest.mark.parametrize(
    ("grace", "stated", "slept", "killed"),
    [
        (ABSENT, ABSENT, 0, False),
        (ABSENT, "30", 0, False),
        (ABSENT, "31", 0, True),
        (None, 60, 0, True),
        (60, "60", 0, False),
        (60, "60", 5, True),
        ("65", "60", 5, False),
        (0, "1", 0, True),
    ],
)
def test_a_pod_has_time_for_its_longest_step(grace: Any, stated: Any, slept: int, killed: bool) -> None:
    spec = put(SPEC, "terminationGracePeriodSeconds", grace)
    if stated is not ABSENT:
        spec = put(spec, "containers[0].env", [{"name": "AGENT_STOP_SECONDS", "value": stated}])
    if slept:
        spec = put(spec, "containers[0].lifecycle", {"preStop": {"sleep": {"seconds": slept}}})
    assert bool(fails("AG19b", stateful(spec=spec), budget())) is killed


def test_an_unknown_time_is_not_checked() -> None:
    unknown = put(SPEC, "terminationGracePeriodSeconds", UNKNOWN)
    path = "spec.template.spec.terminationGracePeriodSeconds"
    assert unchecked("AG19b", stateful(spec=unknown), budget()) == [path]


ACCOUNT = thing("core/v1:ServiceAccount", "handbook")


def association(**given: Any) -> Any:
    held = {
        "clusterName": "pods",
        "namespace": "agents",
        "serviceAccount": "handbook",
        "roleArn": "arn:x",
        **given,
    }
    return resource("eks/podIdentityAssociation:PodIdentityAssociation", "association", held)


@pytest.mark.parametrize("type_", STATEFUL)
def test_an_account_with_a_role_of_its_own_passes(type_: str) -> None:
    assert passes("AG19c", stateful(type_), ACCOUNT, association())
    irsa = {"annotations": {"eks.amazonaws.com/role-arn": "arn:x"}}
    assert passes("AG19c", stateful(type_), thing("core/v1:ServiceAccount", "handbook", metadata=irsa))


def test_an_account_without_a_role_fails_and_one_of_elsewhere_is_not_checked() -> None:
    assert len(fails("AG19c", stateful(), ACCOUNT)) == 1
    for given in ({"namespace": "others"}, {"serviceAccount": "other"}, {"serviceAccount": None}):
        assert len(fails("AG19c", stateful(), ACCOUNT, association(**given))) == 1
    assert len(fails("AG19c", stateful(spec=put(SPEC, "serviceAccountName", ABSENT)))) == 1
    assert unchecked("AG19c", stateful()) == ["spec.template.spec.serviceAccountName"]
    assert unchecked("AG19c", stateful(), ACCOUNT, association(serviceAccount=UNKNOWN)) == ["serviceAccount"]
    assert passes("AG19c", stateful(labels={"app": "db"}), ACCOUNT)


def test_two_agents_do_not_share_an_account() -> None:
    other = stateful(name="search", labels={"app": "search", "agent": "search"})
    assert len(fails("AG19c", stateful(), other, ACCOUNT, association())) == 2
    assert passes("AG19c", stateful(), stateful(name="older"), ACCOUNT, association())


def test_a_sandbox_is_an_agents_without_a_label() -> None:
    assert fails("AG19b", pod(type_="agents.x-k8s.io/v1beta1:Sandbox"))


def test_a_rollout_is_an_agents_by_the_pods_of_the_workload_that_it_names() -> None:
    named = {"workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "handbook"}}
    spec = {**named, "strategy": {"canary": {}}, "revisionHistoryLimit": 0}
    held = thing(ROLLOUT, "rollout", spec=spec)
    for rule in ("AG06", "AG23b"):
        assert len(fails(rule, held, workload(**AGENT))) == 1
        assert passes(rule, held, workload())


@pytest.mark.parametrize(
    ("replicas", "most", "held_back"),
    [
        (ABSENT, 1, True),
        (ABSENT, 5, True),
        (ABSENT, 10**9, False),
        (1, 1, True),
        (3, 2, True),
        (3, "2", True),
        (3, 3, False),
        ("3", 3, False),
        (2, 10, False),
        (UNKNOWN, 1, True),
    ],
)
def test_a_budget_holds_some_pods_back(replicas: Any, most: Any, held_back: bool) -> None:
    held = stateful()
    if replicas is not ABSENT:
        held = resource(held.type, "s", {**held.props, "spec": {**held.props["spec"], "replicas": replicas}})
    assert bool(fails("AG19b", held, budget(maxUnavailable=most))) is not held_back


def test_how_many_pods_there_are_matters_where_several_may_go() -> None:
    held = stateful()
    held = resource(held.type, "s", {**held.props, "spec": {**held.props["spec"], "replicas": UNKNOWN}})
    assert unchecked("AG19b", held, budget(maxUnavailable=2)) == ["spec.replicas"]
