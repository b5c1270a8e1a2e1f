"""Reports of pytest-json-report (https://github.com/numirias/pytest-json-report): each test is a case.

A test tells more with the fixture `json_metadata`: scores by the names of metrics, `latency_ms`, `cost_usd`
and `escalated`. How long a test took is not how long the agent did, so durations are not read.
"""

from typing import Final

from agent_hosting_cli.evaluation.measures import Row
from agent_hosting_cli.evaluation.reports.shape import Shape

_TESTS: Final = "a list of tests, as `pytest --json-report` writes it without --json-report-summary,"
_SUCCESS: Final = {"passed": 1.0, "xpassed": 1.0, "failed": 0.0, "xfailed": 0.0, "error": 0.0}
_ABOUT_RUNS: Final = ("latency_ms", "cost_usd", "escalated")


def rows(report: Shape) -> list[Row]:
    """A row for each test that was not skipped."""
    if "collectors" in report:
        for collector in report.at("collectors").items("a list of collectors"):
            if collector.at("outcome").value == "failed":
                raise collector.at("outcome").wrong("a collection that did not fail")
    found: list[Row] = []
    for test in report.at("tests").items(_TESTS):
        outcome = test.at("outcome")
        if outcome.value == "skipped":
            continue
        if outcome.value not in _SUCCESS:
            raise outcome.wrong(f"an outcome ({', '.join(_SUCCESS)}, skipped)")
        told = test.at("metadata")
        found.append(
            Row(
                {**told.scores(left_out=_ABOUT_RUNS), "task_success": _SUCCESS[str(outcome.value)]},
                told.at("latency_ms").amount("milliseconds"),
                told.at("cost_usd").amount("US dollars"),
                told.at("escalated").flag("true or false") if "escalated" in told else None,
            )
        )
    return found
