"""What one agent may spend, and the brake that stops it."""

from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from agent_hosting import statements
from agent_hosting._audit_trail import AuditTrail
from agent_hosting._budget_brake import brake_function
from agent_hosting._keys import account_id, delegate_to_account, publish_through
from agent_hosting._packaging import ARCHITECTURES_WAY_OUT, Architecture, Target
from agent_hosting._validation import Inputs
from agent_hosting.agent_platform import PlatformReference

METRIC_NAMESPACE = "AgentHosting"
MANDATORY_PERCENTS = (50, 80, 100)


class AgentBudgetArgs(TypedDict):
    agent_name: str
    """The agent whose tag `agent` the budget filters by, and whose brake it pulls."""
    monthly_budget_usd: float
    """What the agent may cost in a calendar month, in US dollars; more than 0."""
    platform: PlatformReference
    """The platform whose control table holds the brake."""
    alert_emails: NotRequired[Sequence[str]]
    """Who is told, 10 at most. Defaults to nobody: the brake is pulled all the same."""
    further_alert_percents: NotRequired[Sequence[float]]
    """Alerts beside those at 50, 80 and 100 %, which cannot be removed. Defaults to none."""
    hourly_limit_usd: NotRequired[float]
    """Model spend in one hour that pulls the brake. Defaults to 1/20 of the month: a loop is stopped in
    minutes, a busy hour is not."""
    daily_limit_usd: NotRequired[float]
    """Model spend in one day that pulls the brake. Defaults to 1/4 of the month."""
    audit_log_group_name: NotRequired[pulumi.Input[str]]
    """Log group of the audit trail, which is told when the brake is engaged. Omit for no trail; given, so are
    the next two."""
    audit_log_group_arn: NotRequired[pulumi.Input[str]]
    """ARN of that log group. Omit for no trail."""
    audit_retention_days: NotRequired[int]
    """Days that the trail's entries are kept. Defaults to 365."""
    architecture: NotRequired[Architecture]
    """Processor of the brake function. Defaults to arm64: a fifth cheaper than x86_64."""
    log_retention_days: NotRequired[int]
    """Days that the brake function's log is kept. Defaults to 365: it tells who stopped what, and when."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of every resource. Defaults to none."""


