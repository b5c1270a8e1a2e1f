"""Agents on Kubernetes: every part of an agent, and how the parts hang together."""

import json
from pathlib import Path

import pytest

from tests.components.audit_parts import AUDIT_PARTS
from tests.components.eks_agents import eks_agent, environment, objects, only
from tests.components.recorder import Program
from tests.components.samples import CLUSTER, PLATFORM, agent_folder, bundle_id


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(agent_folder(tmp_path_factory.mktemp("agent")))


@pytest.fixture(scope="module")
def made() -> dict[str, Program]:
    return {}


@pytest.fixture
def plain(source: str, made: dict[str, Program]) -> Program:
    """An agent behind a gateway, on a shared cluster. Run once, and only read."""
    return made.setdefault("plain", made.get("plain") or eks_agent(source))


FUNCTIONS = ("submit", "status", "reaper")


def test_an_agent_is_made_of_these_parts(source: str, plain: Program) -> None:
    bundle = bundle_id(source)
    release = f"handbook-{bundle}"
    assert {(t.rpartition(":")[2], n) for t, n, parent in plain.tree() if parent == "handbook"} == {
        ("AgentIdentity", "handbook-identity"),
        ("PodIdentityAssociation", "handbook-identity"),
        ("RolePolicy", "handbook-access"),
        ("CheckpointTable", "handbook-checkpoints"),
        ("SecretScope", "handbook-secrets"),
        ("AgentBudget", "handbook-budget"),
        ("RolloutController", "handbook-rollout"),
        ("LogGroup", "handbook-log"),
        ("Key", "handbook-queues-key"),
        ("kubernetes", "handbook-kubernetes"),
        ("RunQueue", release),
        ("ServiceAccount", "handbook-account"),
        ("NetworkPolicy", "handbook-network"),
        ("TriggerAuthentication", "handbook-looks"),
        ("Service", f"{release}-pods"),
        ("Service", f"{release}-http"),
        ("PodDisruptionBudget", f"{release}-disruptions"),
        ("StatefulSet", release),
        ("ScaledObject", f"{release}-scaling"),
        ("HTTPRoute", "handbook-route"),
        ("AccessEntry", "handbook-traffic"),
        ("Role", "handbook-traffic-role"),
        ("RoleBinding", "handbook-traffic-binding"),
        ("TableItem", f"handbook-manifest-{bundle}"),
        ("TableItem", f"handbook-release-{bundle}"),
        ("TableItem", "handbook-traffic"),
        *((kind, f"handbook-{label}") for kind in ("AgentIdentity", "Function") for label in FUNCTIONS),
        *(("LogGroup", f"handbook-{label}-log") for label in FUNCTIONS),
        ("Alias", "handbook-submit-live"),
        ("Alias", "handbook-status-live"),
        ("FunctionEventInvokeConfig", "handbook-reaper-async"),
        ("EventRule", "handbook-reaper"),
        ("EventTarget", "handbook-reaper-target"),
        ("Permission", "handbook-reaper-permission"),
        ("MetricAlarm", "handbook-reaper-errors"),
        ("FrontDoor", "handbook-door"),
        *AUDIT_PARTS,
    }


def test_without_a_platform_or_a_cluster_the_agent_makes_both(source: str) -> None:
    program = eks_agent(source, platform=None, cluster=None, namespace="helpers")
    assert program.one("AgentPlatform").parent_name == "handbook"
    assert program.one("AgentCluster").parent_name == "handbook"
    cluster = program.outputs_of("AgentCluster")
    assert cluster["namespaces"] == ["helpers"]
    assert (
        program.one("PodIdentityAssociation", "handbook-identity").inputs["clusterName"]
        == cluster["cluster_name"]
    )
    assert only(program, "StatefulSet")["metadata"]["namespace"] == "helpers"
    assert program.all("aws:ecs/cluster:Cluster") == [], "the platform needs none"


def test_a_cluster_of_the_agents_own_goes_with_its_data_and_lets_in_who_deploys_it(source: str) -> None:
    deployers = ["arn:aws:iam::123456789012:role/ci"]
    program = eks_agent(source, cluster=None, retain_data=False, deployer_arns=deployers)
    made = program.one("aws:eks/cluster:Cluster").inputs
    assert made["deletionProtection"] is False
    assert made["tags"] == {"environment": "default"}
    assert program.one("AccessPolicyAssociation").inputs["principalArn"] == deployers[0]


def test_everything_of_the_agent_lies_in_its_namespace_and_bears_its_label(source: str) -> None:
    for key, held in objects(eks_agent(source, namespace="helpers")).items():
        assert held["metadata"]["namespace"] == "helpers", key
        assert held["metadata"]["labels"]["agent-hosting/agent"] == "handbook", key


