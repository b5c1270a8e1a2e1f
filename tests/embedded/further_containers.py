"""Examples of ECS, ECR, Application Auto Scaling, EKS and Lambda."""

import json

from tests.embedded.further_services import (
    CONTAINERS,
    ROLE,
    TAGGED,
    Example,
    archive,
    arn_of,
    ecs_cluster,
    ecs_service,
    eks_cluster,
    group,
    network_with,
    repository,
    scaled,
    subnet,
    task,
)


def _ecr_policy(action: str) -> str:
    statement = {"Sid": "pull", "Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": [action]}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _lifecycle(kept: int) -> str:
    selection = {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": kept}
    return json.dumps({"rules": [{"rulePriority": 1, "selection": selection, "action": {"type": "expire"}}]})


EXAMPLES = (
    Example(
        "aws:ecs/cluster:Cluster",
        lambda: {
            "name": "agents",
            "settings": [{"name": "containerInsights", "value": "enabled"}],
            "tags": {"team": "a"},
        },
        {"settings": [{"name": "containerInsights", "value": "disabled"}]},
        id=arn_of,
        imported=lambda _id, state: state["name"],
    ),
    Example(
        "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders",
        lambda: {"clusterName": ecs_cluster().rsplit("/", 1)[1], "capacityProviders": ["FARGATE"]},
        {"capacityProviders": ["FARGATE", "FARGATE_SPOT"]},
        id=lambda state: "agents",
        outputs=("capacityProviders",),
    ),
    Example(
        "aws:ecs/taskDefinition:TaskDefinition",
        lambda: {
            "family": "worker",
            "containerDefinitions": CONTAINERS,
            "cpu": "256",
            "memory": "512",
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "executionRoleArn": ROLE,
            "taskRoleArn": ROLE,
            "volumes": [{"name": "scratch"}],
            "runtimePlatform": {"cpuArchitecture": "ARM64"},
        },
        TAGGED,
        id=lambda state: "worker",
        imported=lambda _id, state: state["arn"],
        outputs=("arn", "revision", "arnWithoutRevision", "family"),
    ),
    Example(
        "aws:ecs/service:Service",
        network_with(
            lambda network: {
                "name": "worker",
                "cluster": ecs_cluster(),
                "taskDefinition": task(),
                "desiredCount": 1,
                "launchType": "FARGATE",
                "networkConfiguration": {
                    "subnets": [subnet(network)],
                    "securityGroups": [group(network)],
                    "assignPublicIp": False,
                },
                "deploymentMinimumHealthyPercent": 50,
                "deploymentCircuitBreaker": {"enable": True, "rollback": True},
                "enableExecuteCommand": False,
                "propagateTags": "SERVICE",
                "waitForSteadyState": False,
                "tags": {"team": "a"},
            }
        ),
        {"desiredCount": 3},
        id=arn_of,
        imported=lambda _id, state: "agents/worker",
    ),
    Example(
        "aws:ecr/repository:Repository",
        lambda: {
            "name": "agents",
            "imageTagMutability": "IMMUTABLE",
            "imageScanningConfiguration": {"scanOnPush": True},
            "encryptionConfigurations": [{"encryptionType": "AES256"}],
            "forceDelete": True,
        },
        {"imageTagMutability": "MUTABLE"},
        id=lambda state: "agents",
        outputs=("arn", "repositoryUrl", "registryId"),
    ),
    Example(
        "aws:ecr/repositoryPolicy:RepositoryPolicy",
        lambda: {"repository": repository(), "policy": _ecr_policy("ecr:BatchGetImage")},
        {"policy": _ecr_policy("ecr:ListImages")},
        id=lambda state: "agents",
        outputs=("registryId",),
    ),
    Example(
        "aws:ecr/lifecyclePolicy:LifecyclePolicy",
        lambda: {"repository": repository(), "policy": _lifecycle(10)},
        {"policy": _lifecycle(3)},
        id=lambda state: "agents",
        outputs=("registryId",),
    ),
    Example(
        "aws:appautoscaling/target:Target",
        lambda: {
            "serviceNamespace": "ecs",
            "resourceId": ecs_service(),
            "scalableDimension": "ecs:service:DesiredCount",
            "minCapacity": 1,
            "maxCapacity": 4,
        },
        {"maxCapacity": 8},
        id=lambda state: "service/agents/worker",
        imported=lambda _id, state: "ecs/service/agents/worker/ecs:service:DesiredCount",
    ),
    Example(
        "aws:appautoscaling/policy:Policy",
        lambda: {
            **scaled(),
            "name": "backlog",
            "policyType": "TargetTrackingScaling",
            "targetTrackingScalingPolicyConfiguration": {
                "targetValue": 5,
                "scaleInCooldown": 60,
                "customizedMetricSpecification": {
                    "metricName": "Backlog",
                    "namespace": "Agents",
                    "statistic": "Average",
                    "dimensions": [{"name": "Release", "value": "a1"}],
                },
            },
        },
        {
            "targetTrackingScalingPolicyConfiguration": {
                "targetValue": 9,
                "predefinedMetricSpecification": {"predefinedMetricType": "ECSServiceAverageCPUUtilization"},
            }
        },
        id=lambda state: "backlog",
        imported=lambda _id, state: "ecs/service/agents/worker/ecs:service:DesiredCount/backlog",
        outputs=("arn", "alarmArns"),
    ),
    Example(
        "aws:appautoscaling/scheduledAction:ScheduledAction",
        lambda: {
            **scaled(),
            "name": "night",
            "schedule": "cron(0 22 * * ? *)",
            "scalableTargetAction": {"minCapacity": 0, "maxCapacity": 1},
        },
        {"schedule": "cron(0 23 * * ? *)"},
        id=lambda state: "night-ecs-service/agents/worker",
    ),
    Example(
        "aws:eks/cluster:Cluster",
        network_with(
            lambda network: {
                "name": "agents",
                "roleArn": ROLE,
                "vpcConfig": {"subnetIds": [subnet(network)], "endpointPrivateAccess": True},
                "version": "1.31",
                "accessConfig": {"authenticationMode": "API"},
                "tags": {"team": "a"},
            }
        ),
        {"enabledClusterLogTypes": ["api", "audit"]},
        id=lambda state: "agents",
        outputs=("arn", "endpoint", "status", "identities", "certificateAuthority"),
    ),
    Example(
        "aws:eks/nodeGroup:NodeGroup",
        lambda: {
            "clusterName": eks_cluster(),
            "nodeGroupName": "workers",
            "nodeRoleArn": ROLE,
            "subnetIds": ["subnet-1"],
            "scalingConfig": {"desiredSize": 1, "minSize": 1, "maxSize": 2},
            "labels": {"pool": "a", "old": "yes"},
        },
        {"labels": {"pool": "b"}},
        id=lambda state: "agents:workers",
        outputs=("arn", "status"),
    ),
    Example(
        "aws:eks/fargateProfile:FargateProfile",
        lambda: {
            "clusterName": eks_cluster(),
            "fargateProfileName": "agents",
            "podExecutionRoleArn": ROLE,
            "subnetIds": ["subnet-1"],
            "selectors": [{"namespace": "agents"}],
        },
        TAGGED,
        id=lambda state: "agents:agents",
        outputs=("arn", "status"),
    ),
    Example(
        "aws:lambda/layerVersion:LayerVersion",
        lambda: {"layerName": "shared", "code": archive(), "compatibleRuntimes": ["python3.11"]},
        id=arn_of,
        outputs=("arn", "layerArn", "version"),
    ),
)
