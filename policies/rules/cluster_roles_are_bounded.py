"""C49: a role of the cluster names what it allows, and none of what leads to all the rest."""

from collections.abc import Iterable, Iterator

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule
from ..framework.values import View
from ._objects import each, families, things

_ESCALATING = ("bind", "escalate", "impersonate")
_READING = ("get", "list", "watch")
_DOORS = {
    "pods/exec": "run commands in any pod",
    "pods/attach": "speak with any container",
    "nodes/proxy": "speak with nodes as the cluster does",
    "serviceaccounts/token": "make tokens of other accounts",
}
"""Subresources by which one becomes somebody else, and what they let one do."""


def check(resource: Resource) -> Iterable[Fail]:
    """Answers for every Role and ClusterRole; whom they are bound to may change without them."""
    rules = (rule for thing in things(resource) for rule in thing.view.views("rules"))
    return each(part for rule in rules for part in (_stars(rule), _leads_on(rule), _secrets(rule)))


def _stars(rule: View) -> Iterator[Fail]:
    for key in ("apiGroups", "resources", "verbs", "nonResourceURLs"):
        if any(text in ("*", "*/*") for text in rule.texts(key)):
            yield Fail(f"it allows all {key}, with those that come later.", rule.at(key))


def _leads_on(rule: View) -> Iterator[Fail]:
    for verb in rule.texts("verbs"):
        if verb in _ESCALATING:
            yield Fail(f"it may {verb}: whoever has it takes rights that it was not given.", rule.at("verbs"))
    for held in rule.texts("resources"):
        doors = [told for door, told in _DOORS.items() if held in (door, f"*/{door.partition('/')[2]}")]
        if doors and rule.texts("verbs"):
            yield Fail(f"by {held} it may {doors[0]}.", rule.at("resources"))


def _secrets(rule: View) -> Iterator[Fail]:
    """With resourceNames it is some secrets, and not all."""
    reads = "secrets" in rule.texts("resources") and any(v in (*_READING, "*") for v in rule.texts("verbs"))
    if reads and not rule.texts("resourceNames"):
        yield Fail("it may read every Secret of its namespaces.", rule.at("resources"))


RULE = ResourceRule(
    id="C49",
    name="cluster-roles-are-bounded",
    title="Roles in clusters have no wildcard, no way to other rights and not every Secret",
    why="A pod that is taken over with such a role is the whole cluster taken over.",
    remediation="Name groups, resources, verbs and, for Secrets, resourceNames.",
    severity=Severity.CRITICAL,
    types=families("rbac.authorization.k8s.io:Role", "rbac.authorization.k8s.io:ClusterRole"),
    external={
        "Checkov": ("CKV_K8S_49", "CKV_K8S_157", "CKV_K8S_158", "CKV2_K8S_2", "CKV2_K8S_3", "CKV2_K8S_5"),
        "kube-linter": ("access-to-secrets", "wildcard-in-rules"),
    },
    sources=("https://kubernetes.io/docs/concepts/security/rbac-good-practices/",),
    check=check,
)
