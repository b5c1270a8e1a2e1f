"""C49b: nobody is bound to everything, and not everybody to anything."""

from collections.abc import Iterable, Iterator

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule
from ._objects import Thing, each, families, things
from ._rights import BINDINGS

_EVERYBODY = {
    "system:anonymous": "whoever reaches the API",
    "system:unauthenticated": "whoever reaches the API",
    "system:authenticated": "whoever may enter the cluster at all",
    "system:serviceaccounts": "every pod of the cluster",
}

_OF_NAMESPACES = ("admin", "edit")
"""Kubernetes' own roles for those who work in one namespace."""


def check(resource: Resource) -> Iterable[Fail]:
    """Answers for every binding."""
    parts = ((_role(thing), _subjects(thing)) for thing in things(resource))
    return each(part for both in parts for part in both)


def _role(thing: Thing) -> Iterator[Fail]:
    role = thing.view.view("roleRef")
    if role.text("name") == "cluster-admin" and role.text("kind", "ClusterRole") == "ClusterRole":
        yield Fail("it gives every right there is.", role.at("name"))
    elif thing.kind == "ClusterRoleBinding" and role.text("name") in _OF_NAMESPACES:
        yield Fail("it gives every Secret of every namespace, and a shell in every pod.", role.at("name"))


def _subjects(thing: Thing) -> Iterator[Fail]:
    for subject in thing.view.views("subjects"):
        name = subject.text("name")
        if subject.text("kind") == "ServiceAccount":
            if name == "default":
                yield Fail("every pod that names no account has this right.", subject.at("name"))
        elif name in _EVERYBODY:
            yield Fail(f"{_EVERYBODY[name]} has this right.", subject.at("name"))


RULE = ResourceRule(
    id="C49b",
    name="cluster-bindings-name-whom-they-trust",
    title="Bindings in clusters give no one cluster-admin, and nothing to everybody",
    why="One stolen token, or none at all, is enough to rule every agent of the cluster.",
    remediation="Bind a role of what is needed to one account or group; give people access entries of EKS.",
    severity=Severity.CRITICAL,
    types=families(*BINDINGS),
    external={"Checkov": ("CKV_K8S_42",), "kube-linter": ("cluster-admin-role-binding",)},
    sources=("https://kubernetes.io/docs/concepts/security/rbac-good-practices/",),
    check=check,
)
