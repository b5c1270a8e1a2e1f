"""The chooser: an agent on the host that fits how long its runs last."""

import math

import pulumi

from agent_hosting._agent_args import AgentArgs
from agent_hosting._ecs_args import EcsAgentArgs
from agent_hosting._eks_args import EksAgentArgs
from agent_hosting._lambda_args import LambdaAgentArgs
from agent_hosting._models import ModelPriceArgs
from agent_hosting._names import claim
from agent_hosting._validation import Inputs
from agent_hosting.ecs_agent import EcsAgent
from agent_hosting.eks_agent import EksAgent
from agent_hosting.hosting import Choice, Host, RunProfile, choose, misfit
from agent_hosting.lambda_agent import LambdaAgent


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
    """Function that answers a new run: on Lambda the agent itself, on ECS the one that accepts runs."""
    role_arn: pulumi.Output[str]
    """Role that the agent runs as."""
    log_group_name: pulumi.Output[str]
    """Where the agent logs."""
    topic_arn: pulumi.Output[str]
    """Topic of budget alerts and alarms."""
    checkpoint_table_name: pulumi.Output[str]
    """Table of the agent's runs."""
    checkpoint_bucket_name: pulumi.Output[str]
    """Bucket of what is too large for that table."""
    checkpoint_retention_days: pulumi.Output[int]
    """Days that runs, sessions and their memory are kept."""
    audit_log_group_name: pulumi.Output[str]
    """Log group of the audit trail."""
    audit_bucket_name: pulumi.Output[str]
    """Bucket of its locked copies."""
    audit_retention_days: pulumi.Output[int]
    """Days that it is kept."""
    model_prices: pulumi.Output[dict[str, ModelPriceArgs]]
    """What models cost here, by their names, in the place of what the bundle says."""
    audit_reviewer_policy_arn: pulumi.Output[str]
    """Managed policy for those who review the trail."""
    control_table_name: pulumi.Output[str]
    """Table of releases and brakes."""
    cluster_name: pulumi.Output[str]
    """Cluster of the workers or pods; empty on Lambda."""
    namespace: pulumi.Output[str]
    """Namespace of the pods; empty but on EKS."""
    service_names: pulumi.Output[dict[str, str]]
    """Service of the workers or pods by bundle id; none on Lambda."""
    queue_urls: pulumi.Output[dict[str, str]]
    """Queue by bundle id; none on Lambda."""
    dead_letter_queue_urls: pulumi.Output[dict[str, str]]
    """Dead-letter queue by bundle id; none on Lambda."""

    def __init__(self, name: str, args: AgentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        inputs = Inputs("Agent", name, args)
        claim(name, inputs)
        super().__init__("agent-hosting:index:Agent", name, {}, opts)
        inputs.known(AgentArgs.__annotations__)
        choice = decide(args, inputs)
        hosted = _hosted(name, args, choice.host, inputs, pulumi.ResourceOptions(parent=self))

        self.hosting_reason = pulumi.Output.from_input(choice.reason)
        self.host = pulumi.Output.from_input(choice.host.value)
        self.url, self.bundle_id, self.serving = hosted.url, hosted.bundle_id, hosted.serving
        self.function_name, self.role_arn = hosted.function_name, hosted.role_arn
        self.log_group_name, self.topic_arn = hosted.log_group_name, hosted.topic_arn
        self.checkpoint_table_name, self.control_table_name = (
            hosted.checkpoint_table_name,
            hosted.control_table_name,
        )
        self.checkpoint_bucket_name = hosted.checkpoint_bucket_name
        self.checkpoint_retention_days = hosted.checkpoint_retention_days
        self.audit_log_group_name = hosted.audit_log_group_name
        self.audit_bucket_name = hosted.audit_bucket_name
        self.audit_retention_days = hosted.audit_retention_days
        self.model_prices = hosted.model_prices
        self.audit_reviewer_policy_arn = hosted.audit_reviewer_policy_arn
        self.cluster_name = self.namespace = pulumi.Output.from_input("")
        self.service_names = self.queue_urls = self.dead_letter_queue_urls = pulumi.Output.from_input({})
        if isinstance(hosted, EksAgent):
            self.namespace = hosted.namespace
        if not isinstance(hosted, LambdaAgent):
            self.cluster_name, self.service_names = hosted.cluster_name, hosted.service_names
            self.queue_urls = hosted.queue_urls
            self.dead_letter_queue_urls = hosted.dead_letter_queue_urls
        self.register_outputs({output: getattr(self, output) for output in Agent.__annotations__})


_HOSTS = {
    Host.LAMBDA: LambdaAgentArgs.__annotations__,
    Host.ECS: EcsAgentArgs.__annotations__,
    Host.EKS: EksAgentArgs.__annotations__,
}
"""Inputs of each host."""
_OWN = ("run_profile", "host")


def _hosted(
    name: str, args: AgentArgs, host: Host, inputs: Inputs, opts: pulumi.ResourceOptions
) -> LambdaAgent | EcsAgent | EksAgent:
    """The agent on `host`. Refuses an input that only another host uses."""
    given = {key: value for key, value in args.items() if key not in _OWN}
    for key, value in given.items():
        if key not in _HOSTS[host]:
            users = " and ".join(f"'{other.value}'" for other, known in _HOSTS.items() if key in known)
            do = "do" if " and " in users else "does"
            raise inputs.refuse(
                key, value, f"the host '{host.value}' does not use it, {users} {do}", "Leave it out."
            )
    profile = args.get("run_profile")
    if host is not Host.LAMBDA:
        if profile:
            given.setdefault("longest_run_seconds", profile["longest_run_seconds"])
        if host is Host.ECS:
            return EcsAgent(name, EcsAgentArgs(**given), opts=opts)  # type: ignore[typeddict-item]
        return EksAgent(name, EksAgentArgs(**given), opts=opts)  # type: ignore[typeddict-item]
    if profile:
        longest = math.ceil(profile["longest_run_seconds"])
        given.setdefault("turn_timeout_seconds", longest)  # or 100 s would be cut off at 29
    return LambdaAgent(name, LambdaAgentArgs(**given), opts=opts)  # type: ignore[typeddict-item]


def host_of(name: str, args: AgentArgs) -> Host:
    """Where the agent `name` will run. Raises `InputError` as `Agent` does."""
    return decide(args, Inputs("Agent", name, args)).host


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
    profile.number("memory_mb", 1, above=0, way_out="Omit it where the least of a host will do.")
