"""Whether a topic or a function lets CloudWatch act for an alarm.

- Topics: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
- Keys of topics: https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
- Functions: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html
"""

from embedded_aws.authorizer import sources
from embedded_aws.authorizer.conditions import UnclearCondition
from embedded_aws.authorizer.encryption import with_keys
from embedded_aws.authorizer.needs import Need
from embedded_aws.authorizer.statements import Statement, UnreadablePolicy, read

_TOPICS = "cloudwatch.amazonaws.com"
_FUNCTIONS = "lambda.alarms.cloudwatch.amazonaws.com"
_Context = dict[str, tuple[str, ...]]


def topic_problem(topic_arn: str, alarm_arn: str) -> str | None:
    """Why the alarm may not publish; None if it may."""
    topic = sources.topic(topic_arn)
    if topic is None:
        return "Topic does not exist"
    publish = Need("sns:Publish", topic_arn)
    if not _permits(_TOPICS, publish, alarm_arn):
        return _refused(publish)
    if not topic.kms_master_key_id:
        return None
    region = topic_arn.split(":")[3]
    used = with_keys([publish], region, "Publish", {})[1:]
    # The policy of the key that AWS manages cannot be changed, and names no service.
    if not used or not all(_permits(_TOPICS, need, alarm_arn) for need in used):
        return "CloudWatch Alarms does not have authorization to access the SNS topic encryption key."
    return None


def function_problem(function_arn: str, alarm_arn: str) -> str | None:
    """`function_arn` has the qualifier that the action names: a statement for another does not count."""
    invoke = Need("lambda:InvokeFunction", function_arn)
    return None if _permits(_FUNCTIONS, invoke, alarm_arn) else _refused(invoke)


def _refused(need: Need) -> str:
    return (
        f"CloudWatch Alarms is not authorized to perform: {need.action} on the resource {need.resource} "
        f"because no resource-based policy allows the {need.action} action"
    )


def _permits(service: str, need: Need, alarm_arn: str) -> bool:
    account = alarm_arn.split(":")[4]
    context = {
        **need.context,
        "aws:sourcearn": (alarm_arn,),
        "aws:sourceaccount": (account,),
        # The older name of it, which a topic's default policy asks for.
        "aws:sourceowner": (account,),
        "aws:principalisawsservice": ("true",),
        "aws:principalservicename": (service,),
        "aws:securetransport": ("true",),
    }
    try:
        statements = [s for text in sources.resource_policies(need.resource) for s in read(text)]
    except UnreadablePolicy:
        return False
    covering = [s for s in statements if s.covers(need.action, need.resource, context)]
    found = [statement for statement in covering if _applies(statement, service, context)]
    return bool(found) and all(statement.allows for statement in found)


def _applies(statement: Statement, service: str, context: _Context) -> bool:
    """What cannot be judged refuses: such a Deny applies, such an Allow does not."""
    named = statement.principals or {}
    if (service in named.get("Service", ()) or "*" in named.get("AWS", ())) == statement.not_principals:
        return False
    try:
        return statement.holds(context)
    except UnclearCondition:
        return not statement.allows
