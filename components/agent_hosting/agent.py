"""The chooser: an agent on the host that fits how long its runs last."""

import math
from collections.abc import Sequence
from typing import NotRequired, TypedDict

import pulumi

from agent_hosting._names import claim
from agent_hosting._packaging import Architecture
from agent_hosting._validation import Inputs
from agent_hosting.agent_bundle import ModelArgs
from agent_hosting.agent_platform import PlatformReference
from agent_hosting.front_door import JwtArgs
from agent_hosting.hosting import Choice, Host, RunProfile, choose, misfit
from agent_hosting.lambda_agent import LambdaAgent, LambdaAgentArgs, Release


class AgentArgs(TypedDict):
    # The host's inputs are restated, not inherited: Pulumi's analyzer reads descriptions from a class's own
    # source alone, and other languages would see none.
    releases: Sequence[Release]
    """Releases, oldest first, the newest last. The newest is published; older ones stay published."""
    monthly_budget_usd: float
    """What the agent may cost in a calendar month, in US dollars."""
    alert_emails: NotRequired[Sequence[str]]
    """Who is told of spending. Defaults to nobody; the brake works all the same."""
    architecture: NotRequired[Architecture]
    """Processor. Defaults to arm64: a fifth cheaper than x86_64."""
    checkpoint_retention_days: NotRequired[int]
    """Days that a run can be asked for, 1 to 365. Defaults to 30."""
    deployer_arns: NotRequired[Sequence[str]]
    """Roles that deploy. Defaults to whoever deploys now: name them when several do."""
    environment: NotRequired[str]
    """Name of the environment, for tags and logs. Defaults to `default`."""
    jwt: NotRequired[JwtArgs]
    """Whose tokens open the HTTP API. Omit for no HTTP API: then IAM lets callers invoke the alias."""
    log_retention_days: NotRequired[int]
    """Days that logs are kept. Defaults to 90."""
    memory_mb: NotRequired[int]
    """Memory in MB, 128 to 10240, and processor with it. Defaults to 512."""
    model: NotRequired[ModelArgs]
    """Replaces the model of the agent's manifest in this environment; for a release by `source` only."""
    model_endpoint: NotRequired[str]
    """Base URL of an OpenAI-compatible server. Needed where the model's provider is `openai`."""
    platform: NotRequired[PlatformReference]
    """Outputs of the environment's AgentPlatform. Omit and the agent makes one of its own."""
    requests_per_second: NotRequired[float]
    """Steady rate of the HTTP API. Defaults to 10."""
    reserved_concurrency: NotRequired[int]
    """Turns at one time, 1 to 1000; more get 429. Defaults to 10: a flood cannot spend without bound."""
    retain_data: NotRequired[bool]
    """Whether tables and buckets outlive the stack, and deleted secrets can be had back for 30 days. Defaults
    to true: runs resume from them."""
    secrets: NotRequired[dict[str, pulumi.Input[str]]]
    """Value by name of the secrets that the manifest declares. Give values as Pulumi secrets."""
    shares: NotRequired[dict[str, float]]
    """Share of calls by bundle id; `newest` and `stable` name the newest release and the one that serves.
    Omit where the rollout controller owns them."""
    tenants: NotRequired[Sequence[str]]
    """Tenants that are let in. Defaults to every tenant that the issuer vouches for."""
    tools: NotRequired[Sequence[str]]
    """Tools of the manifest that may be used in this environment. Defaults to all of them."""
    turn_timeout_seconds: NotRequired[int]
    """Longest turn in seconds: 1 to 29 behind the HTTP API, else to 870. Defaults to 29."""
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
        inputs = Inputs("Agent", name, args)
        claim(name, inputs)
        super().__init__("agent-hosting:index:Agent", name, {}, opts)
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
        if args.get("run_profile"):
            longest = args["run_profile"]["longest_run_seconds"]  # type: ignore[typeddict-item]
            given.setdefault("turn_timeout_seconds", math.ceil(longest))  # or 100 s would be cut off at 29
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
    host = inputs.one_of("host", Host, "Omit it, and `run_profile` decides.")
    if host is None and profile is None:
        raise inputs.refuse(
            "run_profile", None, "a run profile or a host is needed", "Say how long the longest run takes."
        )
    if profile is not None:
        _check(inputs.inside("run_profile"))
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


def _check(profile: Inputs) -> None:
    profile.known(RunProfile.__annotations__)
    way_out = "Say how long the longest run takes."
    profile.required("longest_run_seconds", way_out)
    profile.number("longest_run_seconds", 0, above=0, way_out=way_out)
    profile.number(
        "peak_runs_per_minute", 60, above=0, way_out="Say how many runs begin in the busiest minute."
    )