def test_every_object_goes_to_the_cluster_that_was_given(plain: Program) -> None:
    (provider,) = [r for r in plain.resources if r.type == "pulumi:providers:kubernetes"]
    assert provider.inputs["kubeconfig"] == CLUSTER["kubeconfig"]
    assert provider.inputs["enableServerSideApply"] == "true"
    assert "kubeconfig" in provider.secrets
    for held in plain.resources:
        if held.type.startswith("kubernetes:"):
            assert held.provider.startswith(provider.urn), held.name


def test_the_pods_are_the_agents_role_by_pod_identity_and_nobody_to_kubernetes(plain: Program) -> None:
    identity, account = plain.one("PodIdentityAssociation").inputs, only(plain, "ServiceAccount")
    assert account["metadata"]["name"] == identity["serviceAccount"] == "handbook"
    assert (identity["clusterName"], identity["namespace"]) == ("pods", "agents")
    assert identity["roleArn"].endswith("Role/handbook-identity-0a1b2c3")
    assert account["automountServiceAccountToken"] is False
    (trusted,) = plain.one("Role", "handbook-identity").document("assumeRolePolicy")["Statement"]
    assert trusted["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    assert trusted["Action"] == ["sts:AssumeRole", "sts:TagSession"]


def test_no_pod_starts_before_its_role_its_rights_and_its_limits_are_there(
    source: str, plain: Program
) -> None:
    awaited = plain.one("StatefulSet").depends_on
    names = {r.name for r in plain.resources if r.urn in awaited}
    release = f"handbook-{bundle_id(source)}"
    assert names >= {
        "handbook-access",
        "handbook-account",
        "handbook-identity",
        "handbook-network",
        f"{release}-pods",
        f"{release}-http",
        f"{release}-disruptions",
    }
    assert plain.one("StatefulSet").urn in plain.one("ScaledObject").depends_on


def test_runs_go_to_a_release_once_its_pods_are_there(source: str, plain: Program) -> None:
    item = plain.one("TableItem", f"handbook-release-{bundle_id(source)}")
    assert plain.one("StatefulSet").urn in item.depends_on
    held = json.loads(item.inputs["item"])
    assert held["workload"] == {"S": f"handbook-{bundle_id(source)}"}
    assert held["service"] == {"S": f"handbook-{bundle_id(source)}-http"}
    assert plain.one("StatefulSet").urn in plain.one("TableItem", "handbook-traffic").depends_on


def test_a_pod_is_told_all_that_a_worker_is_and_how_it_serves(source: str, plain: Program) -> None:
    told, bundle = environment(plain), bundle_id(source)
    assert set(told) == {
        "AGENT_ACTIVE_SECONDS",
        *("AGENT_ADDRESS", "AGENT_BUNDLE_ID", "AGENT_CHECKPOINT_BUCKET", "AGENT_CHECKPOINT_RETENTION_DAYS"),
        *("AGENT_CHECKPOINT_TABLE", "AGENT_CONTROL_TABLE", "AGENT_ENVIRONMENT", "AGENT_JWT_AUDIENCES"),
        *("AGENT_JWT_ISSUER", "AGENT_LOG_GROUP", "AGENT_MAX_RECEIVES", "AGENT_MODEL_ENDPOINT", "AGENT_NAME"),
        *("AGENT_POD_IP", "AGENT_POD_NAME", "AGENT_PORT", "AGENT_QUEUE_URL", "AGENT_RELEASE_URL"),
        *("AGENT_SAMPLE_BASIS_POINTS", "AGENT_SECRETS", "AGENT_STOP_SECONDS", "AGENT_TENANT_SHARE"),
        *("AGENT_ALERT_TOPIC", "AGENT_SPEND"),
        *("AGENT_AUDIT_LOG_GROUP", "AGENT_AUDIT_RETENTION_DAYS"),
        *(
            "AGENT_TURN_TIMEOUT_SECONDS",
            "AGENT_VISIBILITY_SECONDS",
            "AGENT_VOLUME",
            "AGENT_WORKER_CONCURRENCY",
        ),
        "AWS_REGION",
    }
    service = f"http://handbook-{{bundle_id}}-http.{'agents'}.svc.cluster.local:8080"
    assert told["AGENT_RELEASE_URL"] == service
    assert f"Service/handbook-{bundle}-http" in objects(plain), "which the address names"
    assert told["AGENT_QUEUE_URL"] == plain.outputs_of("RunQueue")["queue_url"]
    assert (told["AGENT_JWT_ISSUER"], json.loads(told["AGENT_JWT_AUDIENCES"])) == (
        "https://login.example.com/",
        ["agents"],
    )
    assert told["AGENT_BUNDLE_ID"] == bundle


def test_the_queue_functions_are_those_of_the_other_queued_host(plain: Program) -> None:
    for label in FUNCTIONS:
        held = plain.one("Function", f"handbook-{label}").inputs
        assert held["handler"] == f"agent_runtime.hosts.{label}.handler"
        assert "vpcConfig" not in held, "they speak with AWS alone"


def test_the_controller_of_a_route_is_in_the_clusters_network_and_may_enter_it(plain: Program) -> None:
    function = plain.one("Function", "handbook-rollout")
    assert function.inputs["vpcConfig"] == {
        "subnetIds": CLUSTER["subnet_ids"],
        "securityGroupIds": CLUSTER["security_group_ids"],
    }
    policy = plain.one("RolePolicy", "handbook-rollout-policy")
    entering = policy.statements()["EnterNetwork"]
    # All that Lambda's documentation asks for: https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
    assert entering["Action"] == [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
    ]
    assert policy.urn in function.depends_on, "Lambda looks for the right when it makes the function"


def test_the_controller_opens_the_cluster_for_one_route_alone(plain: Program) -> None:
    entry, role, binding = plain.one("AccessEntry").inputs, only(plain, "Role"), only(plain, "RoleBinding")
    assert entry["clusterName"] == "pods"
    assert entry["principalArn"] == plain.outputs_of("RolloutController")["role_arn"]
    assert entry["kubernetesGroups"] == ["agent-hosting:agents:handbook"]
    assert plain.all("AccessPolicyAssociation") == []
    assert role["rules"] == [
        {
            "apiGroups": ["gateway.networking.k8s.io"],
            "resources": ["httproutes"],
            "resourceNames": ["handbook"],
            "verbs": ["get", "patch"],
        }
    ]
    assert binding["roleRef"] == {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "Role",
        "name": "handbook-traffic",
    }
    (subject,) = binding["subjects"]
    assert (subject["kind"], subject["name"]) == ("Group", "agent-hosting:agents:handbook")


def test_the_controllers_plan_says_where_the_weights_lie(plain: Program) -> None:
    plan = json.loads(
        json.loads(plain.one("TableItem", "handbook-rollout-plan").inputs["item"])["document"]["S"]
    )
    assert plan["host"] == "eks"
    assert plan["http_route"] == {
        "cluster_name": "pods",
        "endpoint": CLUSTER["endpoint"],
        "certificate_authority": "Q0E=",
        "namespace": "agents",
        "name": "handbook",
    }


def test_without_a_gateway_there_is_no_route_and_nobody_enters_the_cluster(source: str) -> None:
    program = eks_agent(source, gateway=None)
    assert {"HTTPRoute", "AccessEntry", "Role", "RoleBinding"}.isdisjoint(
        {r.type.rpartition(":")[2] for r in program.resources if "iam" not in r.type}
    )
    assert "vpcConfig" not in program.one("Function", "handbook-rollout").inputs
    assert "EnterNetwork" not in program.one("RolePolicy", "handbook-rollout-policy").statements()


def test_with_fixed_shares_there_is_a_route_and_no_controller(source: str) -> None:
    program = eks_agent(source, shares={"newest": 1.0})
    assert program.all("RolloutController") == program.all("AccessEntry") == []
    assert [b["weight"] for b in only(program, "HTTPRoute")["spec"]["rules"][0]["backendRefs"]] == [10_000]


def test_the_route_joins_the_gateway_by_name_and_takes_its_hosts(source: str) -> None:
    spec = only(eks_agent(source), "HTTPRoute")["spec"]
    assert spec["parentRefs"] == [{"name": "inner", "namespace": "gateways"}]
    assert spec["hostnames"] == ["agents.example.com"]
    assert len(spec["rules"]) == 1
    near = only(eks_agent(source, gateway={"name": "inner"}), "HTTPRoute")["spec"]
    assert near["parentRefs"] == [{"name": "inner"}]
    assert "hostnames" not in near


def test_the_outputs_name_what_a_caller_and_an_operator_need(source: str, plain: Program) -> None:
    outputs, bundle = plain.outputs_of("EksAgent"), bundle_id(source)
    queue = plain.outputs_of("RunQueue")
    assert (outputs["bundle_id"], outputs["serving"]) == (bundle, {bundle: 1})
    assert outputs["function_name"] == "handbook-submit-0a1b2c3"
    assert outputs["service_names"] == {bundle: f"handbook-{bundle}-http"}
    assert outputs["queue_urls"] == {bundle: queue["queue_url"]}
    assert outputs["dead_letter_queue_urls"] == {bundle: queue["dead_letter_queue_url"]}
    assert (outputs["cluster_name"], outputs["namespace"]) == ("pods", "agents")
    assert outputs["control_table_name"] == PLATFORM["control_table_name"]
    assert outputs["log_group_name"] == "handbook-log-0a1b2c3"
    assert outputs["url"] == plain.outputs_of("FrontDoor")["url"]


def test_a_working_tree_runs_its_zip_on_this_machine(tmp_path: Path) -> None:
    source = str(agent_folder(tmp_path / "agent"))
    program = eks_agent(source, architecture="this-machine", releases=[{"source": source}])
    template = only(program, "StatefulSet")["spec"]["template"]
    (container,) = template["spec"]["containers"]
    assert container["image"].startswith("this-machine/handbook@sha256:")
    assert template["metadata"]["annotations"]["agent-hosting/archive"].endswith(".zip")
