"""Agents whose releases advance together and fall back together."""

from collections.abc import Sequence
from typing import TypedDict

import pulumi

from agent_hosting._agent_args import AgentArgs
from agent_hosting._rollout_plan import RolloutArgs
from agent_hosting._validation import Inputs
from agent_hosting.agent import Agent
from agent_hosting.agent_platform import PlatformReference


class RolloutMember(TypedDict):
    name: str
    """Name of the agent."""
    agent: AgentArgs
    """Its inputs, without `platform`, which is the group's, and without `shares`, which a rollout moves."""


class RolloutGroupArgs(TypedDict):
    members: Sequence[RolloutMember]
    """Two agents or more, each after those that it calls."""
    platform: PlatformReference
    """Outputs of the environment's AgentPlatform: one control table holds all of their records."""


class RolloutGroup(pulumi.ComponentResource):
    """Each takes its next step once those that it calls are there, and none leaves the others behind. When
    one goes back, all that have runs or are watched go back within a minute."""

    urls: pulumi.Output[dict[str, str]]
    """Base address of each agent's HTTP API, by its name."""
    bundle_ids: pulumi.Output[dict[str, str]]
    """Bundle of each agent's newest release, by its name."""

    def __init__(self, name: str, args: RolloutGroupArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("agent-hosting:index:RolloutGroup", name, {}, opts)
        inputs = Inputs("RolloutGroup", name, args)
        inputs.known(RolloutGroupArgs.__annotations__)
        way_out = "Name each agent once, after those that it calls."
        names = [member["name"] for member in inputs.required("members", way_out)]
        if len(names) < 2 or len(names) != len(set(names)):
            raise inputs.refuse("members", names, "two different agents are needed at least", way_out)
        inputs.required("platform", "Give the outputs of the AgentPlatform.")

        # An agent that joins a group stays the resource that it was.
        child = pulumi.ResourceOptions(parent=self, aliases=[pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)])
        agents: dict[str, Agent] = {}
        for index, member in enumerate(args["members"]):
            given = AgentArgs(**member["agent"])
            for field in ("platform", "shares"):
                if given.get(field):
                    raise inputs.refuse(
                        f"members[{index}].agent.{field}", "…", "the group says it", "Leave it out."
                    )
            given["platform"] = args["platform"]
            given["rollout"] = RolloutArgs(**{**(given.get("rollout") or {}), "group": names})  # type: ignore[typeddict-item]
            agents[member["name"]] = Agent(member["name"], given, opts=child)

        self.urls = pulumi.Output.all(**{name: agent.url for name, agent in agents.items()})
        self.bundle_ids = pulumi.Output.all(**{name: agent.bundle_id for name, agent in agents.items()})
        self.register_outputs({"urls": self.urls, "bundle_ids": self.bundle_ids})
