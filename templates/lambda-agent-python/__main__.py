"""Deploys the agents that the stack's YAML in stacks/ declares."""

from pathlib import Path

import pulumi
from pulumi.runtime.config import CONFIG

from agent_hosting import Agent
from agent_hosting.stack_config import NAMESPACE, read_stack

environment = pulumi.get_stack()
config = pulumi.Config(NAMESPACE)
stack = read_stack(environment, CONFIG.get())
for name in stack.agents:
    agent = Agent(name, stack.agent_args(name, environment, Path(__file__).parent, config))
    pulumi.export(name, {output: getattr(agent, output) for output in Agent.__annotations__})
