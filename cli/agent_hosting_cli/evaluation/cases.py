"""The evaluation set: one case a line, as JSON."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent_hosting_cli.evaluation.told import mistakes, short
from agent_hosting_cli.project import UserError

MOST_CASES: Final = 10_000
"""Each is a run that costs money; more of them tell a rate no better."""


class Observed(BaseModel):
    """What a run of production put out: a suggestion that a person has yet to look at."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    output: Any
    run_id: str
    bundle_id: str


class Case(BaseModel):
    """One input, and what is asked of the run that it begins."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = ""
    """Defaults to `line-N`."""
    input: dict[str, Any]
    expected: Any = None
    """What the output holds or equals; absent or null: nothing is asked of it."""
    required_tools: tuple[str, ...] = Field(default=(), max_length=100)
    must_cite: tuple[str, ...] = Field(default=(), max_length=100)
    """Names of documents."""
    tags: tuple[str, ...] = ()
    observed: Observed | None = None
    """Where the case comes from a run, by `agent-hosting samples`. Nothing is asked of it: what was right in
    it belongs into `expected`."""


@dataclass(frozen=True)
class CaseSet:
    """The cases with the hash of their file in hexadecimal."""

    cases: tuple[Case, ...]
    sha256: str


def read_cases(path: Path, tools: Collection[str] = ()) -> CaseSet:
    """The cases in `path`; `tools` are those that the manifest has.

    Raises `UserError` naming the line.
    """
    try:
        content = path.read_bytes()
        lines = content.decode().split("\n")
    except FileNotFoundError:
        raise UserError(
            f'{path} does not exist: write one case a line, such as {{"input": {{"question": "…"}}, '
            f'"expected": "…"}}, or name another file as `cases` in gates.yaml'
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as UTF-8 text: {type(error).__name__}") from None
    cases: list[Case] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if len(cases) == MOST_CASES:
            raise UserError(f"{path}:{number}: an evaluation set has at most {MOST_CASES:,} cases")
        case = _case(f"{path}:{number}", number, line, tools)
        if case.id in seen:
            raise UserError(
                f"{path}:{number}: id is {case.id!r}, which line {seen[case.id]} has; ids differ from each "
                f"other"
            )
        seen[case.id] = number
        cases.append(case)
    if not cases:
        raise UserError(f"{path} holds no case: write one a line")
    return CaseSet(tuple(cases), hashlib.sha256(content).hexdigest())


def _case(where: str, number: int, line: str, tools: Collection[str]) -> Case:
    try:
        case = Case.model_validate(json.loads(line, parse_constant=_refuse_constant))
    except ValidationError as error:
        raise UserError(mistakes(where, error, lambda place: () if place else Case.model_fields)) from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: {short(line)} is no JSON: {error}") from None
    for tool in case.required_tools:
        if tool not in tools:
            raise UserError(
                f"{where}: required_tools names {tool!r}, and agent.yaml has no such tool; it has "
                f"{', '.join(sorted(tools)) or 'none'}"
            )
    return case if case.id else case.model_copy(update={"id": f"line-{number}"})


def _refuse_constant(name: str) -> None:
    """Python reads NaN and Infinity, which JSON has not and no run can hold."""
    raise ValueError(f"{name} is no JSON")
