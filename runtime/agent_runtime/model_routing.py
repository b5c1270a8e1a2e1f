"""Which of a bundle's models is called: rules in their order, and what is asked in its place: pure.

Imports pydantic alone: the Pulumi components read these rules too.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

TierName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
TaskName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
ONLY_TIER: Final = "default"
"""Name of the tier of a bundle that has one model."""


class RoutingRule(BaseModel):
    """A tier, and what must all hold so that it is called. A rule without conditions takes every call."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tier: TierName
    task: tuple[TaskName, ...] = ()
    """Kinds of task, as the agent names them in `run.model(task=...)`; one of them is enough."""
    input_tokens_over: int | None = Field(default=None, ge=0)
    """More input than this, by the estimate that also reserves money."""
    input_tokens_up_to: int | None = Field(default=None, ge=1)
    """No more input than this."""
    budget_left_under: float | None = Field(default=None, gt=0, le=1, allow_inf_nan=False)
    """Less than this share is left of the tightest cap on what the run, its tenant or the agent may spend."""

    @field_validator("task", mode="before")
    @classmethod
    def _one_or_many(cls, given: object) -> object:
        return (given,) if isinstance(given, str) else given

    @property
    def takes_all(self) -> bool:
        """Whether it has no condition."""
        bounds = (self.input_tokens_over, self.input_tokens_up_to, self.budget_left_under)
        return not self.task and all(bound is None for bound in bounds)

    def takes(self, task: str, input_tokens: int, budget_left: Callable[[], float]) -> bool:
        """Whether all of its conditions hold. `budget_left` is looked up only where it decides."""
        if self.task and task not in self.task:
            return False
        if self.input_tokens_over is not None and input_tokens <= self.input_tokens_over:
            return False
        if self.input_tokens_up_to is not None and input_tokens > self.input_tokens_up_to:
            return False
        return self.budget_left_under is None or budget_left() < self.budget_left_under


def choose(
    rules: Sequence[RoutingRule], task: str, input_tokens: int, budget_left: Callable[[], float]
) -> str:
    """The tier of the first rule that takes the call; the only one where there are no rules."""
    for rule in rules:
        if rule.takes(task, input_tokens, budget_left):
            return rule.tier
    return rules[-1].tier if rules else ONLY_TIER


def mistake_in(models: Mapping[str, Any], rules: Sequence[RoutingRule]) -> str | None:
    """Why `models`, specs by their tiers, and `rules` do not fit each other, in one sentence."""
    tiers = ", ".join(models)
    for name, spec in models.items():
        for other in spec.fallback:
            if other not in models or other == name or spec.fallback.count(other) > 1:
                return f"models.{name}.fallback names {other!r}; name each of the other tiers ({tiers}) once"
    for number, rule in enumerate(rules):
        if rule.tier not in models:
            return f"routing.{number}.tier is {rule.tier!r}; the tiers are {tiers}"
        if rule.takes_all != (number == len(rules) - 1):
            return (
                f"routing.{number} has {'no' if rule.takes_all else 'a'} condition: the last rule, and it "
                f"alone, takes whatever the others leave"
            )
        over, up_to = rule.input_tokens_over, rule.input_tokens_up_to
        if over is not None and up_to is not None and over >= up_to:
            return f"routing.{number} takes nothing: no input has over {over} and up to {up_to} tokens"
    if len(models) > 1 and not rules:
        return f"models has the tiers {tiers}: say in routing which is called, and end it with {{tier: ...}}"
    called = {rule.tier for rule in rules} or set(models)
    reached = called | {other for name in called if name in models for other in models[name].fallback}
    if idle := [name for name in models if name not in reached]:
        return f"models.{idle[0]} is never called: name it in routing, or in a fallback"
    return None
