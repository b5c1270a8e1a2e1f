"""C45 to C48: pods, from a valid one with one thing broken, wherever they sit."""

from typing import Any

import pytest

from tests.policies.judging import ABSENT, UNKNOWN, fails, found, passes, resource, unchecked
from tests.policies.pod_samples import CONTAINER, DIGEST, SPEC, TYPES, document, pod, put, thing, workload

OF_PODS = ["C45", "C45b", "C45c", "C45d", "C46", "C46b", "C47", "C47b", "C48", "C48b", "C48c"]
FIRST = "containers[0]"
OWN = f"{FIRST}.securityContext"


@pytest.mark.parametrize("rule", OF_PODS)
def test_a_valid_pod_passes_wherever_it_sits(rule: str) -> None:
    assert passes(rule, *(workload(type_=type_, name=f"pod-{n}") for n, type_ in enumerate(TYPES)))
    assert passes(rule, resource("ec2/vpc:Vpc", "one", {}))


@pytest.mark.parametrize("type_", TYPES)
def test_a_broken_pod_is_found_wherever_it_sits(type_: str) -> None:
    assert len(fails("C45", pod("hostPID", True, type_))) == 1
    listed = type_ + "List"
    kind = type_.rpartition(":")[2]
    items = [document(kind, SPEC), document(kind, put(SPEC, "hostPID", True))]
    (told,) = found("C45", resource(f"kubernetes:{listed}", "all", {"items": items}))
    assert (told.path[:9], told.path[-12:]) == ("items[1].", "spec.hostPID")


BROKEN = [
    *(
        ("C45", key, value)
        for key in ("hostNetwork", "hostPID", "hostIPC")
        for value in (True, "true", 1, [])
    ),
    ("C45", "volumes[0]", {"name": "v", "hostPath": {"path": "/"}}),
    ("C45", "volumes[0]", {"name": "v", "hostPath": {"path": "/var/run/docker.sock"}}),
    ("C45", "volumes[0]", {"name": "v", "nfs": {"server": "s", "path": "/"}}),
    ("C45", "volumes", "all"),
    ("C45", f"{FIRST}.ports", [{"containerPort": 80, "hostPort": 80}]),
    ("C45", f"{FIRST}.ports", {"containerPort": 80, "hostPort": "80"}),
    ("C45", "initContainers", [{"name": "i", "ports": [{"hostPort": 80}]}]),
    ("C45", "securityContext.sysctls", [{"name": "kernel.msgmax", "value": "1"}]),
    ("C45", "securityContext.windowsOptions", {"hostProcess": True}),
    ("C45", f"{OWN}.windowsOptions", {"hostProcess": True}),
    ("C45", f"{FIRST}.livenessProbe", {"httpGet": {"host": "169.254.169.254", "port": 80}}),
    ("C45", f"{FIRST}.lifecycle", {"preStop": {"tcpSocket": {"host": "db", "port": 80}}}),
    *(("C45b", f"{OWN}.privileged", value) for value in (True, "True", 1)),
    *(("C45b", f"{OWN}.allowPrivilegeEscalation", value) for value in (True, None, ABSENT, "true", 0)),
    *(("C45b", f"{OWN}.capabilities", value) for value in (ABSENT, None, {}, {"drop": []}, "none")),
    ("C45b", f"{OWN}.capabilities", {"drop": ["NET_RAW"]}),
    ("C45b", f"{OWN}.capabilities.add", ["SYS_ADMIN"]),
    ("C45b", f"{OWN}.capabilities.add", ["NET_BIND_SERVICE", "CHOWN"]),
    ("C45b", "securityContext.seccompProfile", ABSENT),
    ("C45b", "securityContext.seccompProfile", {"type": "Unconfined"}),
    ("C45b", f"{OWN}.seccompProfile", {"type": "Unconfined"}),
    ("C45b", f"{OWN}.procMount", "Unmasked"),
    ("C45b", "securityContext.seLinuxOptions", {"type": "spc_t"}),
    ("C45b", f"{OWN}.seLinuxOptions", {"role": "system_r"}),
    ("C45b", "securityContext.appArmorProfile", {"type": "Unconfined"}),
    *(("C45c", "securityContext.runAsNonRoot", value) for value in (False, None, ABSENT, "false", 0)),
    ("C45c", f"{OWN}.runAsNonRoot", False),
    *(("C45c", "securityContext.runAsUser", value) for value in (0, "0", 0.0)),
    ("C45c", f"{OWN}.runAsUser", 0),
    *(("C45d", f"{OWN}.readOnlyRootFilesystem", value) for value in (False, None, ABSENT, "false", [])),
    *(("C46", f"{FIRST}.resources.limits.cpu", value) for value in (ABSENT, None, "0", 0, "", "0m")),
    *(("C46", f"{FIRST}.resources.limits.memory", value) for value in (ABSENT, "0Gi", True)),
    (
        "C46",
        "initContainers",
        [{"name": "i", "resources": {"limits": {"cpu": 1}, "requests": {"memory": "1Mi"}}}],
    ),
    *(("C46b", f"{FIRST}.livenessProbe", value) for value in (ABSENT, None, {}, {"periodSeconds": 5}, True)),
    ("C46b", f"{FIRST}.readinessProbe", ABSENT),
    *(("C47", f"{FIRST}.image", f"registry:5000/agent{rest}") for rest in ("", ":latest", ":", "@sha256:12")),
    *(("C47", f"{FIRST}.image", value) for value in (ABSENT, None, "", [])),
    ("C47", "volumes[0]", {"name": "v", "image": {"reference": "files"}}),
    *(("C47b", f"{FIRST}.image", value) for value in ("agent:1.4", "agent@sha256:12", "", ABSENT)),
    *(("C48", "serviceAccountName", value) for value in (ABSENT, None, "", "default")),
    ("C48", "serviceAccountName", True),
    ("C48c", f"{FIRST}.env", [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]),
    ("C48c", f"{FIRST}.env", [{"name": "API_KEY", "value": "sk-ant-0123456789abcdefghijkl"}]),
    ("C48c", f"{FIRST}.env", {"name": "DB_PASSWORD", "value": "Tr0ub4dor&3x"}),
    ("C48c", f"{FIRST}.envFrom", [{"secretRef": {"name": "all"}}]),
    ("C48c", "ephemeralContainers", [{"name": "e", "envFrom": [{"secretRef": {"name": "all"}}]}]),
]


