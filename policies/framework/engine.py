"""Between Pulumi's engine and the judge.

`pulumi_policy` turns a resource's properties from the wire anew for each policy that looks at it, and a
violation's level is that of its policy. So a hundred rules as a hundred policies would cost seconds, and a
rule could not be stricter in prod. Four policies, mandatory and advisory for resources and for the stack,
do: the rules behind them are found by resource type, and each message begins with its rule.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy import proxy as wire

from .judge import Judge
from .outcomes import Finding
from .resource import Resource
from .rule import Rule
from .settings import Settings
from .values import UNKNOWN

_UNKNOWN_ON_THE_WIRE = frozenset(
    value for name, value in vars(wire).items() if name.startswith("UNKNOWN_") and isinstance(value, str)
)

CONFIG = PolicyConfigSchema(
    properties={
        "environment": {"type": "string"},
        "levels": {"type": "object"},
        "waivers": {"type": "array", "items": {"type": "object"}},
    }
)


def plain(held: Any) -> Any:
    """Properties without the proxies that raise at unknown values: those become `UNKNOWN`."""
    if isinstance(held, str):
        return UNKNOWN if held in _UNKNOWN_ON_THE_WIRE else held
    if isinstance(held, Mapping):
        target: Mapping[str, Any] = held if isinstance(held, dict) else held["__target"]
        return {key: plain(value) for key, value in target.items()}
    if isinstance(held, list):
        return [plain(value) for value in held]
    if isinstance(held, wire._ListProxy):
        return [plain(value) for value in held["__target"]]
    return held


class Pack:
    """One judge for the whole run, made once the engine has told the stack's tags and the config."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self._judge: Judge | None = None
        self._advice: dict[str, list[Finding]] = {}

    def policies(self) -> list[Policy]:
        """What the engine is given. The advisory ones come second: they pass on what the first ones found."""
        told = f"{len(self.rules)} rules for stacks that host agents"
        mandatory, advisory = EnforcementLevel.MANDATORY, EnforcementLevel.ADVISORY
        return [
            ResourceValidationPolicy(
                "agent-hosting", f"{told}: what blocks.", self._resource, mandatory, config_schema=CONFIG
            ),
            ResourceValidationPolicy("agent-hosting-advice", f"{told}: advice.", self._aside, advisory),
            StackValidationPolicy("agent-hosting-stack", f"{told}: what blocks.", self._stack, mandatory),
            StackValidationPolicy("agent-hosting-stack-advice", f"{told}: advice.", self._aside, advisory),
        ]

    def _judged(self, config: Mapping[str, Any], tags: Mapping[str, str]) -> Judge:
        if self._judge is None:
            self._judge = Judge(self.rules, Settings.of(config, tags, os.environ.get("PULUMI_STACK", "")))
        return self._judge

    def _resource(self, args: ResourceValidationArgs, report: ReportViolation) -> None:
        judge = self._judged(plain(args.get_config()), args.stack_tags)
        resource = Resource(
            args.resource_type, plain(args.props), args.urn, args.name, protect=bool(args.opts.protect)
        )
        self._told(args.urn, judge.resource(resource), report)

    def _stack(self, args: StackValidationArgs, report: ReportViolation) -> None:
        judge = self._judged({}, args.stack_tags)
        self._told("", judge.stack(_of_stack(resource) for resource in args.resources), report)

    def _told(self, key: str, found: list[Finding], report: ReportViolation) -> None:
        self._advice[key] = [finding for finding in found if not finding.blocks]
        for finding in found:
            if finding.blocks:
                report(finding.line, finding.urn)

    def _aside(self, args: Any, report: ReportViolation) -> None:
        for finding in self._advice.pop(getattr(args, "urn", ""), ()):
            report(finding.line, finding.urn)


def _of_stack(held: PolicyResource) -> Resource:
    return Resource(
        held.resource_type,
        plain(held.props),
        held.urn,
        held.name,
        parent=held.parent.urn if held.parent else "",
        dependencies={
            key: tuple(other.urn for other in others) for key, others in held.property_dependencies.items()
        },
        protect=bool(held.opts.protect),
    )
