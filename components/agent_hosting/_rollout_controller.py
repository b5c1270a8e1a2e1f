"""Moves an agent's traffic to its newest release step by step, and takes it back by itself."""

from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from agent_hosting import _run_statements as runs
from agent_hosting import statements
from agent_hosting._keys import account_id
from agent_hosting._own_functions import OwnFunctions
from agent_hosting._packaging import Architecture, Target
from agent_hosting._rollout_plan import RolloutArgs, plan_of
from agent_hosting._rollout_watch import watch, watch_drift
from agent_hosting._validation import Inputs
from agent_hosting.agent_platform import PlatformReference
from agent_hosting.hosting import Host
from agent_hosting.statements import Statement
from agent_runtime.rollout.plan import Place, Plan

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
    http_route: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Cluster, namespace and name of the route that divides calls, where `host` is `eks`. Defaults to
    none."""
    argo_rollout: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Cluster, namespace and name of the Argo Rollout that moves the traffic itself. Defaults to none."""
    network: NotRequired[dict[str, pulumi.Input[Sequence[str]]]]
    """Subnets and security groups from which that cluster is reached. Defaults to none."""
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
    role_arn: pulumi.Output[str]
    """Role that it runs as."""
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
        tags = args.get("tags")
        own = OwnFunctions(
            Target.of(args.get("architecture")),
            args["platform"]["rollout_boundary_arn"],  # type: ignore[typeddict-item]
            inputs.log_days("log_retention_days", 90),
            tags,
            self,
            args["platform"].get("key_arn"),
        )
        function = own.make(
            name,
            description=f"rollout of agent {agent}",
            module="hosts.controller",
            rights=lambda log: self._rights(name, args, log, plan),
            variables=args["variables"],
            seconds=SECONDS,
            at_once=1,
            network=_network(args.get("network")),
        )
        own.call_each_minute(
            name,
            function,
            description=f"Moves the traffic of {agent}",
            alarm="failures",
            alarm_description=f"The rollout controller of {agent} fails: nothing goes back by itself.",
            topic_arn=args["topic_arn"],
        )
        alarms = watch(name, plan, function, tags, self, args.get("version_dimensions"))
        watch_drift(name, plan, args["topic_arn"], tags, self)
        document = pulumi.Output.all(
            function_name=args.get("function_name") or "",
            alarms=pulumi.Output.all(*(a.name for a in alarms)),
            unfit=args.get("unfit") or {},
            http_route=args.get("http_route") or {},
            argo_rollout=args.get("argo_rollout") or {},
        ).apply(
            lambda known: plan.model_copy(
                update={
                    "function_name": known["function_name"],
                    "alarms": {releases[-1]: tuple(known["alarms"])},
                    "unfit": known["unfit"],
                    "http_route": _place(known["http_route"]),
                    "argo_rollout": _place(known["argo_rollout"]),
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
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.function_name, self.role_arn = function.name, function.role
        self.alarm_names = pulumi.Output.all(*(alarm.name for alarm in alarms)).apply(list)
        self.register_outputs(
            {
                "function_name": self.function_name,
                "role_arn": self.role_arn,
                "alarm_names": self.alarm_names,
            }
        )

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
        if args.get("network"):
            common.append(runs.enter_network())
        if plan.shadow is not None:
            common += args.get("shadow_statements") or []
        return pulumi.Output.all(args["statements"], common).apply(lambda both: [*both[0], *both[1]])


def _network(given: Any) -> dict[str, Any] | None:
    """As Lambda takes it."""
    return dict(given) if given else None


def _place(given: dict[str, str]) -> Place | None:
    return Place(**given) if given else None
