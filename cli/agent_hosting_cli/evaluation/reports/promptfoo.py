"""Results of promptfoo (`promptfoo eval --output results.json`): each result is a case.

https://www.promptfoo.dev/docs/configuration/outputs. Named scores (`metric:` of an assertion) count for the
metric of that name.
"""

from agent_hosting_cli.evaluation.measures import Row
from agent_hosting_cli.evaluation.reports.shape import Shape


def rows(report: Shape) -> list[Row]:
    """A row for each result. An answer from promptfoo's cache took no time and cost nothing: both are
    unknown."""
    results = report.at("results")
    if not isinstance(results.value, list):
        results = results.at("results")
    found: list[Row] = []
    for result in results.items("a list of results, as `promptfoo eval --output results.json` writes it,"):
        is_cached = result.at("response").at("cached").value is True
        success = result.at("success").flag("true or false")
        found.append(
            Row(
                {**result.at("namedScores").scores(), "task_success": float(success)},
                None if is_cached else result.at("latencyMs").amount("milliseconds"),
                None if is_cached else result.at("cost").amount("US dollars"),
            )
        )
    return found
