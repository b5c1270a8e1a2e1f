"""Scorers: each gives a case 0 to 1 for one metric, or None where it does not apply."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Protocol

from agent_hosting_cli.evaluation import settings as specs
from agent_hosting_cli.evaluation.cases import Case
from agent_hosting_cli.evaluation.results import CaseResult
from agent_hosting_cli.evaluation.scorers.judge import Ask, Judge
from agent_hosting_cli.evaluation.scorers.outputs import Completed, Exact, JsonSchema, Regex
from agent_hosting_cli.evaluation.scorers.own import Own
from agent_hosting_cli.evaluation.scorers.traces import RequiredTools, RetrievalOverlap


class Scorer(Protocol):
    """Called on several threads at once."""

    @property
    def name(self) -> str:
        """The metric that it contributes to."""
        ...

    def score(self, case: Case, result: CaseResult) -> float | None:
        """0 to 1; None where it does not apply to the case."""
        ...


def scorers_of(
    settings: specs.GateSettings, folder: Path, tools: Collection[str], ask: Callable[[], Ask]
) -> list[Scorer]:
    """The scorers of gates.yaml. `folder` is the agent's; `ask` makes what puts a question to the judge's
    model, where one is needed. Raises `UserError`."""
    made: list[Scorer] = []
    for spec in settings.scorers:
        match spec:
            case specs.CompletedSpec():
                made.append(Completed(spec.metric, spec.field))
            case specs.ExactSpec():
                made.append(Exact(spec.metric, spec.field))
            case specs.RegexSpec():
                made.append(Regex(spec.metric, spec.field, spec.pattern))
            case specs.JsonSchemaSpec():
                made.append(JsonSchema(spec.metric, spec.field, spec.json_schema))
            case specs.RetrievalOverlapSpec():
                made.append(RetrievalOverlap(spec.metric, spec.field, spec.key))
            case specs.RequiredToolsSpec():
                made.append(RequiredTools(spec.metric, tools))
            case specs.JudgeSpec():
                made.append(Judge(spec.metric, spec.field, spec.rubric, ask()))
            case specs.PythonSpec():
                made.append(Own(spec.metric, spec.function, folder / "evaluation"))
    return made


def scored(case: Case, result: CaseResult, scorers: Sequence[Scorer]) -> dict[str, float]:
    """By metric the lowest score of the case: it is as good as what is worst about it."""
    found: dict[str, float] = {}
    for scorer in scorers:
        score = scorer.score(case, result)
        if score is not None:
            found[scorer.name] = min(score, found.get(scorer.name, 1.0))
    return found
