"""A cluster for agents: private, logged, encrypted, and entered by those alone whom it names."""

import base64
import json
from typing import Any

import pytest
import yaml

from agent_hosting import AgentCluster, Operator
from agent_hosting._eks_operators import CHARTS
from tests.components.eks_agents import objects
from tests.components.recorder import ACCOUNT, DEPLOYER, PREFIX_LISTS, REGION, VPC_BLOCK, Program, run
from tests.components.samples import PLATFORM, making

NETWORK = {"subnet_ids": ["subnet-a", "subnet-b"], "security_group_ids": ["sg-own"]}
EXISTING = {"name": "theirs", "kubeconfig": "the kubeconfig"}
CLUSTER_NAME = "pods-0a1b2c3"


def cluster(**changes: Any) -> Program:
    return run(making(AgentCluster, "pods", **{"network": NETWORK, "boundary_arn": None, **changes}))


def existing(**changes: Any) -> Program:
    return cluster(network=None, existing=EXISTING, **changes)


@pytest.fixture(scope="module")
def plain() -> Program:
    """A cluster in a network of the user's. Run once, and only read."""
    return cluster()


@pytest.fixture(scope="module")
def automatic() -> Program:
    return cluster(nodes="karpenter")


def control_plane(program: Program) -> dict[str, Any]:
    return program.one("aws:eks/cluster:Cluster").inputs


def charts(program: Program) -> dict[str, dict[str, Any]]:
    return {release.inputs["name"]: release.inputs for release in program.all("Release")}


@pytest.mark.parametrize(("asked", "public"), [({}, False), ({"public_access": True}, True)])
def test_the_api_is_reached_from_within_and_from_the_internet_only_if_asked(
    asked: dict[str, Any], public: bool
) -> None:
    network = control_plane(cluster(**asked))["vpcConfig"]
    assert (network["endpointPrivateAccess"], network["endpointPublicAccess"]) == (True, public)
    assert network["subnetIds"] == NETWORK["subnet_ids"]
    assert "publicAccessCidrs" not in network


@pytest.mark.parametrize(
    ("asked", "bound"), [({}, None), ({"public_access": True}, ["8.8.8.0/24"])], ids=["private", "public"]
)
def test_blocks_of_the_internet_bound_who_reaches_a_public_api(
    asked: dict[str, Any], bound: list[str] | None
) -> None:
    program = cluster(reached_from=["10.9.0.0/16", "8.8.8.0/24"], **asked)
    assert control_plane(program)["vpcConfig"].get("publicAccessCidrs") == bound


def test_every_log_of_the_control_plane_is_kept_in_a_group_that_is_there_before(plain: Program) -> None:
    held, log = control_plane(plain), plain.one("LogGroup", "pods-log")
    assert held["enabledClusterLogTypes"] == [
        "api",
        "audit",
        "authenticator",
        "controllerManager",
        "scheduler",
    ]
    assert log.inputs["name"] == f"/aws/eks/{held['name']}/cluster"
    assert log.inputs["retentionInDays"] == 90
    assert log.urn in plain.one("aws:eks/cluster:Cluster").depends_on
    shorter = cluster(log_retention_days=30)
    assert shorter.one("LogGroup", "pods-log").inputs["retentionInDays"] == 30


def test_kubernetes_secrets_lie_under_a_key_of_the_clusters_own(plain: Program) -> None:
    held = control_plane(plain)["encryptionConfig"]
    assert held["resources"] == ["secrets"]
    assert held["provider"]["keyArn"].endswith("Key/pods-secrets-key-0a1b2c3")


def test_access_entries_alone_say_who_enters_and_by_default_that_is_who_deploys(plain: Program) -> None:
    assert control_plane(plain)["accessConfig"] == {
        "authenticationMode": "API",
        "bootstrapClusterCreatorAdminPermissions": False,
    }
    entry, right = plain.one("AccessEntry").inputs, plain.one("AccessPolicyAssociation").inputs
    assert (entry["clusterName"], entry["principalArn"]) == (CLUSTER_NAME, DEPLOYER)
    assert right["principalArn"] == DEPLOYER
    assert right["policyArn"] == "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    assert right["accessScope"] == {"type": "cluster"}


