"""C36d: a REST API writes no request or answer to its log."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types


def check(methods: Resource) -> Iterable[Fail]:
    """Off by default."""
    if methods.view.view("settings").flag("dataTraceEnabled", False):
        yield Fail("whole requests and answers go to the log.", "settings.dataTraceEnabled")


RULE = ResourceRule(
    id="C36d",
    name="rest-apis-log-no-bodies",
    title="REST APIs write no request or answer to their log",
    why="Prompts, tokens and what people told the agent are then read by whoever reads logs.",
    remediation="Leave data_trace_enabled off.",
    severity=Severity.MEDIUM,
    level=Level.PROD,
    types=types("apigateway/methodSettings:MethodSettings"),
    external={"Checkov": ("CKV_AWS_276",)},
    sources=("https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html",),
    check=check,
)