class AgentBudget(pulumi.ComponentResource):
    """A monthly budget by the agent's tag, alarms on its own spend metric, and a brake behind both."""

    topic_arn: pulumi.Output[str]
    """Topic of all alerts: subscribe a pager to it."""
    brake_function_name: pulumi.Output[str]
    """The function that engages the brake."""
    key_arn: pulumi.Output[str]
    """Key of the topic, for whoever publishes to it."""

    def __init__(self, name: str, args: AgentBudgetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("agent-hosting:index:AgentBudget", name, {}, opts)
        inputs = Inputs("AgentBudget", name, args)
        inputs.known(AgentBudgetArgs.__annotations__)
        agent = inputs.agent_name(inputs.required("agent_name", "Name the agent."), "agent_name")
        inputs.required("platform", "Make an AgentPlatform and pass its outputs.")
        inputs.required("monthly_budget_usd", "Say what the agent may cost in a month.")
        monthly = inputs.number(
            "monthly_budget_usd",
            0,
            above=0,
            way_out="A budget of 0 stops nothing: leave the agent out instead.",
        )
        hourly = inputs.number(
            "hourly_limit_usd",
            monthly / 20,
            above=0,
            most=monthly,
            way_out="Give less than the month's budget.",
        )
        daily = inputs.number(
            "daily_limit_usd",
            monthly / 4,
            above=0,
            most=monthly,
            way_out="Give less than the month's budget.",
        )
        percents = alert_percents(args.get("further_alert_percents") or [], inputs)
        emails = inputs.emails("alert_emails")
        log_days = inputs.log_days("log_retention_days", 365)
        inputs.one_of("architecture", Architecture, ARCHITECTURES_WAY_OUT)
        child = pulumi.ResourceOptions(parent=self)
        tags = args.get("tags")
        account = account_id(self)

        key = aws.kms.Key(
            f"{name}-key",
            description=f"Budget alerts of {agent}",
            enable_key_rotation=True,
            deletion_window_in_days=7,
            policy=statements.policy(
                [delegate_to_account(self)]
                + [
                    publish_through(service)
                    for service in ("budgets.amazonaws.com", "cloudwatch.amazonaws.com", "sns.amazonaws.com")
                ]
            ),
            tags=tags,
            opts=child,
        )
        topic = aws.sns.Topic(f"{name}-alerts", kms_master_key_id=key.arn, tags=tags, opts=child)
        policy = aws.sns.TopicPolicy(
            f"{name}-alerts-policy",
            arn=topic.arn,
            policy=statements.policy(_topic_policy(topic.arn, account)),
            opts=child,
        )
        aws.budgets.Budget(
            name,
            budget_type="COST",
            limit_amount=f"{monthly:.15g}",  # `:g` alone would round to six digits
            limit_unit="USD",
            time_unit="MONTHLY",
            cost_filters=[{"name": "TagKeyValue", "values": [f"user:agent${agent}"]}],
            notifications=[_alert(percent, "ACTUAL", topic.arn, emails) for percent in percents]
            + [_alert(100, "FORECASTED", topic.arn, emails)],
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        for span, seconds, limit in (("hour", 3600, hourly), ("day", 86400, daily)):
            aws.cloudwatch.MetricAlarm(
                f"{name}-spend-{span}",
                alarm_description=f"Agent {agent} spent more than {limit:g} US dollars in one {span}.",
                namespace=METRIC_NAMESPACE,
                metric_name="SpendUsd",
                dimensions={"agent": agent},
                statistic="Sum",
                period=seconds,
                evaluation_periods=1,
                threshold=limit,
                comparison_operator="GreaterThanThreshold",
                treat_missing_data="notBreaching",  # an agent that nobody asks spends nothing
                alarm_actions=[topic.arn],
                tags=tags,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
            )
        brake = brake_function(
            name,
            agent,
            args["platform"],
            Target.of(args.get("architecture")),
            topic=topic,
            publishing=policy,
            key_arn=key.arn,
            log_days=log_days,
            tags=tags,
            parent=self,
            audit=_trail(agent, args, inputs),
        )

        self.topic_arn, self.brake_function_name, self.key_arn = topic.arn, brake.name, key.arn
        self.register_outputs({output: getattr(self, output) for output in AgentBudget.__annotations__})


def _trail(agent: str, args: AgentBudgetArgs, inputs: Inputs) -> AuditTrail | None:
    name, arn = args.get("audit_log_group_name"), args.get("audit_log_group_arn")
    days = inputs.log_days("audit_retention_days", 365)
    if name is None and arn is None:
        return None
    if name is None or arn is None:
        missing = "audit_log_group_name" if name is None else "audit_log_group_arn"
        raise inputs.refuse(missing, None, "a log group has a name and an ARN", "Give both, or neither.")
    return AuditTrail(agent, days, name, arn, args["platform"]["control_table_arn"])


def alert_percents(further: Sequence[float], inputs: Inputs) -> list[float]:
    """The mandatory percents and the further ones, sorted. AWS Budgets takes 10 notifications for a budget:
    https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-sns-policy.html
    """
    for percent in further:
        if isinstance(percent, bool) or not isinstance(percent, int | float) or not 0 < percent <= 1000:
            raise inputs.refuse(
                "further_alert_percents",
                percent,
                "a percent is more than 0 and at most 1000",
                "Give 90, say.",
            )
    percents = sorted({*map(float, MANDATORY_PERCENTS), *map(float, further)})
    if len(percents) > 9:
        raise inputs.refuse(
            "further_alert_percents",
            list(further),
            "AWS Budgets takes 10 alerts, of which 4 are always there",
            "Give 6 at most.",
        )
    return percents


def _alert(percent: float, kind: str, topic_arn: pulumi.Output[str], emails: list[str]) -> Any:
    return {
        "comparison_operator": "GREATER_THAN",
        "threshold": percent,
        "threshold_type": "PERCENTAGE",
        "notification_type": kind,
        "subscriber_sns_topic_arns": [topic_arn],
        "subscriber_email_addresses": emails,
    }


def _topic_policy(topic_arn: pulumi.Output[str], account: pulumi.Output[str]) -> list[statements.Statement]:
    publishers = ("budgets.amazonaws.com", "cloudwatch.amazonaws.com")
    return [
        *(statements.publish_from(service, topic_arn, account) for service in publishers),
        statements.tls_only("sns:Publish", topic_arn),
    ]
