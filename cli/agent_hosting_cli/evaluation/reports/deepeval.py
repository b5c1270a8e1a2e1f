"""Test runs of DeepEval (`.deepeval/.latest_test_run.json`): each test case is a case.

https://github.com/confident-ai/deepeval, deepeval/test_run/api.py.
"""

from typing import Final

from agent_hosting_cli.evaluation.measures import Row
from agent_hosting_cli.evaluation.reports.shape import Shape, metric_name

_OURS: Final = {"faithfulness": "grounding", "tool_correctness": "tool_call_accuracy"}
"""Their metrics that measure what ours are named for."""
_CASES: Final = "a list of test cases, as DeepEval writes .deepeval/.latest_test_run.json,"


def rows(report: Shape) -> list[Row]:
    """A row for each test case that was evaluated. `runDuration` and `evaluationCost` are the evaluation's
    own; the agent's are `completionTime` and `tokenCost`, where the test gave them."""
    run = report.at("testRunData") if "testRunData" in report else report
    found: list[Row] = []
    for case in run.at("testCases").items(_CASES):
        if "success" not in case:
            continue
        scores = {"task_success": float(case.at("success").flag("true or false"))}
        seconds = case.at("completionTime").amount("seconds")
        found.append(
            Row(
                scores | _scores(case),
                None if seconds is None else seconds * 1000,
                case.at("tokenCost").amount("US dollars"),
            )
        )
    return found


def _scores(case: Shape) -> dict[str, float]:
    if "metricsData" not in case:
        return {}
    found: dict[str, float] = {}
    for metric in case.at("metricsData").items("a list of metrics"):
        name = metric_name(str(metric.at("name").value))
        if name is None or "score" not in metric or metric.at("flaky").value is True:
            continue
        found[_OURS.get(name, name)] = metric.at("score").score()
    return found
