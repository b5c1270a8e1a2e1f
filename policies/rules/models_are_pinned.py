"""AG07: a release says which model it calls, and names a version of it that stays."""

import re
from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import NotKnown
from ._runtimes import RUNTIMES, models_of, runtime

_MOVING = re.compile(r"(?:^|[-_:@/.])(?:latest|stable|default|current|newest)(?:$|[-_:@/.])", re.IGNORECASE)
_DATE = r"(?:\d{4}-\d{2}-\d{2}|\d{2}-\d{4}|\d{2}-\d{2}|\d{8}|\d{6}|\d{4})"
_PINNED = re.compile(
    rf"(?:-(?:{_DATE}|\d{{3}})(?:-preview)?(?:-v\d+)?|-v\d+(?:\.\d+)*)(?::\d+(?::\d+k)?)?$"
    r"|-\d+:\d+$"
    r"|@(?=[\w.:-]*\d)[\w.:-]+$"
    r"|^ft:[^:]+:[^:]*:[^:]*:\w+$",
    re.IGNORECASE,
)
"""A date, a numbered version, a revision or digest, or the id of what was trained once."""
_OWN = re.compile(
    r"arn:aws[\w-]*:(?:bedrock|sagemaker):[^:]*:\d*:"
    r"(?:application-inference-profile|custom-model(?:-deployment)?|imported-model|provisioned-model)/.+"
)
"""Resources of the account: each was made for one version."""


def check(resource: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for the programs that run agents, by their variables and by the manifest of the bundle that
    they name. A model that is named in the code alone is not to be seen in a stack."""
    program = runtime(resource, stack)
    if program is None:
        return
    named = [(f"{program.path}.{name}", value) for name, value in program.models()]
    for path, model in named:
        yield from _judged(model, path)
    if named:
        return
    manifest = program.manifest(stack)
    if manifest is None:
        raise NotKnown(program.path, "names no model: state MODEL_ID, so that it can be judged.")
    for model in models_of(manifest):
        yield from _judged(model.text("name"), model.at("name"))


def _judged(model: str, path: str) -> Iterable[Fail]:
    if _MOVING.search(model) or not (_OWN.fullmatch(model) or _PINNED.search(model)):
        yield Fail(f"{model or 'nothing'!r} moves to another model without a release.", path)


RULE = StackRule(
    id="AG07",
    name="models-are-pinned",
    title="Models of agents are named by a version that stays",
    why="An alias such as gpt-4o is another model one day, and nobody evaluated it.",
    remediation="End the model's name with its date or numbered version, as its provider writes it.",
    severity=Severity.HIGH,
    types=types(*RUNTIMES),
    external={"AWS Well-Architected": ("AGENTOPS02-BP03",)},
    sources=("https://docs.aws.amazon.com/bedrock/latest/userguide/models-supported.html",),
    check=check,
)
