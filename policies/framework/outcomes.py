"""What a rule can answer, and what becomes of the answer."""

from dataclasses import dataclass
from enum import Enum


class Severity(str, Enum):
    """How bad it is when the rule is broken."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Level(str, Enum):
    """Where a broken rule stops a deployment."""

    MANDATORY = "mandatory"
    PROD = "mandatory in prod"
    ADVISORY = "advisory"
    DISABLED = "disabled"


class Outcome(str, Enum):
    """What was found out. Passing leaves no trace."""

    FAIL = "fail"
    NOT_CHECKED = "not checked"
    ERROR = "error"
    WAIVED = "waived"
    WAIVER = "waiver"


@dataclass(frozen=True)
class Fail:
    """A rule's answer about a property that breaks it. `urn` names another resource than the one judged."""

    message: str
    path: str = ""
    urn: str = ""


@dataclass(frozen=True)
class Finding:
    """One line of a report."""

    rule_id: str
    rule: str
    outcome: Outcome
    urn: str
    message: str
    path: str = ""
    why: str = ""
    remediation: str = ""
    severity: Severity = Severity.HIGH
    blocks: bool = False
    """Whether the run fails."""

    @property
    def line(self) -> str:
        """Rule, resource, what, why, how to mend. Line breaks of a document stay out of it."""
        name = self.urn.rpartition("::")[2] or "the stack"
        where = f"{name}.{self.path}" if self.path else name
        parts = [f"{self.rule_id} {self.rule} [{self.outcome.value}] {where}: {self.message}"]
        parts += [part for part in (self.why, self.remediation) if part]
        return " ".join(" ".join(parts).split())
