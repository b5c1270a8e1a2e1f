"""Whether a resource's policy lets an AWS service do something, such as call a function or assume a role."""

from collections.abc import Mapping

from embedded_aws.authorizer import sources
from embedded_aws.authorizer.conditions import UnclearCondition
from embedded_aws.authorizer.statements import Statement, UnreadablePolicy, read

_Context = Mapping[str, tuple[str, ...]]


def permits(service: str, action: str, resource: str, context: _Context) -> bool:
    """What cannot be read or judged refuses: such a Deny applies, such an Allow does not."""
    try:
        statements = [s for text in sources.resource_policies(resource) for s in read(text)]
    except UnreadablePolicy:
        return False
    context = {**context, "aws:principalisawsservice": ("true",)}
    found = [s for s in statements if s.covers(action, resource, context) and _applies(s, service, context)]
    return bool(found) and all(statement.allows for statement in found)


def _applies(statement: Statement, service: str, context: _Context) -> bool:
    named = statement.principals or {}
    if service not in named.get("Service", ()) and "*" not in named.get("AWS", ()):
        return False
    try:
        return statement.holds(context)
    except UnclearCondition:
        return not statement.allows
