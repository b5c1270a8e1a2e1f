"""Wrong inputs of clusters and of agents on EKS: a valid set of inputs with one of them broken."""

from typing import Any

from agent_hosting import AgentCluster, EksAgent
from tests.components.samples import TAGS
from tests.components.wrong_containers import Case

EXISTING = {"name": "theirs", "kubeconfig": "{}"}
THEIRS: dict[str, Any] = {"existing": EXISTING, "boundary_arn": None}

CLUSTER_CASES: dict[str, Case] = {
    # Clusters.
    "a cluster without a boundary or a network": (
        AgentCluster,
        {"boundary_arn": None},
        "boundary_arn is None; it is required. Take it from an AgentPlatform: platform.boundary_arn.",
    ),
    "one namespace as a text": (
        AgentCluster,
        {"namespaces": "agents"},
        "namespaces is 'agents'; a list is needed. Write ['agents'].",
    ),
    "a namespace that is none": (
        AgentCluster,
        {"namespaces": ["Agents"]},
        "namespaces is 'Agents'; a namespace is 1 to 63 lower-case letters, digits and dashes. Write",
    ),
    "a namespace of the cluster's own": (
        AgentCluster,
        {"namespaces": ["kube-system"]},
        "namespaces is 'kube-system'; it belongs to the cluster itself. Choose one such as 'agents'.",
    ),
    "no namespace": (
        AgentCluster,
        {"namespaces": []},
        "namespaces is []; agents need one at least. Omit it for 'agents'.",
    ),
    "nodes that are none": (
        AgentCluster,
        {"nodes": "fargate"},
        "nodes is 'fargate'; it is one of managed, karpenter. Omit it for a managed node group.",
    ),
    "an operator that this version does not know": (
        AgentCluster,
        {"operators": ["keda", "istio"]},
        "operators is 'istio'; it is one of keda, gateway, argo-rollouts, agent-sandbox, external-secrets. ",
    ),
    "a chart for an operator that this version does not know": (
        AgentCluster,
        {"charts": {"istio": {}}},
        "charts is 'istio'; it is one of keda, gateway, ",
    ),
    "a misspelt field of a chart": (
        AgentCluster,
        {"charts": {"keda": {"verson": "2"}}},
        "charts.keda.verson is '2'; there is no such input. Known are: chart, ",
    ),
    "an operator without a chart": (
        AgentCluster,
        {"operators": ["agent-sandbox"]},
        "charts.agent-sandbox is None; its maker publishes no chart. Push the one in its source at v0.4.6",
    ),
    "one node": (
        AgentCluster,
        {"min_nodes": 0},
        "min_nodes is 0; it must be at least 1 and at most 450. One node is no spare.",
    ),
    "fewer nodes at most than at least": (
        AgentCluster,
        {"min_nodes": 4, "max_nodes": 3},
        "max_nodes is 3; it must be at least 4 and at most 450. ",
    ),
    "logs of the control plane kept for ever": (
        AgentCluster,
        {"log_retention_days": 9999},
        "log_retention_days is 9999; CloudWatch keeps logs for one of ",
    ),
    "a cluster that is there, without a way into it": (
        AgentCluster,
        {"boundary_arn": None, "existing": {"name": "theirs"}},
        "existing.kubeconfig is None; it is required. Name the cluster as EKS does, and give a kubeconfig",
    ),
    "a public address for a cluster that is there": (
        AgentCluster,
        {**THEIRS, "public_access": True},
        "public_access is True; the cluster is there already. ",
    ),
    "addresses of AWS that are none": (
        AgentCluster,
        {"aws_cidr_blocks": ["everywhere"]},
        "aws_cidr_blocks is 'everywhere'; that is no block of addresses. Write 203.0.113.0/24.",
    ),
    "a misspelt input of a cluster": (
        AgentCluster,
        {"operator": ["keda"], "tags": TAGS},
        "operator is ['keda']; there is no such input. Known are: admin_arns, ",
    ),
    # Agents.
    "pods without tokens": (
        EksAgent,
        {"jwt": None},
        "jwt is None; it is required. Pods let callers in by their tokens: say whose.",
    ),
    "a gateway without a name": (
        EksAgent,
        {"gateway": {"namespace": "gateways"}},
        "gateway.name is None; that is no name of Kubernetes. Name the Gateway.",
    ),
    "a gateway whose host is none": (
        EksAgent,
        {"gateway": {"name": "inner", "hostnames": ["https://agents"]}},
        "gateway.hostnames is 'https://agents'; that is no host name. Write agents.example.com.",
    ),
    "a misspelt field of a gateway": (
        EksAgent,
        {"gateway": {"name": "inner", "host": "a"}},
        "gateway.host is 'a'; there is no such input. ",
    ),
    "a destination by its name": (
        EksAgent,
        {"destinations": [{"cidr_block": "models.example.com"}]},
        "destinations[0] is {'cidr_block': 'models.example.com'}; a destination is a block of addresses. ",
    ),
    "a destination's port that is none": (
        EksAgent,
        {"destinations": [{"cidr_block": "203.0.113.0/24", "port": 0}]},
        "destinations[0].port is 0; a port is 1 to 65535. Omit it for 443.",
    ),
    "a misspelt field of a destination": (
        EksAgent,
        {"destinations": [{"cidr_block": "203.0.113.0/24", "ports": [1]}]},
        "destinations[0].ports is [1]; there is no such field. Known: cidr_block, port.",
    ),
    "a namespace that Kubernetes does not take": (
        EksAgent,
        {"namespace": "Agents"},
        "namespace is 'Agents'; a namespace is 1 to 63 lower-case letters, digits and dashes. Write",
    ),
    "a workload that is none": (
        EksAgent,
        {"workload": "deployment"},
        "workload is 'deployment'; it is one of stateful_set, sandbox, rollout. Omit it for a StatefulSet.",
    ),
    "two pods of a sandbox": (
        EksAgent,
        {"workload": "sandbox", "max_pods": 2},
        "max_pods is 2; it must be at least 1 and at most 1. A sandbox is one pod; ",
    ),
    "a disk of a rollout": (
        EksAgent,
        {"workload": "rollout", "volume_gb": 1},
        "volume_gb is 1; it must be at least 0 and at most 0. A Rollout's pods have no disk of their own",
    ),
    "a disk larger than disks are": (
        EksAgent,
        {"volume_gb": 16_385},
        "volume_gb is 16385; it must be at least 0 and at most 16384. ",
    ),
    "fewer pods at most than at least": (
        EksAgent,
        {"min_pods": 3, "max_pods": 2},
        "min_pods is 3; it must be at least 0 and at most 2. ",
    ),
    "a step of two hours": (
        EksAgent,
        {"longest_step_seconds": 7_200},
        "longest_step_seconds is 7200; it must be more than 0 and at most 3600. A longer step had better be",
    ),
    "a caller that waits for six minutes": (
        EksAgent,
        {"turn_timeout_seconds": 301},
        "turn_timeout_seconds is 301; it must be at least 1 and at most 300. ",
    ),
    "no run at once in a pod": (
        EksAgent,
        {"pod_concurrency": 0},
        "pod_concurrency is 0; it must be at least 1 and at most 100. More runs at once take more pods.",
    ),
    "no session for a pod": (
        EksAgent,
        {"sessions_per_pod": 0},
        "sessions_per_pod is 0; it must be more than 0 and at most 10000. ",
    ),
    "less memory than Python takes": (
        EksAgent,
        {"memory_mb": 32},
        "memory_mb is 32; it must be at least 64 and at most 393216. Give MB.",
    ),
    "an image of a pod by its tag": (
        EksAgent,
        {"releases": [{"source": "SOURCE", "image": "agents/handbook:v1"}]},
        "releases[0].image is 'agents/handbook:v1'; an image is pinned by its digest",
    ),
    "a secret as a variable of a pod": (
        EksAgent,
        {"secret_variables": {"API_KEY": "api-key"}},
        "secret_variables is {'API_KEY': 'api-key'}; there is no such input. Known are: ",
    ),
}
