"""C50, C51 and AG18d: whom pods speak with, and the namespaces that they lie in."""

from typing import Any

import pytest

from tests.policies.judging import ABSENT, UNKNOWN, fails, found, passes, resource, unchecked
from tests.policies.pod_samples import SPEC, document, pod, put, thing, workload

POLICY = "networking.k8s.io/v1:NetworkPolicy"
BOTH = {"podSelector": {"matchLabels": {"app": "handbook"}}, "policyTypes": ["Ingress", "Egress"]}
NAMED = {"to": [{"ipBlock": {"cidr": "10.0.0.0/16"}}], "ports": [{"port": 443}]}
TEMPLATE = "extensions.agents.x-k8s.io/v1beta1:SandboxTemplate"


def policy(
    spec: dict[str, Any] = BOTH, name: str = "network", namespace: str | None = "agents", **held: Any
) -> Any:
    return thing(POLICY, name, namespace, spec=spec, **held)


@pytest.mark.parametrize(
    "selector",
    [
        {},
        None,
        ABSENT,
        {"matchLabels": {"app": "handbook"}},
        {"matchLabels": {}},
        {"matchExpressions": [{"key": "app", "operator": "In", "values": ["x", "handbook"]}]},
        {
            "matchExpressions": [
                {"key": "app", "operator": "Exists"},
                {"key": "b", "operator": "DoesNotExist"},
            ]
        },
        {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["x"]}]},
        {"matchExpressions": {"key": "other", "operator": "NotIn", "values": ["x"]}},
    ],
)
def test_a_pod_that_a_policy_selects_both_ways_is_isolated(selector: Any) -> None:
    assert passes("C50", workload(), policy(put(BOTH, "podSelector", selector)))


@pytest.mark.parametrize(
    "selector",
    [
        {"matchLabels": {"app": "other"}},
        {"matchLabels": {"app": "handbook", "tier": "x"}},
        {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]},
        {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["handbook"]}]},
        {"matchExpressions": [{"key": "app", "operator": "Like"}], "matchLabels": {"app": "other"}},
        "app=handbook",
    ],
)
def test_a_pod_that_no_policy_selects_is_open_both_ways(selector: Any) -> None:
    assert len(fails("C50", workload(), policy(put(BOTH, "podSelector", selector)))) == 2


@pytest.mark.parametrize(
    ("given", "open_ways"),
    [
        ({"policyTypes": ["Ingress"]}, 1),
        ({"policyTypes": ["Egress"]}, 1),
        ({"policyTypes": ABSENT}, 1),
        ({"policyTypes": []}, 1),
        ({"policyTypes": ABSENT, "egress": [NAMED]}, 0),
        ({"policyTypes": "Egress", "egress": []}, 1),
    ],
)
def test_each_direction_counts_for_itself(given: dict[str, Any], open_ways: int) -> None:
    spec = BOTH
    for key, value in given.items():
        spec = put(spec, key, value)
    assert len(found("C50", workload(), policy(spec))) == open_ways


def test_a_policy_of_another_namespace_or_none_selects_nothing() -> None:
    assert len(fails("C50", workload())) == 2
    assert len(fails("C50", workload(), policy(namespace="others"))) == 2
    assert len(fails("C50", workload(), policy(namespace=None))) == 2
    assert passes("C50", workload(namespace=None), policy(namespace="default"))
    assert passes("C50", workload(), policy({**BOTH, "policyTypes": ["Ingress"]}, "in"), policy(name="out"))
    assert passes("C50", pod("hostNetwork", True)), "no policy holds there"
    old = resource("kubernetes:extensions/v1beta1:NetworkPolicy", "old", policy().props)
    assert passes("C50", workload(), old)


def test_what_may_select_a_pod_but_is_unknown_is_not_checked() -> None:
    assert unchecked("C50", workload(), policy(put(BOTH, "podSelector", UNKNOWN))) == ["spec.podSelector"]
    assert unchecked("C50", workload(), policy(namespace=UNKNOWN)) == ["metadata.namespace"]  # type: ignore[arg-type]
    assert unchecked("C50", workload(labels=UNKNOWN), policy()) == ["spec.template.metadata.labels"]
    odd = workload(labels={"app": "other", "tier": UNKNOWN})
    assert unchecked("C50", odd, policy()) == ["spec.template.metadata.labels.tier"]
    assert passes("C50", workload(labels={"app": "handbook", "tier": UNKNOWN}), policy())
    cilium = thing("cilium.io/v2:CiliumNetworkPolicy", "cilium", spec={})
    assert unchecked("C50", workload(), cilium) == ["spec.template.metadata.labels"]


