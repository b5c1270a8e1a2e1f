"""Deploys the agents that the stack's YAML declares, on one platform."""

from pathlib import Path

import pulumi
from pulumi.runtime.config import CONFIG

from agent_hosting import Agent, AgentPlatform, Host
from agent_hosting.agent import host_of
from agent_hosting.agent_platform import reference_to
from agent_hosting.stack_config import NAMESPACE, read_stack

environment = pulumi.get_stack()
config = pulumi.Config(NAMESPACE)
stack = read_stack(environment, CONFIG.get())
root = Path(__file__).parent.parent

declared = {name: stack.agent_args(name, environment, root, config) for name in stack.agents}
containers = any(host_of(name, args) is Host.ECS for name, args in declared.items())
platform = AgentPlatform(
    "platform",
    {"containers": containers, "retain_data": stack.retain_data, "tags": {"environment": environment}},
)
for name, args in declared.items():
    args["platform"] = reference_to(platform)
    agent = Agent(name, args)
    pulumi.export(name, {output: getattr(agent, output) for output in Agent.__annotations__})
