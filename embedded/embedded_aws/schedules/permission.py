"""Whether a function lets EventBridge call it for a rule.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html: an Allow in the policy of
the function for the service, with the rule as its source.
"""

from embedded_aws.authorizer import service_principals


def permits(function_arn: str, rule_arn: str) -> bool:
    """`function_arn` has the qualifier that the target names: a statement for another does not count."""
    context = {"aws:sourcearn": (rule_arn,), "aws:sourceaccount": (rule_arn.split(":")[4],)}
    return service_principals.permits("events.amazonaws.com", "lambda:InvokeFunction", function_arn, context)