def test_who_administers_it_can_be_named() -> None:
    named = [f"arn:aws:iam::{ACCOUNT}:role/{role}" for role in ("ci", "operators")]
    found = cluster(admin_arns=named).all("AccessPolicyAssociation")
    assert [made.inputs["principalArn"] for made in found] == named


@pytest.mark.parametrize("nodes", ["managed", "karpenter"])
def test_what_takes_a_role_waits_for_its_policies_and_goes_before_them(nodes: str) -> None:
    program = cluster(nodes=nodes)
    attached = {
        made.inputs["role"]: {
            m.urn for m in program.all("RolePolicyAttachment") if m.inputs["role"] == made.inputs["role"]
        }
        for made in program.all("RolePolicyAttachment")
    }
    takers = {"pods-plane-0a1b2c3": program.one("aws:eks/cluster:Cluster")}
    if nodes == "managed":
        takers |= {
            "pods-nodes-0a1b2c3": program.one("NodeGroup"),
            "pods-cni-0a1b2c3": program.one("Addon", "pods-vpc-cni"),
            "pods-disks-0a1b2c3": program.one("Addon", "pods-aws-ebs-csi-driver"),
        }
    for role, taker in takers.items():
        assert attached[role] <= taker.depends_on, taker.name


def test_a_node_has_an_encrypted_disk_no_key_that_opens_it_and_credentials_out_of_its_pods_reach(
    plain: Program,
) -> None:
    group, template = plain.one("NodeGroup").inputs, plain.one("LaunchTemplate").inputs
    assert template["metadataOptions"] == {"httpTokens": "required", "httpPutResponseHopLimit": 1}
    (disk,) = template["blockDeviceMappings"]
    assert (disk["deviceName"], disk["ebs"]["encrypted"], disk["ebs"]["volumeType"]) == (
        "/dev/xvda",
        "true",
        "gp3",
    )
    assert "keyName" not in template
    assert group["launchTemplate"] == {"id": "pods-nodes-0a1b2c3", "version": "1"}
    # EKS refuses what a launch template and its group both say:
    # https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html
    assert set(group).isdisjoint({"remoteAccess", "diskSize"})
    assert set(template).isdisjoint({"instanceType", "iamInstanceProfile", "networkInterfaces", "imageId"})


def test_nodes_follow_the_version_of_the_cluster_and_their_number_is_bounded() -> None:
    program = cluster(kubernetes_version="1.33", min_nodes=3, max_nodes=9, node_instance_types=["c7g.xlarge"])
    group = program.one("NodeGroup")
    assert control_plane(program)["version"] == group.inputs["version"] == "1.33"
    assert group.inputs["scalingConfig"] == {"minSize": 3, "maxSize": 9, "desiredSize": 3}
    assert group.ignore_changes == ("scalingConfig.desiredSize",)
    assert (group.inputs["instanceTypes"], group.inputs["amiType"]) == (
        ["c7g.xlarge"],
        "AL2023_ARM_64_STANDARD",
    )
    assert group.inputs["nodeRepairConfig"] == {"enabled": True}


def test_add_ons_have_roles_by_pod_identity_and_those_that_nodes_need_are_there_first(plain: Program) -> None:
    found = {made.inputs["addonName"]: made for made in plain.all("Addon")}
    group = plain.one("NodeGroup")
    before = {"eks-pod-identity-agent", "kube-proxy", "vpc-cni"}
    assert {name for name, made in found.items() if made.urn in group.depends_on} == before
    assert {name for name, made in found.items() if group.urn in made.depends_on} == {
        "coredns",
        "aws-ebs-csi-driver",
    }
    identities = {
        name: made.inputs["podIdentityAssociations"][0]
        for name, made in found.items()
        if "podIdentityAssociations" in made.inputs
    }
    assert {name: held["serviceAccount"] for name, held in identities.items()} == {
        "vpc-cni": "aws-node",
        "aws-ebs-csi-driver": "ebs-csi-controller-sa",
    }
    for role in ("pods-cni", "pods-disks", "pods-keda"):
        (trusted,) = plain.one("Role", role).document("assumeRolePolicy")["Statement"]
        assert trusted["Principal"] == {"Service": "pods.eks.amazonaws.com"}
        assert trusted["Action"] == ["sts:AssumeRole", "sts:TagSession"]
    attached = {
        m.inputs["role"]: m.inputs["policyArn"].rpartition("/")[2] for m in plain.all("RolePolicyAttachment")
    }
    assert attached["pods-cni-0a1b2c3"] == "AmazonEKS_CNI_Policy"
    assert attached["pods-disks-0a1b2c3"] == "AmazonEBSCSIDriverPolicy"


