"""When a run is handed to a person, and who is told: thresholds, a topic, e-mails and a chat."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws
from pydantic import ValidationError

from agent_hosting import statements
from agent_hosting._own_functions import OwnFunctions
from agent_hosting._packaging import Target, runtime_archive
from agent_hosting._validation import Inputs
from agent_hosting.agent_budget import AgentBudget
from agent_hosting.agent_identity import AgentIdentity
from agent_hosting.agent_platform import PlatformReference
from agent_hosting.secret_scope import SecretScope
from agent_runtime.guards.thresholds import Thresholds

_SECRET = "url"  # noqa: S105  a name


class EscalateArgs(TypedDict):
    """Thresholds at which a run waits for a person, with its steps kept; approved, it may go on as long
    again."""

    max_steps: NotRequired[int]
    """Steps of one run, 1 to 10000. Defaults to none beside the manifest's own limit."""
    max_run_seconds: NotRequired[float]
    """Seconds since a run began, or since a person decided something for it. Defaults to none."""
    failed_tool_share: NotRequired[float]
    """Share of the steps without a model call that failed, more than 0 to 1. Defaults to none."""
    min_tool_calls: NotRequired[int]
    """Such steps before their share counts, from 1. Defaults to 5: one of two is no sign yet."""


class NotifyArgs(TypedDict):
    """Who is told of questions, escalations, parked runs and brakes."""

    topic_arn: NotRequired[pulumi.Input[str]]
    """A topic of your own for questions, escalations and parked runs. Omit and one is made."""
    topic_key_arn: NotRequired[pulumi.Input[str]]
    """Key of that topic, where it has one."""
    emails: NotRequired[Sequence[str]]
    """Addresses that are told of all of it, 10 at most; each has to confirm. Defaults to none."""
    webhook_url: NotRequired[pulumi.Input[str]]
    """Address of a Slack-style webhook; give it as a Pulumi secret. It costs a key of its own, one US dollar
    a month. Defaults to none."""


