"""C28c: a secret that was deleted can be had back for some days."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types


def check(secret: Resource) -> Iterable[Fail]:
    """By default there are 30 days; 0 deletes at once, and AWS takes nothing between 0 and 7."""
    if secret.view.number("recoveryWindowInDays", 30) == 0:
        yield Fail("when it is deleted it is gone at once.", "recoveryWindowInDays")


RULE = ResourceRule(
    id="C28c",
    name="secrets-can-be-brought-back",
    title="Deleted secrets can be brought back for some days",
    why="A renamed resource or a mistaken destroy takes the agent's keys with it, and every run fails.",
    remediation="Leave recovery_window_in_days out, or set it to 7 to 30.",
    severity=Severity.MEDIUM,
    types=types("secretsmanager/secret:Secret"),
    level=Level.PROD,
    sources=(
        "https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_delete-secret.html",
        "https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html",
    ),
    check=check,
)
