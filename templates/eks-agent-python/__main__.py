"""Deploys the agents that the stack's YAML in stacks/ declares, on one cluster."""

from pathlib import Path

import pulumi
from pulumi.runtime.config import CONFIG

from agent_hosting import Agent, AgentCluster, AgentClusterArgs, AgentPlatform
from agent_hosting.agent_cluster import reference_to_cluster
from agent_hosting.agent_platform import AgentPlatformArgs, reference_to
from agent_hosting.stack_config import NAMESPACE, read_stack

environment = pulumi.get_stack()
config = pulumi.Config(NAMESPACE)
stack = read_stack(environment, CONFIG.get())
platform = AgentPlatform("platform", AgentPlatformArgs(retain_data=stack.retain_data))
wanted = stack.cluster_args(platform.boundary_arn)
cluster = AgentCluster("cluster", AgentClusterArgs(**{"retain_data": stack.retain_data, **wanted}))
for name in stack.agents:
    args = stack.agent_args(name, environment, Path(__file__).parent, config)
    args["platform"], args["cluster"] = reference_to(platform), reference_to_cluster(cluster)
    agent = Agent(name, args)
    pulumi.export(name, {output: getattr(agent, output) for output in Agent.__annotations__})
