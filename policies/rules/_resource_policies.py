"""What a resource's own policy says of strangers and of requests without TLS.

Global condition keys: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

import re
from collections.abc import Collection, Iterable, Sequence

from ..framework.documents import Statement, statements
from ..framework.outcomes import Fail
from ..framework.resource import Resource
from ._cidrs import everywhere

_WHO = (
    "aws:sourcearn",
    "aws:sourceaccount",
    "aws:sourceowner",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:sourceip",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:vpcsourceip",
    "aws:principalarn",
    "aws:principalaccount",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:userid",
    "kms:calleraccount",
)
"""Keys that tell who calls, or from where."""
_IS = ("stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike", "ipaddress")


_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")


def is_narrowed(statement: Statement) -> bool:
    """Whether a condition lets in some callers alone. One that holds where its key is missing does not."""
    return any(
        operator.removeprefix("foranyvalue:") in _IS
        and bool(values)
        and not any(is_any(value) for value in values)
        for operator, _, values in statement.condition(*_WHO)
    )


def is_any(value: str) -> bool:
    """Whether a value that a condition asks for is one that a stranger has, or can give himself: a pattern of
    ARNs in any account, but for those that have none since their names are everybody's, as buckets' are."""
    if value.startswith("arn:") and ("*" in value or "?" in value):
        fields = value.split(":", 5)
        named = len(fields) == 6 and not fields[4] and bool(fields[5].strip("*/?"))
        of_account = _ACCOUNT.search(value) or (len(fields) == 6 and fields[4].isdecimal())
        return not named and not of_account
    return everywhere([value]) or not value.strip("*?:")


def deputies(statement: Statement, services: Collection[str]) -> list[str]:
    """Those of the services that it lets in for whatever customer of theirs. They say for which resource or
    account they call: https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    if not statement.allows or is_narrowed(statement):
        return []
    return [one for one in statement.principals.get("service", ()) if one in services]


def lets_everyone_in(statement: Statement) -> bool:
    return statement.allows and statement.anyone and not is_narrowed(statement)


def everyone_let_in(held: Resource, told: str) -> Iterable[Fail]:
    """A failure for each statement of the resource's policy that lets everyone in."""
    for statement in statements(held.view.value("policy"), "policy"):
        if lets_everyone_in(statement):
            yield Fail(told, statement.path)


def refuses_plain_http(held: Iterable[Statement], actions: Sequence[str], resource: str = "") -> bool:
    """Whether each of the actions is denied to everyone without TLS, on `resource` where it is known:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-securetransport
    """
    denials = [s for s in held if not s.allows and s.anyone and _asks_for_tls(s)]
    return all(
        any(s.speaks_of_action(action) and (not resource or s.speaks_of_resource(resource)) for s in denials)
        for action in actions
    )


def _asks_for_tls(statement: Statement) -> bool:
    """Any further condition would leave some requests out."""
    return [
        (operator.removesuffix("ifexists"), dict(tested)) for operator, tested in _conditions(statement)
    ] == [("bool", {"aws:securetransport": ("false",)})]


def _conditions(statement: Statement) -> Iterable[tuple[str, dict[str, tuple[str, ...]]]]:
    for operator, tested in statement.conditions.items():
        yield operator, {key: tuple(value.lower() for value in values) for key, values in tested.items()}
