"""AG03: what runs an agent states how many steps, calls and tokens a run may take, within this environment's
limits."""

import re
from collections.abc import Iterable, Iterator

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import View
from ._runtimes import RUNTIMES, Runtime, models_of, runtime

_VARIABLES = {
    "steps": re.compile(
        r"(?:^|_)MAX_(?:\w+_)?(?:STEPS|TURNS|ITERATIONS)$|(?:^|_)(?:STEP|TURN|ITERATION|RECURSION)_LIMIT$"
    ),
    "model_calls": re.compile(r"(?:^|_)MAX_(?:MODEL|LLM)_CALLS$|(?:^|_)(?:MODEL|LLM)_CALL_LIMIT$"),
    "tool_calls": re.compile(r"(?:^|_)MAX_TOOL_(?:CALLS|USES)$|(?:^|_)TOOL_CALL_LIMIT$"),
    "reply_tokens": re.compile(r"(?:^|_)MAX_(?:(?:OUTPUT|COMPLETION|NEW|REPLY|RESPONSE)_)?TOKENS$"),
    "run_tokens": re.compile(
        r"(?:^|_)TOKEN_(?:BUDGET|LIMIT)$|(?:^|_)MAX_(?:RUN|TOTAL|SESSION)_TOKENS$|(?:^|_)MAX_TOKENS_PER_RUN$"
    ),
}
_MANIFEST = {"steps": "max_steps", "model_calls": "max_model_calls"}
_NEEDED = {
    "steps": ("steps",),
    "calls of models or tools": ("model_calls", "tool_calls"),
    "tokens": ("reply_tokens", "run_tokens"),
}


def check(resource: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for the programs that run agents, by their variables and by the manifest of the bundle that
    they name. 0 in a variable mostly stands for no limit, and fails; in a manifest it stands for no call at
    all."""
    program = runtime(resource, stack)
    if program is None:
        return
    stated: set[str] = set()
    for cap, path, value, least in _caps(program, None):
        stated.add(cap)
        yield from _judged(cap, path, value, least, getattr(stack.limits, cap))
    if _missing(stated) and (manifest := program.manifest(stack)) is not None:
        for cap, path, value, least in _caps(program, manifest):
            stated.add(cap)
            yield from _judged(cap, path, value, least, getattr(stack.limits, cap))
    if _missing(stated):
        program.doubt()
    for told in _missing(stated):
        yield Fail(f"nothing caps the {told} of a run.", program.path)


def _missing(stated: set[str]) -> list[str]:
    return [told for told, caps in _NEEDED.items() if not stated & set(caps)]


def _caps(program: Runtime, manifest: View | None) -> Iterator[tuple[str, str, float | None, int]]:
    """Cap, where it is stated, its value, None where it is no number, and the least that it may be."""
    if manifest is None:
        for cap, names in _VARIABLES.items():
            for name, value in program.said(names):
                number = float(value) if re.fullmatch(r"\d{1,15}(\.0+)?", value.strip()) else None
                yield cap, f"{program.path}.{name}", number, 1
        return
    for cap, field in _MANIFEST.items():
        if manifest.says(field):
            yield cap, manifest.at(field), manifest.number(field), 0 if cap == "model_calls" else 1
    for model in models_of(manifest):
        if model.says("max_output_tokens"):
            yield "reply_tokens", model.at("max_output_tokens"), model.number("max_output_tokens"), 1


def _judged(cap: str, path: str, value: float | None, least: int, most: int) -> Iterable[Fail]:
    told = cap.replace("_", " ")
    if value is None:
        yield Fail(f"the cap of {told} is no whole number.", path)
    elif value < least:
        yield Fail(f"a cap of {value:g} {told} is none.", path)
    elif value > most:
        yield Fail(f"{value:g} {told} are allowed to a run, and {most} are the most here.", path)


RULE = StackRule(
    id="AG03",
    name="runs-of-agents-are-capped",
    title="A run of an agent has caps of steps, calls and tokens",
    why="A loop that nobody stops calls the model until the budget is spent.",
    remediation=(
        "Set max_steps and max_model_calls in agent.yaml, or variables such as MAX_STEPS, MAX_TOOL_CALLS and "
        "MAX_OUTPUT_TOKENS that the program holds to; `limits` of the pack's config are the most."
    ),
    severity=Severity.HIGH,
    types=types(*RUNTIMES),
    external={"OWASP LLM": ("LLM10",)},
    sources=("https://docs.aws.amazon.com/wellarchitected/latest/generative-ai-lens/gencost05-bp01.html",),
    check=check,
)
