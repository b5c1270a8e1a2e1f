"""The chooser: an agent on the host that fits how long its runs last."""

from typing import NotRequired

import pulumi

from agent_hosting._validation import Inputs
from agent_hosting.hosting import Choice, Host, RunProfile, choose, misfit
from agent_hosting.lambda_agent import LambdaAgent, LambdaAgentArgs


class AgentArgs(LambdaAgentArgs):
    run_profile: NotRequired[RunProfile]
    """How long runs last and what they need. Needed unless `host` is given."""
    host: NotRequired[Host]
    """Overrides the choice. A host that cannot do what `run_profile` asks is refused."""


class Agent(pulumi.ComponentResource):
    """An agent on the host that fits its run profile; says which, and why."""

    hosting_reason: pulumi.Output[str]
    """Why this host was chosen."""
    host: pulumi.Output[str]
    """`lambda`, `ecs` or `eks`."""
    url: pulumi.Output[str]
    """Base address of the agent's HTTP API; empty without `jwt`."""
    bundle_id: pulumi.Output[str]
    """Bundle of the newest release."""
    serving: pulumi.Output[dict[str, float]]
    """Share of new runs by bundle id."""
    function_name: pulumi.Output[str]
    """Function that holds the releases of an agent on Lambda."""
    role_arn: pulumi.Output[str]
    """Role that the agent runs as."""
    log_group_name: pulumi.Output[str]
    """Where the agent logs."""
    topic_arn: pulumi.Output[str]
    """Topic of budget alerts and alarms."""
    checkpoint_table_name: pulumi.Output[str]
    """Table of the agent's runs."""
    control_table_name: pulumi.Output[str]
    """Table of releases and brakes."""

    def __init__(self, name: str, args: AgentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("agent-hosting:index:Agent", name, {}, opts)
        inputs = Inputs("Agent", name, args)
        inputs.known(AgentArgs.__annotations__)
        choice = decide(args, inputs)
        if choice.host is not Host.LAMBDA:
            raise inputs.refuse(
                "host",
                choice.host.value,
                f"this version has the host 'lambda' alone ({choice.reason})",
                "Keep runs under 29 s, or wait for it.",
            )
        given = {k: v for k, v in args.items() if k not in ("run_profile", "host")}
        hosted = LambdaAgent(name, LambdaAgentArgs(**given), opts=pulumi.ResourceOptions(parent=self))  # type: ignore[typeddict-item]

        self.hosting_reason = pulumi.Output.from_input(choice.reason)
        self.host = pulumi.Output.from_input(choice.host.value)
        self.url, self.bundle_id, self.serving = hosted.url, hosted.bundle_id, hosted.serving
        self.function_name, self.role_arn = hosted.function_name, hosted.role_arn
        self.log_group_name, self.topic_arn = hosted.log_group_name, hosted.topic_arn
        self.checkpoint_table_name, self.control_table_name = (
            hosted.checkpoint_table_name,
            hosted.control_table_name,
        )
        self.register_outputs({output: getattr(self, output) for output in Agent.__annotations__})


def decide(args: AgentArgs, inputs: Inputs) -> Choice:
    """The host by override, else by profile. Raises `InputError` for a host that cannot do it."""
    profile = args.get("run_profile")
    host = Host(args["host"]) if args.get("host") else None  # type: ignore[typeddict-item]
    if host is None and profile is None:
        raise inputs.refuse(
            "run_profile", None, "a run profile or a host is needed", "Say how long the longest run takes."
        )
    if profile is not None and host is not None:
        wrong = misfit(host, profile)
        if wrong is not None:
            raise inputs.refuse(
                f"run_profile.{wrong.field}",
                wrong.value,
                wrong.limit,
                f"The host that fits is '{wrong.fitting.value}'.",
            )
    if host is not None:
        return Choice(host, f"host: {host.value} was asked for")
    assert profile is not None
    return choose(profile)
