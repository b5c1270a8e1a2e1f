"""In which environment a stack is judged, and how strictly each rule is there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from .limits import Limits
from .outcomes import Level
from .rule import Rule

RELAXED = ("local", "dev", "test", "staging")
"""Environments in which rules that are mandatory in prod advise. Any other counts as prod: a name that
nobody foresaw must not switch rules off."""


class PackConfig(BaseModel):
    """What the file given by `--policy-pack-config` may say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    environment: str = ""
    """Overrides the stack's tag `environment`."""
    levels: Mapping[str, Level] = Field(default_factory=dict[str, Level])
    """Levels by a rule's id or name, in place of its own."""
    limits: Limits = Limits()
    """What runs of agents may take at most here."""
    waivers: tuple[Mapping[str, Any], ...] = ()
    """Read one by one by `waivers`, so that a malformed one fails alone."""


@dataclass(frozen=True)
class Settings:
    """Environment, levels, waivers and limits of one run."""

    environment: str = "prod"
    levels: Mapping[str, Level] = field(default_factory=dict[str, Level])
    waivers: tuple[Mapping[str, Any], ...] = ()
    limits: Limits = field(default_factory=Limits)

    @classmethod
    def of(cls, config: Mapping[str, Any], stack_tags: Mapping[str, str], stack: str = "") -> "Settings":
        """From the pack's config, the stack's tags and its name, the first that tells counting."""
        said = PackConfig.model_validate(dict(config))
        environment = said.environment or stack_tags.get("environment") or _named(stack)
        return cls(environment, said.levels, said.waivers, said.limits)

    def level(self, rule: Rule) -> Level:
        return self.levels.get(rule.id) or self.levels.get(rule.name) or rule.level

    def blocks(self, rule: Rule) -> bool:
        level = self.level(rule)
        return level is Level.MANDATORY or (level is Level.PROD and self.environment not in RELAXED)


def _named(stack: str) -> str:
    """The environment in a stack's name: `dev` in `acme/eu-dev`; `prod` where it tells two or none."""
    told = {part for part in re.split(r"[^a-z0-9]+", stack.lower()) if part in (*RELAXED, "prod")}
    return told.pop() if len(told) == 1 else "prod"