def test_objects_of_one_unknown_namespace_are_joined_by_what_they_were_made_from() -> None:
    made_from = {"metadata": ("ns",)}
    namespace = resource("kubernetes:core/v1:Namespace", "ns", {"metadata": UNKNOWN})
    unnamed = document("Deployment", SPEC, namespace=UNKNOWN)
    held = resource("kubernetes:apps/v1:Deployment", "handbook", unnamed, made_from)
    joined = resource(f"kubernetes:{POLICY}", "network", policy(namespace=UNKNOWN).props, made_from)  # type: ignore[arg-type]
    assert passes("C50", namespace, held, joined)
    assert passes("C51", namespace, held, joined)
    known = resource("kubernetes:core/v1:Namespace", "ns", {"metadata": {"name": "agents"}})
    assert passes("C50", known, held, policy())
    assert unchecked("C51", held) == ["metadata.namespace"]


def test_a_policy_that_selects_nothing_here_is_told() -> None:
    slip = policy({**BOTH, "podSelector": {"matchLabels": {"app": "hand-book"}}})
    assert len(fails("C50b", workload(), slip)) == 1
    assert passes("C50b", workload(), policy(), policy({"podSelector": {}}, "default-deny"))
    assert not found("C50b", workload(), slip)[0].blocks


AGENT = {"labels": {"app": "handbook", "agent": "handbook"}}


def allowing(*rules: Any, **metadata: Any) -> Any:
    return policy({**BOTH, "egress": list(rules)}, metadata=metadata)


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"ports": [{"port": 443}]},
        {"to": []},
        {"to": None, "ports": [{"port": 53}]},
        {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]},
        {"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}]},
        {"to": {"ipBlock": {"cidr": "::/0"}}},
        {"to": [{"ipBlock": {"cidr": "128.0.0.0/1"}}]},
        {"to": "everywhere"},
    ],
)
def test_an_agent_that_reaches_everywhere_fails_once(rule: Any) -> None:
    assert len(fails("AG18d", workload(**AGENT), allowing(NAMED, rule))) == 1
    assert passes("AG18d", workload(), allowing(NAMED, rule)), "no agent's"
    assert len(fails("AG18d", allowing(rule, labels={"agent": "handbook"}))) == 1, "by its own label"


def test_a_patch_that_opens_an_agents_policy_fails() -> None:
    patch = resource(f"kubernetes:{POLICY}Patch", "patch", allowing({}).props)
    assert len(fails("AG18d", workload(**AGENT), policy(), patch)) == 1
    assert passes("AG18d", workload(), policy(), patch)


def test_named_places_pass_and_unknown_ones_are_not_checked() -> None:
    pods = {"to": [{"podSelector": {}, "namespaceSelector": {"matchLabels": {"a": "b"}}}]}
    assert passes("AG18d", workload(**AGENT), allowing(NAMED, pods), policy({"podSelector": {}}, "deny"))
    assert unchecked("AG18d", workload(**AGENT), allowing({"to": UNKNOWN})) == ["spec.egress[0].to"]


@pytest.mark.parametrize(
    ("given", "open_"),
    [
        ({}, True),
        ({"networkPolicy": None}, True),
        ({"networkPolicy": {"egress": [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]}}, True),
        ({"networkPolicy": {"egress": [NAMED]}}, False),
        ({"networkPolicy": {}}, False),
        ({"networkPolicyManagement": "Unmanaged"}, False),
    ],
)
def test_a_template_of_sandboxes_has_the_policy_of_its_operator(given: dict[str, Any], open_: bool) -> None:
    held = document("SandboxTemplate", SPEC)
    template = resource(f"kubernetes:{TEMPLATE}", "template", {**held, "spec": {**held["spec"], **given}})
    assert bool(fails("AG18d", template)) is open_
    assert bool(fails("C50", template)) is (given.get("networkPolicyManagement") == "Unmanaged")


BESIDE = ["core/v1:ConfigMap", "core/v1:Secret", "core/v1:Service", "core/v1:ServiceAccount", POLICY]


@pytest.mark.parametrize("type_", [*BESIDE, "apps/v1:Deployment", "networking.k8s.io/v1:Ingress"])
def test_nothing_lies_in_the_namespace_default(type_: str) -> None:
    assert passes("C51", thing(type_, "one"))
    for namespace in ("default", None, ""):
        assert len(fails("C51", thing(type_, "one", namespace))) == 1
    assert len(fails("C51", resource(f"kubernetes:{type_}", "one", {"metadata": None}))) == 1
    assert len(fails("C51", resource(f"kubernetes:{type_}", "one", {"metadata": "one"}))) == 1
    assert unchecked("C51", resource(f"kubernetes:{type_}", "one", {"metadata": UNKNOWN})) == ["metadata"]


def test_objects_of_the_whole_cluster_have_no_namespace_and_releases_have_one() -> None:
    assert passes("C51", thing("core/v1:Namespace", "agents", None))
    assert passes("C51", thing("rbac.authorization.k8s.io/v1:ClusterRole", "reader", None))
    assert passes("C51", resource("kubernetes:helm.sh/v3:Release", "keda", {"namespace": "keda"}))
    assert len(fails("C51", resource("kubernetes:helm.sh/v3:Release", "keda", {"chart": "keda"}))) == 1