@dataclass(frozen=True)
class People:
    """The inputs `escalate` and `notify` of an agent, checked."""

    thresholds: Thresholds | None
    notify: NotifyArgs | None
    emails: Sequence[str]

    @classmethod
    def of(cls, args: Any, inputs: Inputs) -> "People":
        notify = args.get("notify")
        emails: list[str] = []
        if notify is not None:
            given = inputs.inside("notify")
            given.known(NotifyArgs.__annotations__)
            emails = given.emails("emails")
            if notify.get("topic_key_arn") is not None and notify.get("topic_arn") is None:
                raise given.refuse(
                    "topic_key_arn", "…", "it is the key of `topic_arn`", "Give both, or none."
                )
        return cls(_thresholds(args, inputs), notify, emails)

    def make(
        self,
        name: str,
        *,
        budget: AgentBudget,
        platform: PlatformReference,
        role_name: pulumi.Input[str],
        target: Target,
        log_days: int,
        retain: bool,
        deployer_arns: Any,
        tags: Any,
        parent: pulumi.Resource,
    ) -> dict[str, pulumi.Input[str]]:
        """What tells people, and the variables of the program that runs the agent."""
        found: dict[str, pulumi.Input[str]] = {}
        if self.thresholds is not None:
            found["AGENT_ESCALATE"] = json.dumps(self.thresholds.model_dump(exclude_none=True))
        if self.notify is None:
            return found
        child = pulumi.ResourceOptions(parent=parent)
        topic_arn, key_arn = self._topic(name, budget, tags, child)
        found["AGENT_NOTICE_TOPIC"] = topic_arn
        tells: list[statements.Statement] = [
            {"Sid": "TellPeople", "Effect": "Allow", "Action": "sns:Publish", "Resource": topic_arn}
        ]
        if key_arn is not None:
            tells.append(statements.use_key_through("sns", key_arn, ["kms:Decrypt", "kms:GenerateDataKey"]))
        policy = statements.policy(tells)
        aws.iam.RolePolicy(f"{name}-notices", role=role_name, policy=policy, opts=child)
        topics = {"notices": topic_arn, "alerts": budget.topic_arn}
        for number, address in enumerate(self.emails, 1):
            for label, topic in topics.items():
                aws.sns.TopicSubscription(
                    f"{name}-{label}-email-{number}",
                    topic=topic,
                    protocol="email",
                    endpoint=address,
                    opts=child,
                )
        if self.notify.get("webhook_url") is not None:
            own = OwnFunctions(
                target, platform["boundary_arn"], log_days, tags, parent, platform.get("key_arn")
            )
            scope: Any = {"recovery_days": 30 if retain else 0, "tags": tags}
            if deployer_arns:
                scope["deployer_arns"] = deployer_arns
            self._webhook(name, own, topics, budget.topic_arn, scope)
        return found

    def _topic(
        self, name: str, budget: AgentBudget, tags: Any, child: pulumi.ResourceOptions
    ) -> tuple[pulumi.Input[str], pulumi.Input[str] | None]:
        """The topic of notices and its key: apart from that of alerts, where the brake listens."""
        assert self.notify is not None
        given = self.notify.get("topic_arn")
        if given is not None:
            return given, self.notify.get("topic_key_arn")
        topic = aws.sns.Topic(f"{name}-notices", kms_master_key_id=budget.key_arn, tags=tags, opts=child)
        aws.sns.TopicPolicy(
            f"{name}-notices-policy",
            arn=topic.arn,
            policy=statements.policy([statements.tls_only("sns:Publish", topic.arn)]),
            opts=child,
        )
        return topic.arn, budget.key_arn

    def _webhook(
        self,
        agent: str,
        own: OwnFunctions,
        topics: dict[str, Any],
        alarm_topic_arn: pulumi.Input[str],
        scope_args: Any,
    ) -> None:
        """A function that alone reads the address, called by both topics; an alarm tells where it fails."""
        assert self.notify is not None
        name, child = f"{agent}-webhook", pulumi.ResourceOptions(parent=own.parent)
        role = AgentIdentity(name, {"boundary_arn": own.boundary_arn, "tags": own.tags}, opts=child)
        scope = SecretScope(
            name,
            {
                **scope_args,
                "reader_role_arn": role.role_arn,
                "secrets": {_SECRET: self.notify["webhook_url"]},  # type: ignore[typeddict-item]
            },
            opts=child,
        )
        secret_arn = scope.secret_arns.apply(lambda arns: arns[_SECRET])
        function = own.make(
            name,
            description=f"Tells a chat of what waits for a person in agent {agent}",
            module="hosts.webhook",
            rights=lambda log: [
                statements.write_logs(log.arn),
                statements.trace(),
                statements.read_secrets(scope.secret_arns.apply(lambda arns: [arns[_SECRET]])),
                statements.use_key_through("secretsmanager", scope.key_arn, ["kms:Decrypt"]),
            ],
            variables={"AGENT_WEBHOOK_SECRET": secret_arn},
            seconds=40,
            at_once=2,
            archive=runtime_archive(),
            memory_mb=256,
            role=role,
        )
        aws.lambda_.FunctionEventInvokeConfig(
            f"{name}-async",
            function_name=function.name,
            maximum_retry_attempts=2,
            maximum_event_age_in_seconds=3600,
            opts=child,
        )
        for label, topic in topics.items():
            allowed = aws.lambda_.Permission(
                f"{name}-{label}-permission",
                function=function.name,
                action="lambda:InvokeFunction",
                principal="sns.amazonaws.com",
                source_arn=topic,
                opts=child,
            )
            aws.sns.TopicSubscription(
                f"{name}-{label}",
                topic=topic,
                protocol="lambda",
                endpoint=function.arn,
                opts=pulumi.ResourceOptions(parent=own.parent, depends_on=[allowed]),
            )
        aws.cloudwatch.MetricAlarm(
            f"{name}-errors",
            alarm_description=f"The webhook of {agent} takes no messages: look at its approvals yourself.",
            namespace="AWS/Lambda",
            metric_name="Errors",
            dimensions={"FunctionName": function.name},
            statistic="Sum",
            period=300,
            evaluation_periods=1,
            threshold=3,  # a message and its two repetitions
            comparison_operator="GreaterThanOrEqualToThreshold",
            treat_missing_data="notBreaching",
            alarm_actions=[alarm_topic_arn],
            tags=own.tags,
            opts=child,
        )


def _thresholds(args: Any, inputs: Inputs) -> Thresholds | None:
    given = args.get("escalate")
    if given is None:
        return None
    inputs.inside("escalate").known(EscalateArgs.__annotations__)
    try:
        return Thresholds.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        at = ".".join(("escalate", *(str(part) for part in first["loc"])))
        raise inputs.refuse(at, first["input"], first["msg"], "Leave it out for no bound.") from None