@pytest.mark.parametrize(("rule", "path", "value"), BROKEN)
def test_one_broken_thing_fails_once(rule: str, path: str, value: Any) -> None:
    assert len(fails(rule, pod(path, value))) == 1


GOOD = [
    *(("C45", key, value) for key in ("hostNetwork", "hostPID") for value in (False, None, "false")),
    ("C45", f"{FIRST}.ports", [{"containerPort": 80, "hostPort": 0}]),
    ("C45", "volumes", [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}, "hostPath": None}]),
    ("C45", "securityContext.sysctls", [{"name": "net.ipv4.tcp_syncookies", "value": "1"}]),
    ("C45", "volumes", ABSENT),
    ("C45b", f"{OWN}.capabilities.add", ["NET_BIND_SERVICE"]),
    ("C45b", f"{OWN}.seccompProfile", {"type": "Localhost", "localhostProfile": "agents.json"}),
    ("C45b", "os", {"name": "linux"}),
    ("C45c", f"{OWN}.runAsNonRoot", True),
    ("C45c", "securityContext.runAsUser", 65532),
    ("C46", f"{FIRST}.resources.requests", ABSENT),
    ("C46", "ephemeralContainers", [{"name": "debug"}]),
    ("C46b", f"{FIRST}.ports", ABSENT),
    ("C46b", f"{FIRST}.livenessProbe", {"exec": {"command": ["true"]}}),
    ("C46b", "restartPolicy", "Never"),
    ("C47", f"{FIRST}.image", "registry:5000/agent:1.4"),
    ("C47", f"{FIRST}.image", f"agent:latest@{DIGEST}"),
    ("C47b", f"{FIRST}.image", f"agent@{DIGEST}"),
    ("C48", "serviceAccount", "handbook"),
    ("C48c", f"{FIRST}.env", [{"name": "API_KEY", "value": "arn:aws:secretsmanager:x:1:secret:key"}]),
    ("C48c", f"{FIRST}.envFrom", [{"configMapRef": {"name": "all"}}]),
]


@pytest.mark.parametrize(("rule", "path", "value"), GOOD)
def test_other_valid_pods_pass(rule: str, path: str, value: Any) -> None:
    assert passes(rule, pod(path, value))


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        *((rule, "containers") for rule in OF_PODS if rule not in ("C48", "C48b")),
        *((rule, OWN) for rule in ("C45", "C45b", "C45c", "C45d")),
        ("C45", "hostPID"),
        ("C45", "volumes"),
        ("C45b", f"{OWN}.capabilities.drop"),
        ("C45c", "securityContext.runAsNonRoot"),
        ("C45d", f"{OWN}.readOnlyRootFilesystem"),
        ("C46", f"{FIRST}.resources.limits.cpu"),
        ("C46b", f"{FIRST}.readinessProbe"),
        ("C47", f"{FIRST}.image"),
        ("C48", "serviceAccountName"),
        ("C48b", "automountServiceAccountToken"),
        ("C48c", f"{FIRST}.env"),
        ("C48c", f"{FIRST}.env[0]"),
        ("C48c", f"{FIRST}.env[0].value"),
    ],
)
def test_what_is_unknown_is_not_checked(rule: str, path: str) -> None:
    assert unchecked(rule, pod(path, UNKNOWN)) == [f"spec.template.spec.{path}"]


