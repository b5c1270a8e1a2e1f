"""Between Pulumi's engine and the judge.

`pulumi_policy` turns a resource's properties from the wire anew for each policy that looks at it, and a
violation's level is that of its policy. So a hundred rules as a hundred policies would cost seconds, and a
rule could not be stricter in prod. Four policies, mandatory and advisory for resources and for the stack,
do: the rules behind them are found by resource type, and each message begins with its rule.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
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

from . import values
from .judge import Judge
from .outcomes import Finding
from .resource import Resource
from .rule import Rule
from .sarif import FOLDER, SarifFile, Sources
from .settings import Settings

_UNKNOWN_ON_THE_WIRE = frozenset(
    value for name, value in vars(wire).items() if name.startswith("UNKNOWN_") and isinstance(value, str)
)

CONFIG = PolicyConfigSchema(
    properties={
        "environment": {"type": "string"},
        "levels": {"type": "object"},
        "limits": {"type": "object"},
        "waivers": {"type": "array", "items": {"type": "object"}},
    }
)


def plain(held: Any) -> Any:
    """Properties without the proxies that raise at unknown values: those become `UNKNOWN`."""
    return values.plain(held, _UNKNOWN_ON_THE_WIRE, _opened)


def _opened(found: Any) -> Any:
    return found["__target"] if isinstance(found, wire._DictProxy | wire._ListProxy) else found


class Pack:
    """One judge for the whole run, made once the engine has told the stack's tags and the config."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self._judge: Judge | None = None
        self._sarif: SarifFile | None = None
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

    def _judged(self, config: Callable[[], Any], tags: Mapping[str, str]) -> Judge:
        if self._judge is None:
            self._judge = Judge(self.rules, Settings.of(config(), tags, os.environ.get("PULUMI_STACK", "")))
            self._sarif = _sarif(self.rules, os.environ)
        return self._judge

    def _resource(self, args: ResourceValidationArgs, report: ReportViolation) -> None:
        judge = self._judged(lambda: plain(args.get_config()), args.stack_tags)
        resource = Resource(
            args.resource_type, plain(args.props), args.urn, args.name, protect=bool(args.opts.protect)
        )
        self._told(args.urn, judge.resource(resource), report)

    def _stack(self, args: StackValidationArgs, report: ReportViolation) -> None:
        judge = self._judged(dict, args.stack_tags)
        self._told("", judge.stack(_of_stack(resource) for resource in args.resources), report)
        if self._sarif is not None:
            self._sarif.finish()

    def _told(self, key: str, found: list[Finding], report: ReportViolation) -> None:
        if self._sarif is not None:
            self._sarif.add(found)
        self._advice[key] = [finding for finding in found if not finding.blocks]
        for finding in found:
            if finding.blocks:
                report(finding.line, finding.urn)

    def _aside(self, args: Any, report: ReportViolation) -> None:
        for finding in self._advice.pop(getattr(args, "urn", ""), ()):
            report(finding.line, finding.urn)


def _sarif(rules: Sequence[Rule], environment: Mapping[str, str]) -> SarifFile | None:
    """The file for this stack, where the environment names a folder for it. The engine runs the pack in the
    pack's own folder, so that a path from elsewhere would lead astray."""
    if not (folder := environment.get(FOLDER)):
        return None
    if not Path(folder).is_absolute():
        raise ValueError(f"{FOLDER} is {folder!r}: give the folder's path in full, such as $PWD/{folder}.")
    stack = f"{environment.get('PULUMI_PROJECT', 'project')}.{environment.get('PULUMI_STACK', 'stack')}"
    root = environment.get("GITHUB_WORKSPACE")
    return SarifFile(Path(folder) / f"{stack}.sarif", rules, stack, Sources(Path(root) if root else None))


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
