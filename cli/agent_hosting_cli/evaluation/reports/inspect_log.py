"""Logs of Inspect as JSON (`inspect log dump LOG`): each sample is a case, however many epochs it ran.

https://inspect.aisi.org.uk/eval-logs.html. The only scorer, or the one named `task_success`, says whether the
task was done; others count for the metric of their name.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from agent_hosting_cli.evaluation.measures import Row, mean
from agent_hosting_cli.evaluation.reports.shape import Shape, metric_name

_LETTERS: Final = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
"""Correct, partially correct, incorrect, no answer."""
_SAMPLES: Final = "a list of samples, as `inspect log dump` writes it without --header-only,"


def rows(report: Shape) -> list[Row]:
    """A row for each sample, the mean of its epochs. A log that did not end well is refused."""
    if report.at("status").value != "success":
        raise report.at("status").wrong("'success' (an evaluation that ran to its end)")
    epochs: dict[str, list[Row]] = defaultdict(list)
    for sample in report.at("samples").items(_SAMPLES):
        epochs[str(sample.at("id").value)].append(_row(sample))
    return [_mean(each) for each in epochs.values()]


def _row(sample: Shape) -> Row:
    seconds = sample.at("total_time").amount("seconds")
    latency_ms = None if seconds is None else seconds * 1000
    if "error" in sample:
        return Row({"task_success": 0.0}, latency_ms, _cost(sample))
    return Row(_scores(sample.at("scores")), latency_ms, _cost(sample))


def _scores(scores: Shape) -> dict[str, float]:
    if not isinstance(scores.value, dict) or not scores.value:
        raise scores.wrong("an object of scores by scorer")
    found: dict[str, float] = {}
    for scorer in scores.value:
        value = scores.at(scorer).at("value")
        if isinstance(value.value, dict):
            found |= value.scores()
        else:
            found[metric_name(scorer) or scorer] = _value(value)
    if "task_success" not in found:
        if len(found) != 1:
            raise scores.wrong("one scorer, or one of them named `task_success`,")
        found = {"task_success": next(iter(found.values()))}
    return found


def _value(value: Shape) -> float:
    letter = _LETTERS.get(value.value) if isinstance(value.value, str) else None
    return value.score() if letter is None else letter


def _cost(sample: Shape) -> float | None:
    usage = sample.at("model_usage")
    if not isinstance(usage.value, dict) or not usage.value:
        return None
    costs = [usage.at(model).at("total_cost").amount("US dollars") for model in usage.value]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


def _mean(epochs: Sequence[Row]) -> Row:
    names = dict.fromkeys(name for row in epochs for name in row.scores)
    scores = {name: mean([row.scores[name] for row in epochs if name in row.scores]) for name in names}
    latencies = [row.latency_ms for row in epochs if row.latency_ms is not None]
    costs = [row.cost_usd for row in epochs if row.cost_usd is not None]
    return Row(scores, mean(latencies) if latencies else None, mean(costs) if costs else None)
