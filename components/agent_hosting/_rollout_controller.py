"""Moves an agent's traffic to its newest release step by step, and takes it back by itself."""

from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from agent_hosting import _run_statements as runs
from agent_hosting import statements
from agent_hosting._keys import account_id
from agent_hosting._packaging import Architecture, Target, functions_archive
from agent_hosting._rollout_plan import RolloutArgs, plan_of
from agent_hosting._rollout_watch import watch, watch_drift
from agent_hosting._validation import Inputs
from agent_hosting.agent_identity import AgentIdentity
from agent_hosting.agent_platform import PlatformReference
from agent_hosting.hosting import Host
from agent_hosting.statements import Statement
from agent_runtime.rollout.plan import Plan

SECONDS = 55
"""Called each minute; two calls at once would do the same work."""


class RolloutControllerArgs(TypedDict):
    agent_name: str
    """Agent whose traffic is moved."""
    host: Host
    """Where the agent runs."""
    platform: PlatformReference
    """Outputs of the environment's AgentPlatform, which has the control table."""
    releases: Sequence[str]
    """Bundle ids of all deployed releases, oldest first."""
    variables: dict[str, pulumi.Input[str]]
    """What every program of the agent is told about its tables."""
    statements: pulumi.Input[Sequence[Statement]]
    """Rights that moving the traffic of this host takes."""
    shadow_statements: NotRequired[Sequence[Statement]]
    """Further rights that copying runs of this host takes, for a plan with a shadow."""
    topic_arn: pulumi.Input[str]
    """Who is told when the controller itself fails, and when a release drifts."""
    version_dimensions: NotRequired[dict[str, pulumi.Input[str]]]
    """Dimensions of the newest version in Lambda's own metrics. Defaults to none."""
    function_name: NotRequired[pulumi.Input[str]]
    """Function whose alias divides the calls, where `host` is `lambda`. Defaults to none."""
    unfit: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Why the environment does not give a release what it needs, by bundle id: it gets no run. Defaults to
    none."""
    rollout: NotRequired[RolloutArgs]
    """Steps, gate and limits. Defaults to those of each."""
    architecture: NotRequired[Architecture]
    """Processor. Defaults to arm64: a fifth cheaper than x86_64."""
    log_retention_days: NotRequired[int]
    """Days that logs are kept. Defaults to 90."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of every resource. Defaults to none."""