ENFORCE = "pod-security.kubernetes.io/enforce"


def namespace(labels: Any, type_: str = "Namespace", name: str = "agents") -> Any:
    return resource(f"kubernetes:core/v1:{type_}", type_, {"metadata": {"name": name, "labels": labels}})


def test_a_restricted_namespace_passes_be_it_by_a_patch() -> None:
    assert passes("C51b", namespace({ENFORCE: "restricted"}))
    assert passes("C51b", namespace({}), namespace({ENFORCE: "restricted"}, "NamespacePatch"))
    assert fails("C51b", namespace({}), namespace({ENFORCE: "restricted"}, "NamespacePatch", "others"))


@pytest.mark.parametrize(
    "labels",
    [
        None,
        {},
        {ENFORCE: "baseline"},
        {ENFORCE: ""},
        {ENFORCE: True},
        {f"{ENFORCE}-version": "latest"},
        "restricted",
    ],
)
def test_a_namespace_that_admits_more_fails_once(labels: Any) -> None:
    assert len(fails("C51b", namespace(labels))) == 1


@pytest.mark.parametrize("labels", [UNKNOWN, {ENFORCE: UNKNOWN}])
def test_an_unknown_level_is_not_checked(labels: Any) -> None:
    assert len(unchecked("C51b", namespace(labels))) == 1


CLOSED = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_a_namespace_of_agents_denies_by_default() -> None:
    agents, home = workload(**AGENT), namespace({})
    assert passes("C50c", home, agents, policy(CLOSED))
    assert passes(
        "C50c", home, agents, policy({"policyTypes": ["Ingress"]}), policy(CLOSED | {"egress": []}, "b")
    )
    assert passes("C50c", home, workload()), "no agents"
    assert passes("C50c", namespace({}, name="other"), agents)
    assert len(fails("C50c", home, agents)) == 1
    for spec in (
        BOTH,
        {"podSelector": {}},
        {**CLOSED, "policyTypes": ["Ingress"]},
        {**CLOSED, "egress": [{}]},
        {**CLOSED, "ingress": [{"from": [{"podSelector": {}}]}]},
        {**CLOSED, "podSelector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]}},
    ):
        assert len(fails("C50c", home, agents, policy(spec))) == 1, spec
    assert len(fails("C50c", home, agents, policy(CLOSED, namespace="other"))) == 1
    assert unchecked("C50c", home, agents, policy({**CLOSED, "podSelector": UNKNOWN})) == ["spec.podSelector"]
    other = thing("cilium.io/v2:CiliumNetworkPolicy", "deny")
    assert unchecked("C50c", home, agents, other) == ["metadata.name"]


PEER = {"from": [{"podSelector": {"matchLabels": {"app": "door"}}}]}


@pytest.mark.parametrize(
    ("rule", "open_"),
    [
        (PEER, False),
        ({"from": {"podSelector": {}}}, False),
        ({"from": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "door"}}}]}, False),
        ({"from": [{"ipBlock": {"cidr": "10.0.0.0/16"}}]}, False),
        ({}, True),
        ({"ports": [{"port": 8080}]}, True),
        ({"from": []}, True),
        ({"from": None}, True),
        ({"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}, True),
        ({"from": [{"namespaceSelector": {}}]}, True),
        ({"from": [{"namespaceSelector": {}, "podSelector": {}}]}, True),
        ({"from": "everyone"}, True),
    ],
)
def test_an_agent_is_called_by_those_whom_its_policy_names(rule: Any, open_: bool) -> None:
    held = policy({**BOTH, "ingress": [PEER, rule]})
    assert len(fails("AG18e", workload(**AGENT), held)) == open_
    assert passes("AG18e", workload(), held), "no agent's"


def test_callers_that_are_unknown_are_not_checked() -> None:
    held = policy({**BOTH, "ingress": [{"from": UNKNOWN}]})
    assert unchecked("AG18e", workload(**AGENT), held) == ["spec.ingress[0].from"]


def test_the_add_on_for_networks_enforces_policies() -> None:
    def addon(values: Any, name: str = "vpc-cni") -> Any:
        return resource("eks/addon:Addon", "cni", {"addonName": name, "configurationValues": values})

    for on in ('{"enableNetworkPolicy": "true"}', '{"enableNetworkPolicy": true}'):
        assert passes("C50d", addon(on), policy())
    for off in (None, "", "{}", '{"enableNetworkPolicy": "false"}', "{"):
        assert len(fails("C50d", addon(off), policy())) == 1
        assert passes("C50d", addon(off)), "no policies"
        assert passes("C50d", addon(off, "coredns"), policy())
    calico = resource("kubernetes:helm.sh/v3:Release", "calico", {"chart": "tigera-operator"})
    assert len(unchecked("C50d", addon(None), policy(), calico)) == 1
    assert unchecked("C50d", addon(UNKNOWN), policy()) == ["configurationValues"]
