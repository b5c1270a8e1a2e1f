"""Scorers that look at what a run relied on: the documents that it cites and the tools that it called."""

from collections.abc import Collection
from typing import Any

from agent_hosting_cli.evaluation.cases import Case
from agent_hosting_cli.evaluation.results import CaseResult
from agent_hosting_cli.evaluation.scorers.outputs import part


class RetrievalOverlap:
    """Share of the case's `must_cite` among the documents that the output cites."""

    def __init__(self, name: str, field: str = "citations", key: str = "document") -> None:
        self.name, self._field, self._key = name, field, key

    def score(self, case: Case, result: CaseResult) -> float | None:
        if not case.must_cite:
            return None
        wanted = set(case.must_cite)
        return len(wanted & self._cited(result.output)) / len(wanted)

    def _cited(self, output: Any) -> set[str]:
        listed = part(output, self._field)
        names = [
            one.get(self._key) if isinstance(one, dict) else one
            for one in (listed if isinstance(listed, list) else ())
        ]
        return {name for name in names if isinstance(name, str)}


class RequiredTools:
    """Share of the case's `required_tools` that were called. A step with a tool's name is a call of it."""

    def __init__(self, name: str, tools: Collection[str]) -> None:
        self.name, self._tools = name, tools

    def score(self, case: Case, result: CaseResult) -> float | None:
        if not case.required_tools:
            return None
        wanted = set(case.required_tools)
        return len(wanted & set(result.calls_of(self._tools))) / len(wanted)
