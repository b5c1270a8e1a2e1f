"""Whether a function lets EventBridge call it for a rule.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html: an Allow in the policy of
the function for the service, with the rule as its source.
"""

from embedded_aws.authorizer import sources
from embedded_aws.authorizer.conditions import UnclearCondition
from embedded_aws.authorizer.statements import Statement, UnreadablePolicy, read

_SERVICE = "events.amazonaws.com"
_ACTION = "lambda:InvokeFunction"
_Context = dict[str, tuple[str, ...]]


def permits(function_arn: str, rule_arn: str) -> bool:
    """`function_arn` has the qualifier that the target names: a statement for another does not count."""
    context = {
        "aws:sourcearn": (rule_arn,),
        "aws:sourceaccount": (rule_arn.split(":")[4],),
        "aws:principalisawsservice": ("true",),
    }
    try:
        statements = [s for text in sources.resource_policies(function_arn) for s in read(text)]
    except UnreadablePolicy:
        return False
    found = [s for s in statements if s.covers(_ACTION, function_arn, context) and _applies(s, context)]
    return bool(found) and all(statement.allows for statement in found)


def _applies(statement: Statement, context: _Context) -> bool:
    """What cannot be judged refuses: such a Deny applies, such an Allow does not."""
    named = statement.principals or {}
    if _SERVICE not in named.get("Service", ()) and "*" not in named.get("AWS", ()):
        return False
    try:
        return statement.holds(context)
    except UnclearCondition:
        return not statement.allows