def test_the_network_add_on_enforces_network_policies(plain: Program) -> None:
    values = plain.one("Addon", "pods-vpc-cni").document("configurationValues")
    assert values == {"enableNetworkPolicy": "true"}


def test_with_karpenter_eks_makes_nodes_network_and_disks_and_there_is_no_node_group(
    automatic: Program,
) -> None:
    held = control_plane(automatic)
    assert held["computeConfig"]["enabled"] is True
    assert held["computeConfig"]["nodePools"] == ["general-purpose", "system"]
    assert held["kubernetesNetworkConfig"] == {"elasticLoadBalancing": {"enabled": True}}
    assert held["storageConfig"] == {"blockStorage": {"enabled": True}}
    assert held["bootstrapSelfManagedAddons"] is False
    for kind in ("NodeGroup", "LaunchTemplate", "Addon"):
        assert automatic.all(kind) == []


def test_with_karpenter_the_roles_have_what_auto_mode_asks_for(automatic: Program) -> None:
    policies: dict[str, set[str]] = {}
    for made in automatic.all("RolePolicyAttachment"):
        policies.setdefault(made.inputs["role"], set()).add(made.inputs["policyArn"].rpartition("/")[2])
    assert policies == {
        "pods-plane-0a1b2c3": {
            "AmazonEKSClusterPolicy",
            "AmazonEKSBlockStoragePolicy",
            "AmazonEKSComputePolicy",
            "AmazonEKSLoadBalancingPolicy",
            "AmazonEKSNetworkingPolicy",
        },
        "pods-nodes-0a1b2c3": {"AmazonEKSWorkerNodeMinimalPolicy", "AmazonEC2ContainerRegistryPullOnly"},
    }
    (trusted,) = automatic.one("Role", "pods-plane").document("assumeRolePolicy")["Statement"]
    assert trusted["Action"] == ["sts:AssumeRole", "sts:TagSession"]


def test_with_karpenter_network_policies_are_on_and_arm64_has_nodes(automatic: Program) -> None:
    made = objects(automatic)
    assert made["ConfigMap/amazon-vpc-cni"]["data"] == {"enable-network-policy-controller": "true"}
    assert made["ConfigMap/amazon-vpc-cni"]["metadata"]["namespace"] == "kube-system"
    pool = made["NodePool/agents-arm64"]["spec"]
    wanted = {entry["key"]: entry["values"] for entry in pool["template"]["spec"]["requirements"]}
    assert wanted["kubernetes.io/arch"] == ["arm64"]
    assert pool["limits"]["cpu"] == "1000"