def test_an_unknown_value_hides_no_failure_beside_it() -> None:
    second = put(CONTAINER, "securityContext.privileged", True)
    spec = put(put(SPEC, OWN, UNKNOWN), "containers", [{"securityContext": UNKNOWN}, second])
    told = found("C45b", workload(spec))
    assert [one.outcome.value for one in told] == ["fail", "not checked"]


def test_a_container_that_says_nothing_has_what_its_pod_says_and_else_its_own() -> None:
    context = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    moved = put(SPEC, "securityContext", ABSENT)
    assert passes("C45c", workload(put(moved, f"{OWN}.runAsNonRoot", True)))
    assert passes("C45b", workload(put(moved, f"{OWN}.seccompProfile", context["seccompProfile"])))
    lower = put(SPEC, "securityContext.readOnlyRootFilesystem", True)
    assert fails("C45d", workload(put(lower, f"{OWN}.readOnlyRootFilesystem", ABSENT))), "no field of pods"
    two = put(moved, "containers", [put(CONTAINER, "securityContext.runAsNonRoot", True), CONTAINER])
    assert len(fails("C45c", workload(two))) == 1, "each container for itself"


@pytest.mark.parametrize("group", ["initContainers", "ephemeralContainers"])
def test_containers_of_all_lists_are_judged(group: str) -> None:
    for rule, key in (("C45b", "privileged"), ("C45c", "runAsUser"), ("C45d", "readOnlyRootFilesystem")):
        other = put(CONTAINER, f"securityContext.{key}", key == "privileged")
        assert fails(rule, pod(group, [other])), rule
    assert passes("C45b", pod(group, [CONTAINER]))


def test_a_windows_pod_is_asked_for_nothing_that_only_linux_has() -> None:
    bare = put(put(SPEC, OWN, ABSENT), "os", {"name": "windows"})
    for rule in ("C45b", "C45d"):
        assert passes(rule, workload(bare))


@pytest.mark.parametrize(
    ("held", "missing"),
    [
        ({"default": {"cpu": "1", "memory": "1Gi"}}, 0),
        ({"max": {"cpu": "1"}, "defaultRequest": {"memory": "1Gi"}}, 1),
        ({"defaultRequest": {"cpu": "1", "memory": "1Gi"}}, 2),
        ({}, 4),
    ],
)
def test_limit_ranges_of_the_namespace_fill_what_is_left_out(held: dict[str, Any], missing: int) -> None:
    bare = pod(f"{FIRST}.resources", ABSENT)
    limits = [{"type": "Container", **held}, {"type": "Pod", "default": {"cpu": "1"}}]
    here = thing("core/v1:LimitRange", "limits", spec={"limits": limits})
    elsewhere = thing("core/v1:LimitRange", "limits", "others", spec={"limits": limits})
    assert len(found("C46", bare, here)) == missing
    assert len(fails("C46", bare, elsewhere)) == 4


def test_limits_of_the_pod_bound_its_containers() -> None:
    limits = {"limits": {"cpu": "1", "memory": "1Gi"}}
    assert passes("C46", workload(put(put(SPEC, f"{FIRST}.resources", ABSENT), "resources", limits)))


@pytest.mark.parametrize("type_", ["batch/v1:Job", "batch/v1:CronJob", "keda.sh/v1alpha1:ScaledJob"])
def test_jobs_need_no_probes(type_: str) -> None:
    assert passes("C46b", pod(f"{FIRST}.livenessProbe", ABSENT, type_))


ACCOUNT = thing("core/v1:ServiceAccount", "handbook", automountServiceAccountToken=False)
MOUNTED = pod("automountServiceAccountToken", True)
UNSAID = pod("automountServiceAccountToken", ABSENT)
SUBJECT = {"kind": "ServiceAccount", "name": "handbook", "namespace": "agents"}


def binding(**subject: Any) -> Any:
    return thing(
        "rbac.authorization.k8s.io/v1:RoleBinding",
        "binding",
        subjects=[{**SUBJECT, **subject}],
        roleRef={"kind": "Role", "name": "r"},
    )


