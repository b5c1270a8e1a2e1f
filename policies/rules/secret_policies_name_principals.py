"""C28d: a secret's own policy lets nobody in whom it does not name."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._resource_policies import everyone_let_in


def check(held: Resource) -> Iterable[Fail]:
    """Answers for policies in the secret and in resources of their own. Conditions on who calls, or from
    where, narrow who is let in; one that leaves somebody out does not."""
    return everyone_let_in(held, "everyone may use the secret.")


RULE = ResourceRule(
    id="C28d",
    name="secret-policies-name-principals",
    title="Policies of secrets name principals",
    why="Whoever is let in reads the key, from whatever account, and runs models at your cost.",
    remediation="Name the roles that read it, or deny everyone else as SecretScope does.",
    severity=Severity.CRITICAL,
    types=types("secretsmanager/secret:Secret", "secretsmanager/secretPolicy:SecretPolicy"),
    sources=(
        "https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_resource-policies.html",
    ),
    check=check,
)