def test_a_namespace_for_agents_is_restricted_and_lets_nothing_in_or_out() -> None:
    program = cluster(namespaces=["agents", "others"])
    for name in ("agents", "others"):
        labels = program.one("Namespace", f"pods-namespace-{name}").inputs["metadata"]["labels"]
        modes = {key.rpartition("/")[2]: held for key, held in labels.items() if "pod-security" in key}
        assert modes == {"enforce": "restricted", "audit": "restricted", "warn": "restricted"}
        denied = program.one("NetworkPolicy", f"pods-default-deny-{name}").inputs
        assert denied["metadata"] == {"name": "default-deny", "namespace": name}
        assert denied["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert program.outputs_of("AgentCluster")["namespaces"] == ["agents", "others"]


@pytest.mark.parametrize(
    ("nodes", "driver"), [("managed", "ebs.csi.aws.com"), ("karpenter", "ebs.csi.eks.amazonaws.com")]
)
def test_disks_are_encrypted_and_outlive_their_claims(nodes: str, driver: str) -> None:
    made = objects(cluster(nodes=nodes))["StorageClass/agent-hosting"]
    assert made["provisioner"] == driver
    assert made["parameters"] == {"type": "gp3", "encrypted": "true"}
    assert made["reclaimPolicy"] == "Retain"
    assert made["volumeBindingMode"] == "WaitForFirstConsumer"
    assert made["allowVolumeExpansion"] is True


def test_operators_are_pinned_and_taken_away_again_if_they_do_not_become_ready(plain: Program) -> None:
    made = charts(plain)
    assert set(made) == {"keda", "gateway", "argo-rollouts"}
    for name, release in made.items():
        assert release["version"] == CHARTS[Operator(name)].version
        assert release["atomic"] is True
        assert release["namespace"] == CHARTS[Operator(name)].namespace
    own = {"agent-sandbox": {"chart": "oci://registry.example.com/agent-sandbox"}}
    everything = cluster(operators=[operator.value for operator in Operator], charts=own)
    assert set(charts(everything)) == {operator.value for operator in Operator}


@pytest.mark.parametrize("asked", [[], ["keda"], ["argo-rollouts", "external-secrets"]])
def test_an_operator_that_is_not_asked_for_is_left_out(asked: list[str]) -> None:
    program = cluster(operators=asked)
    assert set(charts(program)) == set(asked)
    looking = {"keda", "argo-rollouts"} & set(asked)
    assert {one.name for one in program.all("PodIdentityAssociation")} == {f"pods-{one}" for one in looking}


def test_a_chart_comes_from_a_mirror_and_with_values_if_asked() -> None:
    mirror = {"repository": "https://charts.example.com", "version": "2.18.2", "values": {"a": 1}}
    made = charts(cluster(operators=["keda", "gateway"], charts={"keda": mirror}))
    assert made["keda"]["repositoryOpts"] == {"repo": "https://charts.example.com"}
    assert (made["keda"]["version"], made["keda"]["values"]) == ("2.18.2", {"a": 1})
    assert "repositoryOpts" not in made["gateway"], "its chart is a whole address"


def test_keda_reads_numbers_of_queues_of_agents_and_metrics_and_nothing_else(plain: Program) -> None:
    found = plain.one("RolePolicy", "pods-keda-looks").statements()
    assert {sid: held["Action"] for sid, held in found.items()} == {
        "LookAtQueuesOfAgents": "sqs:GetQueueAttributes",
        "ReadMetrics": "cloudwatch:GetMetricData",
    }
    looks = found["LookAtQueuesOfAgents"]
    assert looks["Resource"] == f"arn:aws:sqs:{REGION}:{ACCOUNT}:*"
    assert looks["Condition"] == {"StringLike": {"aws:ResourceTag/agent": "?*"}}
    identity = plain.one("PodIdentityAssociation", "pods-keda").inputs
    assert (identity["namespace"], identity["serviceAccount"]) == ("keda", "keda-operator")


def test_without_a_network_one_is_made_with_the_endpoints_that_nodes_need() -> None:
    program = cluster(network=None, boundary_arn=PLATFORM["boundary_arn"])
    assert program.one("AgentNetwork").parent_name == "pods"
    named = {
        made.inputs["serviceName"].removeprefix(f"com.amazonaws.{REGION}.")
        for made in program.all("VpcEndpoint")
    }
    assert named >= {
        "ec2",
        "eks",
        "eks-auth",
        "sts",
        "sqs",
        "kms",
        "logs",
        "secretsmanager",
        "ecr.api",
        "ecr.dkr",
    }
    subnets = program.outputs_of("AgentNetwork")["subnet_ids"]
    assert control_plane(program)["vpcConfig"]["subnetIds"] == subnets
    assert program.one("NodeGroup").inputs["subnetIds"] == subnets


def test_the_outputs_say_how_the_cluster_is_entered_and_hold_no_secret(plain: Program) -> None:
    outputs = plain.outputs_of("AgentCluster")
    assert outputs["cluster_name"] == CLUSTER_NAME
    assert outputs["endpoint"] == f"https://{CLUSTER_NAME}.gr7.{REGION}.eks.amazonaws.com"
    assert outputs["security_group_ids"] == [f"sg-{CLUSTER_NAME}"]
    assert outputs["subnet_ids"] == NETWORK["subnet_ids"]
    held = yaml.safe_load(outputs["kubeconfig"])
    (entered,), (user,) = held["clusters"], held["users"]
    assert entered["cluster"]["server"] == outputs["endpoint"]
    assert base64.b64decode(entered["cluster"]["certificate-authority-data"]) == b"CA"
    assert user["user"]["exec"]["args"][:4] == ["eks", "get-token", "--cluster-name", CLUSTER_NAME]
    assert "token" not in user["user"]


@pytest.mark.parametrize(
    ("given", "blocks"),
    [
        (None, [VPC_BLOCK, PREFIX_LISTS["dynamodb"], PREFIX_LISTS["s3"]]),
        (["198.51.100.0/24"], [VPC_BLOCK, "198.51.100.0/24"]),
        ([], [VPC_BLOCK]),
    ],
)
def test_pods_reach_aws_in_the_network_itself_and_where_its_routes_lead(
    given: list[str] | None, blocks: list[str]
) -> None:
    assert cluster(aws_cidr_blocks=given).outputs_of("AgentCluster")["aws_cidr_blocks"] == blocks


def test_an_existing_cluster_gets_namespaces_and_nothing_of_eks_or_iam() -> None:
    program = existing()
    assert [r.type for r in program.resources if r.type.startswith("aws:")] == []
    assert charts(program) == {}
    assert {"Namespace/agents", "NetworkPolicy/default-deny", "StorageClass/agent-hosting"} == set(
        objects(program)
    )
    outputs = program.outputs_of("AgentCluster")
    assert (outputs["cluster_name"], outputs["security_group_ids"]) == ("theirs", ["sg-theirs"])
    assert outputs["endpoint"] == f"https://theirs.gr7.{REGION}.eks.amazonaws.com"
    assert outputs["certificate_authority"] == "Q0E="
    assert outputs["subnet_ids"] == ["subnet-x", "subnet-y"]


def test_the_kubeconfig_of_an_existing_cluster_stays_a_secret() -> None:
    program = existing()
    made = program.one("AgentCluster")
    assert "kubeconfig" in program.secret_outputs[made.urn]
    (provider,) = [r for r in program.resources if r.type == "pulumi:providers:kubernetes"]
    assert "kubeconfig" in provider.secrets


def test_an_existing_cluster_gets_the_operators_that_are_asked_for() -> None:
    program = existing(operators=["keda"])
    assert set(charts(program)) == {"keda"}
    assert program.one("PodIdentityAssociation").inputs["clusterName"] == "theirs"


def test_nothing_is_put_into_a_cluster_before_its_nodes_and_add_ons_are_there(plain: Program) -> None:
    needed = {made.urn for made in plain.all("Addon") if "coredns" in made.name or "ebs" in made.name}
    needed |= {plain.one("AccessPolicyAssociation").urn}
    for made in plain.resources:
        if made.type.startswith("kubernetes:"):
            # The one beside a namespace waits for the namespace, which waits for the rest.
            assert needed <= made.depends_on or "default-deny" in made.name, made.name


def test_a_cluster_is_protected_from_deletion_unless_its_data_may_go() -> None:
    assert control_plane(cluster())["deletionProtection"] is True
    assert control_plane(cluster(retain_data=False))["deletionProtection"] is False


def test_the_kubeconfig_is_json_that_a_person_can_use(plain: Program) -> None:
    assert json.loads(plain.outputs_of("AgentCluster")["kubeconfig"])["current-context"] == "eks"
