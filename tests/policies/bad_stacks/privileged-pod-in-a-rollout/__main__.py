import pulumi_kubernetes as kubernetes

LABELS = {"app.kubernetes.io/name": "handbook", "agent": "handbook"}
IMAGE = f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/handbook@sha256:{'a' * 64}"

kubernetes.apiextensions.CustomResource(
    "handbook",
    api_version="argoproj.io/v1alpha1",
    kind="Rollout",
    metadata={"name": "handbook", "namespace": "agents", "labels": LABELS},
    spec={
        "replicas": 2,
        "revisionHistoryLimit": 3,
        "selector": {"matchLabels": LABELS},
        "strategy": {
            "canary": {
                "analysis": {"templates": [{"templateName": "handbook"}], "startingStep": 1},
                "steps": [
                    {"setWeight": 5},
                    {"pause": {"duration": "48h"}},
                    {"setWeight": 25},
                    {"pause": {"duration": "24h"}},
                    {"setWeight": 100},
                ],
            }
        },
        "template": {
            "metadata": {"labels": LABELS},
            "spec": {
                "serviceAccountName": "handbook",
                "automountServiceAccountToken": False,
                "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [
                    {
                        "name": "agent",
                        "image": IMAGE,
                        "securityContext": {
                            "privileged": True,
                            "allowPrivilegeEscalation": True,
                            "readOnlyRootFilesystem": True,
                            "capabilities": {"drop": ["ALL"]},
                        },
                        "resources": {
                            "requests": {"cpu": "250m", "memory": "512Mi"},
                            "limits": {"cpu": "1", "memory": "512Mi"},
                        },
                        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}},
                        "livenessProbe": {"httpGet": {"path": "/alive", "port": 8080}},
                    }
                ],
            },
        },
    },
)
kubernetes.networking.v1.NetworkPolicy(
    "handbook-network",
    metadata={"name": "handbook", "namespace": "agents"},
    spec={"podSelector": {"matchLabels": LABELS}, "policyTypes": ["Ingress", "Egress"]},
)
