"""Judges resources and stacks by the rules, and never stops at a rule that raises."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace

from .index import StackIndex
from .outcomes import Fail, Finding, Level, Outcome
from .resource import Resource, family
from .rule import EVERY, ResourceRule, Rule, StackRule
from .settings import Settings
from .values import Malformed, NotKnown
from .waivers import Waivers


class Judge:
    """Rules by the resource types that they judge, the levels of this environment, and its waivers."""

    def __init__(self, rules: Iterable[Rule], settings: Settings | None = None) -> None:
        self.rules = tuple(rules)
        self.settings = settings or Settings()
        self.waivers = Waivers(self.settings.waivers, {key for r in self.rules for key in (r.id, r.name)})
        self._resource_rules: dict[str, list[ResourceRule]] = defaultdict(list)
        self._stack_rules: dict[str, list[StackRule]] = defaultdict(list)
        for rule in self.rules:
            if self.settings.level(rule) is Level.DISABLED:
                continue
            for kind in rule.types:
                if isinstance(rule, ResourceRule):
                    self._resource_rules[family(kind)].append(rule)
                elif isinstance(rule, StackRule):
                    self._stack_rules[family(kind)].append(rule)

    def resource(self, resource: Resource) -> list[Finding]:
        """What the rules for single resources say of this one."""
        return [
            finding
            for kind in (resource.family, *EVERY)
            for rule in self._resource_rules.get(kind, ())
            for finding in self._ask(rule, resource, lambda rule=rule: rule.check(resource))
        ]

    def stack(self, resources: Iterable[Resource]) -> list[Finding]:
        """What the rules for whole stacks say, and which waivers were of no use."""
        index = StackIndex(resources, self.settings.limits)
        found = [
            finding
            for resource in index.resources
            for kind in (resource.family, *EVERY)
            for rule in self._stack_rules.get(kind, ())
            for finding in self._ask(rule, resource, lambda rule=rule, r=resource: rule.check(r, index))
        ]
        return found + self.waivers.report()

    def everything(self, resources: Iterable[Resource]) -> list[Finding]:
        """Both kinds of rules over the same resources, as a test of a stack wants them."""
        many = tuple(resources)
        return [finding for resource in many for finding in self.resource(resource)] + self.stack(many)

    def _ask(self, rule: Rule, resource: Resource, check: Callable[[], Iterable[Fail]]) -> Iterable[Finding]:
        blocks = self.settings.blocks(rule)
        blank = Finding(rule.id, rule.name, Outcome.FAIL, resource.urn, "", severity=rule.severity)
        try:
            # One by one: what was found before a value that is unknown counts all the same.
            for fail in check():
                told = replace(
                    blank,
                    urn=fail.urn or resource.urn,
                    message=fail.message,
                    path=fail.path,
                    why=rule.why,
                    remediation=rule.remediation,
                    blocks=blocks,
                )
                yield self.waivers.applied(rule, told)
        except NotKnown as unknown:
            yield replace(
                blank,
                outcome=Outcome.NOT_CHECKED,
                path=unknown.path,
                message=str(unknown),
            )
        except Malformed as wrong:
            told = replace(
                blank, message=f"{wrong}.", path=wrong.path, remediation=rule.remediation, blocks=blocks
            )
            yield self.waivers.applied(rule, told)
        except Exception as error:  # noqa: BLE001 - a rule's own fault must not hide what other rules find
            yield replace(
                blank,
                outcome=Outcome.ERROR,
                message=f"the rule failed: {type(error).__name__}: {str(error)[:300]}",
                blocks=True,
            )
