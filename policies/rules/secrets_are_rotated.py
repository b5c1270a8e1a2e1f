"""C28b: a secret changes by itself, each quarter at least."""

import re
from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._related import related

_ROTATION = "aws:secretsmanager/secretRotation:SecretRotation"
_MOST = 90
_RATE = re.compile(r"rate\((\d+) (hour|day)s?\)")
_CRON = re.compile(r"cron\(\S+ \S+ \S+ (\S+) \S+ (\S+)\)")


def check(secret: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Off unless a rotation says otherwise."""
    held = related(secret, stack, _ROTATION, by="secretId")
    if not held:
        yield Fail("nothing rotates it.")
    for rotation in held:
        rules = rotation.view.view("rotationRules")
        days = rules.number("automaticallyAfterDays") or _days(rules.text("scheduleExpression"))
        if days is None or days > _MOST:
            told = "not stated, or not understood" if days is None else f"{days:g} days"
            yield Fail(f"the time between rotations is {told}.", "rotationRules", rotation.urn)


def _days(schedule: str) -> float | None:
    """Days between two rotations; of a cron expression the longest gap between its months."""
    if rate := _RATE.fullmatch(schedule):
        return int(rate[1]) / (24 if rate[2] == "hour" else 1)
    cron = _CRON.fullmatch(schedule)
    if cron is None or cron[2] != "*":
        return None
    if cron[1] == "*":
        return 31
    if stepped := re.fullmatch(r"(?:\*|1)/(\d+)", cron[1]):
        months = list(range(1, 13, max(int(stepped[1]), 1)))
    elif re.fullmatch(r"\d+(?:,\d+)*", cron[1]):
        months = sorted({int(month) for month in cron[1].split(",")})
    else:
        return None
    # Three months count as a quarter, though some have 92 days.
    return 30 * max(after - month for month, after in zip(months, [*months[1:], months[0] + 12], strict=True))


RULE = StackRule(
    id="C28b",
    name="secrets-are-rotated",
    title="Secrets are rotated, each 90 days at least",
    why="A secret that leaked works until somebody changes it.",
    remediation="Make a SecretRotation; SecretScope does with rotation_function_arn. Waive it for keys of "
    "others that no API changes, and say who rotates them by hand.",
    severity=Severity.MEDIUM,
    types=types("secretsmanager/secret:Secret"),
    level=Level.PROD,
    external={
        "Checkov": ("CKV2_AWS_57", "CKV_AWS_304"),
        "Security Hub": ("SecretsManager.1", "SecretsManager.4"),
        "cdk-nag": ("AwsSolutions-SMG4",),
    },
    sources=("https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html",),
    check=check,
)