def test_a_token_is_mounted_where_its_account_has_rights() -> None:
    silent = thing("core/v1:ServiceAccount", "handbook")
    assert passes("C48b", UNSAID, ACCOUNT)
    assert len(fails("C48b", MOUNTED, ACCOUNT)) == len(fails("C48b", UNSAID, silent)) == 1
    assert passes("C48b", MOUNTED, ACCOUNT, binding())
    assert passes("C48b", MOUNTED, ACCOUNT, binding(kind="Group", name="system:serviceaccounts:agents"))
    for other in ({"name": "other"}, {"namespace": "others"}, {"kind": "User"}):
        assert fails("C48b", MOUNTED, ACCOUNT, binding(**other))
    assert passes(
        "C48b", binding(), workload(put(SPEC, "automountServiceAccountToken", ABSENT), name="x"), silent
    )


def test_where_the_account_or_its_rights_are_not_known_the_token_is_not_checked() -> None:
    assert unchecked("C48b", UNSAID) == ["spec.template.spec.serviceAccountName"]
    assert unchecked("C48b", MOUNTED, ACCOUNT, binding(name=UNKNOWN)) == ["subjects[0].name"]
    default = put(put(SPEC, "serviceAccountName", ABSENT), "automountServiceAccountToken", ABSENT)
    assert len(fails("C48b", workload(default))) == 1, "the default account is always there"


def test_what_is_made_from_a_template_of_sandboxes_has_no_token_by_default() -> None:
    type_ = "extensions.agents.x-k8s.io/v1beta1:SandboxTemplate"
    assert passes("C48b", pod("automountServiceAccountToken", ABSENT, type_))


@pytest.mark.parametrize("rule", [rule for rule in OF_PODS if rule != "C48b"])
def test_a_patch_is_judged_by_what_it_says(rule: str) -> None:
    type_ = "apps/v1:DeploymentPatch"
    only = {"metadata": {"name": "handbook", "annotations": {"a": "b"}}}
    assert passes(rule, resource(f"kubernetes:{type_}", "patch", only))
    assert passes(rule, resource(f"kubernetes:{type_}", "patch", document("Deployment", SPEC)))


def test_what_a_patch_leaves_out_is_not_checked_and_what_it_breaks_fails() -> None:
    type_ = "kubernetes:apps/v1:StatefulSetPatch"
    partial = {"containers": [{"name": "agent", "image": f"agent@{DIGEST}"}]}
    held = resource(type_, "patch", document("StatefulSet", partial))
    for rule in ("C45b", "C45c", "C45d", "C46", "C48"):
        assert len(unchecked(rule, held)) == 1, rule
    worse = put(partial, f"{OWN}.privileged", True)
    told = found("C45b", resource(type_, "patch", document("StatefulSet", worse)))
    assert [one.outcome.value for one in told] == ["fail", "not checked"]


def test_pods_that_nobody_sees_are_told_of_once() -> None:
    release = resource("kubernetes:helm.sh/v3:Release", "keda", {"chart": "keda", "namespace": "keda"})
    assert unchecked("C45e", release) == ["chart"]
    named = {"workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "handbook"}}
    rollout = thing("argoproj.io/v1alpha1:Rollout", "rollout", spec=named)
    assert unchecked("C45e", rollout) == ["spec.workloadRef"]
    assert passes("C45e", rollout, workload())
    assert passes("C45", rollout), "its pods are those of what it names"
    assert fails("C45", rollout, pod("hostPID", True))


@pytest.mark.parametrize("rule", OF_PODS)
@pytest.mark.parametrize("held", [{}, {"spec": None}, {"spec": {"template": {}}}, {"metadata": None}])
def test_a_workload_without_a_pod_breaks_no_rule_of_containers_and_no_judge(rule: str, held: Any) -> None:
    told = found(rule, resource("kubernetes:apps/v1:Deployment", "empty", held))
    assert {one.outcome.value for one in told} <= {"fail"}
    assert bool(told) is (rule in ("C48", "C48b"))


@pytest.mark.parametrize("rule", OF_PODS)
@pytest.mark.parametrize("path", ["spec", "spec.template", "spec.template.spec"])
def test_a_template_of_a_wrong_kind_or_unknown_is_told(rule: str, path: str) -> None:
    whole = document("Deployment", SPEC)
    type_ = "kubernetes:apps/v1:Deployment"
    assert len(fails(rule, resource(type_, "one", put(whole, path, "text")))) == 1
    assert unchecked(rule, resource(type_, "one", put(whole, path, UNKNOWN))) == [path]
