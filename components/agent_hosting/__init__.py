"""Pulumi components that host AI agents on AWS."""

from agent_hosting._agent_args import AgentArgs
from agent_hosting._audit_trail import AuditLock
from agent_hosting._cluster_args import AgentClusterArgs, ChartArgs, ExistingClusterArgs, Nodes
from agent_hosting._ecs_args import EcsAgentArgs
from agent_hosting._eks_analysis import AnalysisArgs
from agent_hosting._eks_args import EksAgentArgs
from agent_hosting._eks_limits import DestinationArgs, GatewayArgs, Workload
from agent_hosting._eks_operators import Operator
from agent_hosting._lambda_args import LambdaAgentArgs
from agent_hosting._observe import ObserveArgs, TracesArgs
from agent_hosting._releases import Release
from agent_hosting._rollout_plan import (
    RolloutArgs,
    RolloutLimitsArgs,
    RolloutStepArgs,
    ShadowArgs,
    ThresholdArgs,
)
from agent_hosting._spend import RunCapsArgs, SpendArgs, WindowCapsArgs
from agent_hosting._tool_declarations import GatewayCallerArgs, GatewayToolArgs
from agent_hosting._tool_gateway_args import ToolGatewayArgs, ToolGatewayReference
from agent_hosting.agent import Agent
from agent_hosting.agent_budget import AgentBudget, AgentBudgetArgs
from agent_hosting.agent_bundle import AgentBundle, AgentBundleArgs, ModelArgs
from agent_hosting.agent_cluster import AgentCluster, ClusterReference
from agent_hosting.agent_identity import AgentIdentity, AgentIdentityArgs
from agent_hosting.agent_network import AgentNetwork, AgentNetworkArgs
from agent_hosting.agent_platform import (
    AgentPlatform,
    AgentPlatformArgs,
    NetworkReference,
    PlatformReference,
)
from agent_hosting.agent_watch import AgentWatch, AgentWatchArgs, WatchAlarmsArgs
from agent_hosting.canary_traffic import CanaryTraffic, CanaryTrafficArgs
from agent_hosting.checkpoint_table import CheckpointTable, CheckpointTableArgs
from agent_hosting.ecs_agent import EcsAgent
from agent_hosting.eks_agent import EksAgent
from agent_hosting.front_door import DoorFunction, FrontDoor, FrontDoorArgs, JwtArgs
from agent_hosting.hosting import Host, RunProfile
from agent_hosting.lambda_agent import LambdaAgent
from agent_hosting.rollout_group import RolloutGroup, RolloutGroupArgs, RolloutMember
from agent_hosting.run_queue import RunQueue, RunQueueArgs
from agent_hosting.secret_scope import SecretScope, SecretScopeArgs
from agent_hosting.tool_gateway import ToolGateway, reference_to_tools

__all__ = [
    "Agent",
    "AgentArgs",
    "AgentBudget",
    "AgentBudgetArgs",
    "AgentBundle",
    "AgentBundleArgs",
    "AgentCluster",
    "AgentClusterArgs",
    "AgentIdentity",
    "AgentIdentityArgs",
    "AgentNetwork",
    "AgentNetworkArgs",
    "AgentPlatform",
    "AgentPlatformArgs",
    "AgentWatch",
    "AgentWatchArgs",
    "AnalysisArgs",
    "AuditLock",
    "CanaryTraffic",
    "CanaryTrafficArgs",
    "ChartArgs",
    "CheckpointTable",
    "CheckpointTableArgs",
    "ClusterReference",
    "DestinationArgs",
    "DoorFunction",
    "EcsAgent",
    "EcsAgentArgs",
    "EksAgent",
    "EksAgentArgs",
    "ExistingClusterArgs",
    "FrontDoor",
    "FrontDoorArgs",
    "GatewayArgs",
    "GatewayCallerArgs",
    "GatewayToolArgs",
    "Host",
    "JwtArgs",
    "LambdaAgent",
    "LambdaAgentArgs",
    "ModelArgs",
    "NetworkReference",
    "Nodes",
    "ObserveArgs",
    "Operator",
    "PlatformReference",
    "Release",
    "RolloutArgs",
    "RolloutGroup",
    "RolloutGroupArgs",
    "RolloutLimitsArgs",
    "RolloutMember",
    "RolloutStepArgs",
    "RunCapsArgs",
    "RunProfile",
    "RunQueue",
    "RunQueueArgs",
    "SecretScope",
    "SecretScopeArgs",
    "ShadowArgs",
    "SpendArgs",
    "ThresholdArgs",
    "ToolGateway",
    "ToolGatewayArgs",
    "ToolGatewayReference",
    "TracesArgs",
    "WatchAlarmsArgs",
    "WindowCapsArgs",
    "Workload",
    "reference_to_tools",
]
