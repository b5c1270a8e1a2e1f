"""C03: a function runs on a runtime that AWS still mends."""

from collections.abc import Iterable
from datetime import UTC, date, datetime

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ..framework.values import NotKnown
from ._functions import is_image

_ENDS = """
nodejs24.x 2028-04-30, nodejs22.x 2027-04-30, nodejs20.x 2026-04-30, nodejs18.x 2025-09-01,
nodejs16.x 2024-06-12, nodejs14.x 2023-12-04, nodejs12.x 2023-03-31, nodejs10.x 2021-07-30,
nodejs8.10 2020-03-06, nodejs6.10 2019-08-12, nodejs4.3-edge 2020-03-05, nodejs4.3 2020-03-05,
nodejs 2016-08-30,
python3.14 2029-06-30, python3.13 2029-06-30, python3.12 2028-10-31, python3.11 2027-06-30,
python3.10 2026-10-31, python3.9 2025-12-15, python3.8 2024-10-14, python3.7 2023-12-04,
python3.6 2022-07-18, python2.7 2021-07-15,
java25 2029-06-30, java21 2029-06-30, java17.al2023 2029-06-30, java11.al2023 2029-06-30,
java8.al2023 2029-06-30, java17 2027-06-30, java11 2027-06-30, java8.al2 2027-06-30,
java8 2024-01-08,
dotnet10 2028-11-14, dotnet8 2026-11-10, dotnet6 2024-12-20, dotnetcore3.1 2023-04-03,
dotnetcore2.1 2022-01-05, dotnetcore2.0 2019-05-30, dotnetcore1.0 2019-06-27,
ruby4.0 2029-03-31, ruby3.4 2028-03-31, ruby3.3 2027-03-31, ruby3.2 2026-03-31,
ruby2.7 2023-12-07, ruby2.5 2021-07-30,
provided.al2023 2029-06-30, provided.al2 2026-07-31, provided 2024-01-08, go1.x 2024-01-08
"""
DEPRECATED_ON = {
    name: date.fromisoformat(day) for name, day in (one.split() for one in _ENDS.strip().split(","))
}
"""The day from which AWS mends a runtime no longer; of those to come, as AWS forecasts it."""


def today() -> date:
    return datetime.now(UTC).date()


def check(function: Resource) -> Iterable[Fail]:
    """Images bring their own runtime. A zip must name one; AWS has no default."""
    if is_image(function):
        return
    runtime = function.view.text("runtime")
    if not runtime:
        yield Fail("it names no runtime.", "runtime")
        return
    if (ends := DEPRECATED_ON.get(runtime)) is None:
        raise NotKnown("runtime", f"{runtime!r} is not among the runtimes that this rule knows.")
    if ends <= today():
        yield Fail(f"AWS mends {runtime} no longer since {ends}.", "runtime")


RULE = ResourceRule(
    id="C03",
    name="functions-run-on-supported-runtimes",
    title="Functions run on a runtime that AWS still mends",
    why="Holes found after a runtime's end stay open, and soon the function can no longer be updated.",
    remediation="Set runtime to one that AWS supports for longer, such as python3.13.",
    severity=Severity.MEDIUM,
    types=types("lambda/function:Function"),
    external={
        "Checkov": ("CKV_AWS_363",),
        "cdk-nag": ("AwsSolutions-L1",),
        "Security Hub": ("Lambda.2",),
    },
    sources=("https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html",),
    check=check,
)
