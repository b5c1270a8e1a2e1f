"""gates.yaml: the thresholds of an agent, and how what they are judged by is measured."""

import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from agent_hosting_cli.evaluation.told import mistakes
from agent_hosting_cli.project import UserError
from agent_runtime.bundle import ModelSpec
from agent_runtime.rollout.gates import Gate

GATES_FILE: Final = "gates.yaml"
MEASURED_ANYWAY: Final = ("p95_latency_ms", "cost_per_run_usd", "escalation_rate")
"""Metrics of the runs themselves: no scorer may take their names."""


def _is_inside(path: str) -> str:
    if not path or path.startswith(("/", "\\")) or ".." in Path(path).parts:
        raise ValueError("a path inside the agent's folder is needed")
    return path


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression of Python: {error}") from None
    return pattern


def _is_free(metric: str) -> str:
    if metric in MEASURED_ANYWAY:
        raise ValueError(f"it is measured without a scorer, as are {', '.join(MEASURED_ANYWAY)}")
    return metric


Inside = Annotated[str, AfterValidator(_is_inside)]
Pattern = Annotated[str, AfterValidator(_compiles)]
Metric = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$"), AfterValidator(_is_free)]


class _Scorer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: Metric
    """What it contributes to. A case is worth the lowest of its scores of one metric."""


class _OfField(_Scorer):
    field: str | None = None
    """Part of the output, such as `answer` or `citations.0.document`. Defaults to all of it."""


class CompletedSpec(_OfField):
    """The run is DONE and, where the case has `expected`, holds it."""

    kind: Literal["completed"]


class ExactSpec(_OfField):
    """The output equals `expected`."""

    kind: Literal["exact"]


class RegexSpec(_OfField):
    """The output matches `pattern`, or each case's `expected` as one."""

    kind: Literal["regex"]
    pattern: Pattern | None = None


class JsonSchemaSpec(_OfField):
    """The output fits a JSON schema."""

    kind: Literal["json_schema"]
    json_schema: dict[str, Any] = Field(alias="schema")


class RetrievalOverlapSpec(_Scorer):
    """Share of `must_cite` among the documents that the output cites."""

    kind: Literal["retrieval_overlap"]
    field: str = "citations"
    """List of citations: names, or objects that hold one under `key`."""
    key: str = "document"


class RequiredToolsSpec(_Scorer):
    """Share of `required_tools` that were called."""

    kind: Literal["required_tools"]


class JudgeSpec(_OfField):
    """A model's opinion from 0 to 1 by a rubric."""

    kind: Literal["judge"]
    rubric: str = Field(min_length=1)


class PythonSpec(_Scorer):
    """A function of the agent's own, from its folder `evaluation/`."""

    kind: Literal["python"]
    function: str = Field(pattern=r"^[A-Za-z_]\w*:[A-Za-z_]\w*$")
    """`module:function`; it is given the case and the result as dicts, and returns 0 to 1 or None."""


ScorerSpec = Annotated[
    CompletedSpec
    | ExactSpec
    | RegexSpec
    | JsonSchemaSpec
    | RetrievalOverlapSpec
    | RequiredToolsSpec
    | JudgeSpec
    | PythonSpec,
    Field(discriminator="kind"),
]
_SPECS: Final[dict[str, type[_Scorer]]] = {
    "completed": CompletedSpec,
    "exact": ExactSpec,
    "regex": RegexSpec,
    "json_schema": JsonSchemaSpec,
    "retrieval_overlap": RetrievalOverlapSpec,
    "required_tools": RequiredToolsSpec,
    "judge": JudgeSpec,
    "python": PythonSpec,
}


class JudgeModel(ModelSpec):
    """The model that the scorers of the kind `judge` ask."""

    endpoint: str | None = None
    """Base URL of an OpenAI-compatible server. Defaults to the agent's own."""


_DEFAULT_SCORERS: Final = (
    CompletedSpec(kind="completed", metric="task_success"),
    RetrievalOverlapSpec(kind="retrieval_overlap", metric="grounding"),
    RequiredToolsSpec(kind="required_tools", metric="tool_call_accuracy"),
)


class GateSettings(Gate):
    """The whole file: a `Gate`, and how its metrics are measured."""

    cases: Inside = "evaluation/cases.jsonl"
    """The evaluation set, relative to the agent's folder."""
    at_once: int = Field(default=8, ge=1, le=64)
    """Cases that run at a time. Defaults to 8: a run waits for its model most of the time."""
    scorers: tuple[ScorerSpec, ...] = Field(default=_DEFAULT_SCORERS, min_length=1)
    """Defaults to `completed`, `retrieval_overlap` and `required_tools`; what is given replaces them all."""
    judge: JudgeModel | None = None
    """Defaults to the agent's own model."""

    @model_validator(mode="before")
    @classmethod
    def _from_nothing(cls, value: object) -> object:
        return {} if value is None else value  # an empty file


def read_settings(folder: Path) -> GateSettings:
    """gates.yaml of the agent in `folder`; the defaults without one. Raises `UserError`."""
    path = folder / GATES_FILE
    try:
        content: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return GateSettings()
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    try:
        return GateSettings.model_validate(content)
    except ValidationError as error:
        raise UserError(mistakes(path, error, _known_at(content), _written)) from None


def _written(place: tuple[Any, ...]) -> tuple[Any, ...]:
    return place[:2] + place[3:] if place[:1] == ("scorers",) else place


def _known_at(content: Any) -> Any:
    def known(place: tuple[Any, ...]) -> list[str]:
        if not place:
            return list(GateSettings.model_fields)
        if place[0] == "thresholds":
            return ["at_least", "at_most"]
        if place[0] == "judge":
            return list(JudgeModel.model_fields)
        fields = _SPECS[content["scorers"][place[1]]["kind"]].model_fields
        return [field.alias or name for name, field in fields.items()]

    return known
