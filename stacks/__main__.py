"""Deploys the agents that the stack's YAML declares, on one platform."""

from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime.config import CONFIG

from agent_hosting import Agent, AgentCluster, AgentPlatform, AgentPlatformArgs, Host, ToolGateway
from agent_hosting.agent import host_of
from agent_hosting.agent_cluster import reference_to_cluster
from agent_hosting.agent_platform import reference_to
from agent_hosting.stack_config import GATEWAY, NAMESPACE, read_stack
from agent_hosting.tool_gateway import reference_to_tools

environment, config = pulumi.get_stack(), pulumi.Config(NAMESPACE)
stack = read_stack(environment, CONFIG.get())
root = Path(__file__).parent.parent
declared = {name: stack.agent_args(name, environment, root, config) for name in stack.agents}
hosts = {name: host_of(name, args) for name, args in declared.items()}
shared: Any = {"retain_data": stack.retain_data, "tags": {"environment": environment}}
platform = AgentPlatform("platform", AgentPlatformArgs(containers=Host.ECS in hosts.values(), **shared))
cluster = None
if Host.EKS in hosts.values():
    in_cluster: Any = {**shared, **stack.cluster_args(platform.boundary_arn)}
    cluster = AgentCluster("cluster", in_cluster)
tools = stack.tool_gateway_args(root, config, reference_to(platform), shared["tags"])
gateway = ToolGateway(GATEWAY, tools) if tools else None
if gateway:
    outputs = {output: getattr(gateway, output) for output in ToolGateway.__annotations__}
    pulumi.export("tool_gateway", {"name": GATEWAY, **outputs})
for name, args in declared.items():
    if gateway and tools and name in tools["callers"]:
        args["tool_gateway"] = reference_to_tools(gateway, tools)
    args["platform"] = reference_to(platform)
    if cluster is not None and hosts[name] is Host.EKS:
        args["cluster"] = reference_to_cluster(cluster)
    agent = Agent(name, args)
    pulumi.export(name, {output: getattr(agent, output) for output in Agent.__annotations__})