class RolloutController(pulumi.ComponentResource):
    """A function on a schedule of one minute, alarms on the newest release that call it at once, and the plan
    that it follows."""

    function_name: pulumi.Output[str]
    """The controller."""
    alarm_names: pulumi.Output[Sequence[str]]
    """Alarms on the newest release's own numbers."""

    def __init__(
        self, name: str, args: RolloutControllerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("agent-hosting:index:RolloutController", name, {}, opts)
        inputs = Inputs("RolloutController", name, args)
        inputs.known(RolloutControllerArgs.__annotations__)
        if not args["platform"].get("rollout_boundary_arn"):
            raise inputs.refuse(
                "platform.rollout_boundary_arn",
                None,
                "a rollout controller has a boundary of its own",
                "Pass all outputs of the AgentPlatform, or give `shares`, and no controller is made.",
            )
        agent, releases = args["agent_name"], list(args["releases"])
        plan = plan_of(agent, args["host"], releases, args, inputs)
        self._tags, self._child = args.get("tags"), pulumi.ResourceOptions(parent=self)
        function = self._function(name, args, inputs.log_days("log_retention_days", 90), plan)
        self._each_minute(name, agent, function)
        alarms = watch(name, plan, function, self._tags, self, args.get("version_dimensions"))
        watch_drift(name, plan, args["topic_arn"], self._tags, self)
        self._tell_of_failures(name, agent, function, args["topic_arn"])
        document = pulumi.Output.all(
            function_name=args.get("function_name") or "",
            alarms=pulumi.Output.all(*(a.name for a in alarms)),
            unfit=args.get("unfit") or {},
        ).apply(
            lambda known: plan.model_copy(
                update={
                    "function_name": known["function_name"],
                    "alarms": {releases[-1]: tuple(known["alarms"])},
                    "unfit": known["unfit"],
                }
            ).model_dump_json()
        )
        aws.dynamodb.TableItem(
            f"{name}-plan",
            table_name=args["platform"]["control_table_name"],
            hash_key="agent",
            range_key="item",
            item=pulumi.Output.json_dumps(
                {
                    "agent": {"S": agent},
                    "item": {"S": "plan"},
                    "schema_version": {"N": "1"},
                    "document": {"S": document},
                }
            ),
            opts=self._child,
        )
        self.function_name = function.name
        self.alarm_names = pulumi.Output.all(*(alarm.name for alarm in alarms)).apply(list)
        self.register_outputs({"function_name": self.function_name, "alarm_names": self.alarm_names})

    def _function(
        self, name: str, args: RolloutControllerArgs, log_days: int, plan: Plan
    ) -> aws.lambda_.Function:
        log = aws.cloudwatch.LogGroup(
            f"{name}-log", retention_in_days=log_days, tags=self._tags, opts=self._child
        )
        identity = AgentIdentity(
            name,
            {
                "boundary_arn": args["platform"]["rollout_boundary_arn"],  # type: ignore[typeddict-item]
                "statements": self._rights(name, args, log, plan),
                **({"tags": self._tags} if self._tags else {}),  # type: ignore[typeddict-item]
            },
            opts=self._child,
        )
        target = Target.of(args.get("architecture"))
        archive, sha256 = functions_archive(target)
        function = aws.lambda_.Function(
            name,
            description=f"rollout of agent {args['agent_name']}",
            code=pulumi.FileArchive(str(archive)),
            source_code_hash=sha256,
            handler="agent_runtime.hosts.controller.handler",
            runtime=target.runtime,
            architectures=[target.architecture],
            role=identity.role_arn,
            timeout=SECONDS,
            memory_size=512,
            reserved_concurrent_executions=1,
            tracing_config={"mode": "Active"},
            logging_config={"log_format": "Text", "log_group": log.name},
            environment={"variables": args["variables"]},
            tags=self._tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[identity]),
        )
        # A call that failed is not repeated: the next minute's finds what it left.
        aws.lambda_.FunctionEventInvokeConfig(
            f"{name}-async",
            function_name=function.name,
            maximum_retry_attempts=0,
            maximum_event_age_in_seconds=60,
            opts=self._child,
        )
        return function

    def _rights(
        self, name: str, args: RolloutControllerArgs, log: aws.cloudwatch.LogGroup, plan: Plan
    ) -> pulumi.Output[Any]:
        region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self)).region
        common = [
            statements.write_logs(log.arn),
            statements.trace(),
            runs.move_traffic(args["platform"]["control_table_arn"], args["agent_name"]),
            runs.read_metrics(),
            runs.read_alarms(f"{name}-", region, account_id(self)),
        ]
        if others := [member for member in plan.group if member != plan.agent]:
            common.append(runs.read_members(args["platform"]["control_table_arn"], others))
        if plan.shadow is not None:
            common += args.get("shadow_statements") or []
        return pulumi.Output.all(args["statements"], common).apply(lambda both: [*both[0], *both[1]])

    def _each_minute(self, name: str, agent: str, function: aws.lambda_.Function) -> None:
        minute = aws.cloudwatch.EventRule(
            name,
            description=f"Moves the traffic of {agent}",
            schedule_expression="rate(1 minute)",
            tags=self._tags,
            opts=self._child,
        )
        allowed = aws.lambda_.Permission(
            f"{name}-permission",
            function=function.name,
            action="lambda:InvokeFunction",
            principal="events.amazonaws.com",
            source_arn=minute.arn,
            opts=self._child,
        )
        aws.cloudwatch.EventTarget(
            f"{name}-target",
            rule=minute.name,
            arn=function.arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[allowed]),
        )

    def _tell_of_failures(
        self, name: str, agent: str, function: aws.lambda_.Function, topic_arn: pulumi.Input[str]
    ) -> None:
        aws.cloudwatch.MetricAlarm(
            f"{name}-failures",
            alarm_description=f"The rollout controller of {agent} fails: nothing goes back by itself.",
            namespace="AWS/Lambda",
            metric_name="Errors",
            dimensions={"FunctionName": function.name},
            statistic="Sum",
            period=60,
            evaluation_periods=5,
            datapoints_to_alarm=3,
            threshold=1,
            comparison_operator="GreaterThanOrEqualToThreshold",
            treat_missing_data="notBreaching",
            alarm_actions=[topic_arn],
            tags=self._tags,
            opts=self._child,
        )
