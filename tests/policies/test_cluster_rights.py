"""C49: roles and bindings of a cluster, from valid ones with one thing broken."""

from typing import Any

import pytest

from tests.policies.judging import ABSENT, UNKNOWN, changed, fails, passes, resource, unchecked
from tests.policies.pod_samples import thing

RBAC = "rbac.authorization.k8s.io/v1"
RULE = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "patch"]}
SUBJECT = {"kind": "ServiceAccount", "name": "handbook", "namespace": "agents"}
TO_ROLE = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "reader"}


def role(kind: str = "Role", **given: Any) -> Any:
    return thing(f"{RBAC}:{kind}", "role", rules=[RULE, changed(RULE, **given)])


def binding(kind: str = "RoleBinding", to: Any = TO_ROLE, /, **subject: Any) -> Any:
    return thing(f"{RBAC}:{kind}", "binding", roleRef=to, subjects=[changed(SUBJECT, **subject)])


@pytest.mark.parametrize("kind", ["Role", "ClusterRole"])
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"verbs": ABSENT},
        {"resources": []},
        {"resources": ["secrets"], "resourceNames": ["one"], "verbs": ["get"]},
        {"resources": ["secrets"], "verbs": ["create"]},
        {"resources": ["pods", "pods/log"], "verbs": ["get", "list"]},
    ],
)
def test_a_role_that_names_what_it_allows_passes(kind: str, given: dict[str, Any]) -> None:
    assert passes("C49", role(kind, **given))


@pytest.mark.parametrize("kind", ["Role", "ClusterRole"])
@pytest.mark.parametrize(
    "given",
    [
        {"verbs": ["*"]},
        {"verbs": "*"},
        {"resources": ["*"]},
        {"apiGroups": ["*"]},
        {"resources": ABSENT, "nonResourceURLs": ["*"]},
        {"verbs": ["bind"]},
        {"verbs": ["get", "escalate"]},
        {"verbs": ["impersonate"]},
        {"resources": ["pods/exec"]},
        {"resources": ["pods/attach"], "verbs": ["create"]},
        {"resources": ["nodes/proxy"]},
        {"resources": ["serviceaccounts/token"], "verbs": ["create"]},
        {"resources": ["secrets"], "verbs": ["get"]},
        {"resources": ["secrets"], "verbs": ["list"], "resourceNames": []},
        {"resources": ["configmaps", "secrets"], "verbs": ["watch"], "resourceNames": None},
        {"verbs": [1]},
        {"resources": {"all": True}},
    ],
)
def test_a_role_that_leads_to_all_the_rest_fails_once(kind: str, given: dict[str, Any]) -> None:
    assert len(fails("C49", role(kind, **given))) == 1


def test_roles_in_lists_and_patches_are_judged() -> None:
    whole = {"metadata": {"name": "role"}, "rules": [changed(RULE, verbs=["*"])]}
    assert len(fails("C49", resource(f"kubernetes:{RBAC}:RolePatch", "patch", whole))) == 1
    assert len(fails("C49", resource(f"kubernetes:{RBAC}:ClusterRoleList", "all", {"items": [whole]}))) == 1
    assert len(fails("C49", resource("kubernetes:rbac.authorization.k8s.io/v1beta1:Role", "r", whole))) == 1
    assert passes("C49", resource("aws:iam/role:Role", "role", whole))


def test_unknown_rules_are_not_checked_and_hide_nothing() -> None:
    assert unchecked("C49", thing(f"{RBAC}:Role", "role", rules=UNKNOWN)) == ["rules"]
    assert unchecked("C49", role(verbs=UNKNOWN)) == ["rules[1].verbs"]
    assert unchecked("C49", role(resourceNames=UNKNOWN, resources=["secrets"])) == ["rules[1].resourceNames"]


@pytest.mark.parametrize("kind", ["RoleBinding", "ClusterRoleBinding"])
def test_a_binding_of_one_account_to_one_role_passes(kind: str) -> None:
    assert passes("C49b", binding(kind), binding(kind, kind="Group", name="operators"))
    assert passes("C49b", binding(kind, {**TO_ROLE, "kind": "Role", "name": "cluster-admin"}))
    assert passes("C49b", thing(f"{RBAC}:{kind}", "binding", roleRef=TO_ROLE))


@pytest.mark.parametrize("kind", ["RoleBinding", "ClusterRoleBinding"])
@pytest.mark.parametrize(
    "subject",
    [
        {"kind": "User", "name": "system:anonymous"},
        {"kind": "Group", "name": "system:unauthenticated"},
        {"kind": "Group", "name": "system:authenticated"},
        {"kind": "Group", "name": "system:serviceaccounts"},
        {"name": "default"},
        {"name": ["default"]},
    ],
)
def test_a_binding_of_everybody_fails_once(kind: str, subject: dict[str, Any]) -> None:
    assert len(fails("C49b", binding(kind, **subject))) == 1


@pytest.mark.parametrize(
    "to", [{**TO_ROLE, "name": "cluster-admin"}, {"name": "cluster-admin"}, "cluster-admin"]
)
def test_a_binding_to_every_right_fails_once(to: Any) -> None:
    assert len(fails("C49b", binding("ClusterRoleBinding", to))) == 1


def test_an_unknown_subject_or_role_is_not_checked() -> None:
    assert unchecked("C49b", binding(name=UNKNOWN)) == ["subjects[0].name"]
    assert unchecked("C49b", binding("RoleBinding", UNKNOWN)) == ["roleRef"]
