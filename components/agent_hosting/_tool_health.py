"""The schedule by which a tool gateway looks at its tools, and the alarms that tell of one that is down."""

from typing import Any

import pulumi
import pulumi_aws as aws

from agent_hosting._own_functions import OwnFunctions
from agent_hosting._packaging import Target
from agent_runtime.gateway.declared import TOOLS_DOWN

MINUTES = 5
"""Between two looks: two of them in a row make an alarm, so that a restart of a tool's server is none."""


def watch_tools(
    name: str,
    function: aws.lambda_.Function,
    args: Any,
    target: Target,
    log_days: int,
    topic_arn: pulumi.Input[str],
    parent: pulumi.Resource,
) -> None:
    """Calls the gateway's own function, which has the rights that calls have."""
    tags = args.get("tags")
    OwnFunctions(target, args["platform"]["boundary_arn"], log_days, tags, parent).call_each_minute(
        f"{name}-health",
        function,
        description=f"Looks at the tools of {name}",
        alarm="failures",
        alarm_description=f"The tool gateway {name} fails, or cannot look at its tools: see its log.",
        topic_arn=topic_arn,
        minutes=MINUTES,
        failing=(2, 3),
    )
    aws.cloudwatch.MetricAlarm(
        f"{name}-tools-down",
        alarm_description=f"A tool of the gateway {name} is down: the metric ToolDown says which one.",
        namespace="AgentHosting",
        metric_name=TOOLS_DOWN,
        dimensions={"gateway": name},
        statistic="Maximum",
        period=60 * MINUTES,
        evaluation_periods=2,
        threshold=1,
        comparison_operator="GreaterThanOrEqualToThreshold",
        treat_missing_data="notBreaching",
        alarm_actions=[topic_arn],
        tags=tags,
        opts=pulumi.ResourceOptions(parent=parent),
    )
