"""What people see of an agent: alarms on what its runs are like, and a dashboard."""

from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from agent_hosting._validation import Inputs
from agent_hosting._watch_panels import WATCHED, alarm_queries, dashboard_body

LEAST_RUNS = 5
"""In five minutes: one failure in two runs would be half."""
_SHARES = ("failed_share", "tool_error_share", "context_share", "trace_quality", "escalated_share")


class WatchAlarmsArgs(TypedDict):
    """Limits beyond which people are told, each over 15 minutes. A share of 1 is never passed."""

    failed_share: NotRequired[float]
    """Most of the runs that fail, 0 to 1, beside those that ask a person. Defaults to 0.1."""
    p95_tokens: NotRequired[float]
    """Most tokens of a run, for 95 % of them. Defaults to 200000: about a whole context window."""
    tool_error_share: NotRequired[float]
    """Most of the tool calls that fail, 0 to 1. Defaults to 0.1."""
    context_share: NotRequired[float]
    """Most of the model's context window that a run uses on average, 0 to 1. Defaults to 0.9."""
    trace_quality: NotRequired[float]
    """Least share of steps whose record is whole, 0 to 1. Defaults to 0.95."""
    escalation_seconds: NotRequired[float]
    """Longest on average until a run asks a person. Defaults to 3600."""
    escalated_share: NotRequired[float]
    """Most of the runs that ask a person, 0 to 1. Defaults to 0.2."""
    mean_seconds: NotRequired[float]
    """Longest that a run takes on average. Defaults to no alarm: what is long depends on the agent."""
    cost_per_run_usd: NotRequired[float]
    """Most that a run costs on average. Defaults to no alarm; the budget's stand beside this one."""


class AgentWatchArgs(TypedDict):
    agent_name: str
    """Agent whose metrics these are."""
    alarm_topic_arn: pulumi.Input[str]
    """Topic that is told of alarms, and of their end."""
    alarms: NotRequired[WatchAlarmsArgs]
    """Limits. Defaults to the defaults of each."""
    dashboard_name: NotRequired[str]
    """Name of the dashboard, unique in the account and region; empty for none. Defaults to the agent's."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of every resource. Defaults to none."""


class AgentWatch(pulumi.ComponentResource):
    """Alarms on what an agent's runs are like, whichever release makes them, and a dashboard of it."""

    alarm_arns: pulumi.Output[dict[str, str]]
    """ARN of each alarm by the name of its limit."""
    dashboard_name: pulumi.Output[str]
    """Name of the dashboard; empty without one."""

    def __init__(self, name: str, args: AgentWatchArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        inputs = Inputs("AgentWatch", name, args)
        super().__init__("agent-hosting:index:AgentWatch", name, {}, opts)
        inputs.known(AgentWatchArgs.__annotations__)
        inputs.required("agent_name", "Name the agent whose metrics are watched.")
        inputs.required("alarm_topic_arn", "Give the topic that is told of alarms.")
        limits = _limits(args, inputs)
        child, agent = pulumi.ResourceOptions(parent=self), args["agent_name"]

        arns: dict[str, pulumi.Output[str]] = {}
        for watched in WATCHED:
            if (limit := limits.get(watched.kind)) is None:
                continue
            less_or_more = "Less" if watched.is_low_bad else "More"
            arns[watched.kind] = aws.cloudwatch.MetricAlarm(
                f"{name}-{watched.kind.replace('_', '-')}",
                alarm_description=f"{less_or_more} than {limit:g} of {agent}: {watched.title}.",
                metric_queries=alarm_queries(watched, agent, LEAST_RUNS),  # type: ignore[arg-type]
                comparison_operator="LessThanThreshold" if watched.is_low_bad else "GreaterThanThreshold",
                threshold=limit * watched.unit,
                evaluation_periods=3,
                datapoints_to_alarm=2,
                treat_missing_data="notBreaching",  # an agent that nobody calls is well
                alarm_actions=[args["alarm_topic_arn"]],
                ok_actions=[args["alarm_topic_arn"]],
                tags=args.get("tags"),
                opts=child,
            ).arn

        self.alarm_arns = pulumi.Output.all(**arns)
        self.dashboard_name = pulumi.Output.from_input("")
        if dashboard := args.get("dashboard_name", agent):
            region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self)).region
            self.dashboard_name = aws.cloudwatch.Dashboard(
                name,
                dashboard_name=dashboard,
                dashboard_body=pulumi.Output.json_dumps(
                    pulumi.Output.all(region, self.alarm_arns).apply(
                        lambda known: dashboard_body(agent, known[0], list(known[1].values()))
                    )
                ),
                opts=child,
            ).dashboard_name
        self.register_outputs({"alarm_arns": self.alarm_arns, "dashboard_name": self.dashboard_name})


def _limits(args: Any, inputs: Inputs) -> dict[str, float]:
    """Limit by kind, declared or by default. Raises `InputError`."""
    found = {watched.kind: watched.default for watched in WATCHED if watched.default is not None}
    if args.get("alarms"):
        given = inputs.inside("alarms")
        given.known(WatchAlarmsArgs.__annotations__)
        for kind in args["alarms"]:
            most = 1 if kind in _SHARES else None
            found[kind] = given.number(
                kind, 1, above=0, most=most, way_out="Omit it for the default; a share of 1 is never passed."
            )
    return found
