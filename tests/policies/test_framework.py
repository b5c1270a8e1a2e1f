"""What holds for every rule: outcomes, levels, waivers, documents, the index and the catalogue."""

import json
from collections.abc import Iterable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.framework import catalogue
from policies.framework.documents import LONGEST, statements
from policies.framework.judge import Judge
from policies.framework.outcomes import Fail, Finding, Level, Outcome, Severity
from policies.framework.patterns import matches, overlap
from policies.framework.resource import Resource
from policies.framework.rule import ResourceRule, types
from policies.framework.settings import Settings
from policies.framework.values import Malformed, View, WrongKind
from policies.framework.waivers import Waivers
from policies.rules import all_rules
from tests.policies.judging import resource

WAIVER = {
    "policy": "T1",
    "resource": "main",
    "reason": "Replaced by the new queue in May",
    "expires": "2999-01-01",
}


def small_rule(level: Level = Level.MANDATORY, fault: Exception | None = None) -> ResourceRule:
    def check(judged: Resource) -> Iterable[Fail]:
        if fault is not None:
            raise fault
        if not judged.view.flag("good", False):
            yield Fail("is not good.", "good")

    return ResourceRule(
        id="T1",
        name="good",
        title="Good",
        why="It is.",
        remediation="Set good.",
        severity=Severity.LOW,
        types=types("sqs/queue:Queue"),
        level=level,
        check=check,
    )


def judged(settings: Settings, rule: ResourceRule | None = None, **props: Any) -> list[Finding]:
    return Judge([rule or small_rule()], settings).everything([resource("sqs/queue:Queue", "main", props)])


def test_a_finding_is_one_line_of_rule_resource_what_why_and_how_to_mend() -> None:
    (told,) = judged(Settings())
    assert told.line == "T1 good [fail] main.good: is not good. It is. Set good."


def test_a_rule_that_raises_is_its_own_error_and_others_go_on() -> None:
    queue = resource("sqs/queue:Queue", "main", {})
    broken, other = Judge([small_rule(fault=KeyError("x")), small_rule()]).resource(queue)
    assert (broken.outcome, broken.blocks) == (Outcome.ERROR, True)
    assert "KeyError" in broken.message
    assert other.outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("level", "environment", "blocks"),
    [
        (Level.MANDATORY, "dev", True),
        (Level.PROD, "prod", True),
        (Level.PROD, "production-eu", True),
        (Level.PROD, "dev", False),
        (Level.PROD, "staging", False),
        (Level.ADVISORY, "prod", False),
    ],
)
def test_levels_by_environment(level: Level, environment: str, blocks: bool) -> None:
    (told,) = judged(Settings(environment), small_rule(level))
    assert told.blocks is blocks


@pytest.mark.parametrize(
    ("config", "tags", "stack", "environment"),
    [
        ({"environment": "dev"}, {"environment": "prod"}, "prod", "dev"),
        ({}, {"environment": "staging"}, "prod", "staging"),
        ({}, {}, "acme/eu-dev", "dev"),
        ({}, {}, "dev-prod", "prod"),
        ({}, {}, "alice", "prod"),
        ({}, {}, "", "prod"),
    ],
)
def test_the_environment_is_told_by_config_then_tag_then_name(
    config: dict[str, Any], tags: dict[str, str], stack: str, environment: str
) -> None:
    assert Settings.of(config, tags, stack).environment == environment


def test_the_config_changes_levels_and_knows_no_other_keys() -> None:
    assert judged(Settings.of({"levels": {"good": "disabled"}}, {})) == []
    (told,) = judged(Settings.of({"levels": {"T1": "advisory"}}, {}))
    assert not told.blocks
    with pytest.raises(ValueError, match="extra"):
        Settings.of({"enviroment": "dev"}, {})


@pytest.mark.parametrize("name", ["main", "ma*", "urn:*::main"])
def test_a_waiver_passes_over_a_finding_and_says_so(name: str) -> None:
    (told,) = judged(Settings(waivers=({**WAIVER, "resource": name},)))
    assert (told.outcome, told.blocks) == (Outcome.WAIVED, False)
    assert "new queue" in told.message


@pytest.mark.parametrize(
    "broken",
    [
        {"reason": ""},
        {"reason": "ok"},
        {"reason": "            "},
        {"reason": None},
        {"expires": "2001-01-01"},
        {"expires": None},
        {"expires": "never"},
        {"policy": "T9"},
        {"policy": "*"},
        {"resource": "*"},
        {"resource": ""},
        {"until": "2999-01-01"},
    ],
)
def test_a_waiver_that_does_not_hold_fails_and_waives_nothing(broken: dict[str, Any]) -> None:
    finding, waiver = judged(Settings(waivers=({**WAIVER, **broken},)))
    assert finding.outcome is Outcome.FAIL
    assert (waiver.outcome, waiver.blocks) == (Outcome.WAIVER, True)


def test_a_waiver_holds_through_its_last_day() -> None:
    held = Waivers([{**WAIVER, "expires": "2027-03-01"}], {"T1"}, today=date(2027, 3, 1))
    assert not any(told.blocks for told in held.report())


def test_a_waiver_of_no_use_is_reported_and_does_not_block() -> None:
    (told,) = judged(Settings(waivers=(WAIVER,)), good=True)
    assert "no use" in told.message
    assert not told.blocks


@pytest.mark.parametrize("value", [True, "true", "True"])
def test_booleans_are_read_as_the_bridge_reads_them(value: Any) -> None:
    assert View({"k": value}).flag("k", False) is True


@pytest.mark.parametrize("value", [1, "yes", [], {}])
def test_what_is_no_boolean_is_of_the_wrong_kind(value: Any) -> None:
    with pytest.raises(WrongKind):
        View({"k": value}).flag("k", False)


@pytest.mark.parametrize("value", ["x" * (LONGEST + 1), "[" * 100_000, "nul", '{"Statement": 1}', "null"])
def test_a_huge_or_malformed_document_is_refused(value: str) -> None:
    with pytest.raises(Malformed):
        statements(value, "policy")


_pattern = st.text(alphabet="ab*?", max_size=6)


@given(_pattern, st.text(alphabet="ab", max_size=6))
def test_patterns_overlap_wherever_both_match_a_text(pattern: str, text: str) -> None:
    assert overlap(pattern, text) is matches(pattern, text)
    assert overlap(text, pattern) is matches(pattern, text)


@given(_pattern, _pattern, st.text(alphabet="ab", max_size=6))
def test_two_patterns_that_match_one_text_overlap(one: str, other: str, text: str) -> None:
    assert overlap(one, other) is overlap(other, one)
    if matches(one, text) and matches(other, text):
        assert overlap(one, other)


def test_names_and_ids_of_rules_are_unique() -> None:
    told = [key for rule in all_rules() for key in {rule.id, rule.name}]
    assert len(told) == len(set(told))


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.id)
def test_every_rule_says_why_and_how_to_mend(rule: Any) -> None:
    assert rule.why.endswith(".")
    assert rule.remediation.endswith(".")
    assert rule.types
    assert not rule.title.endswith(".")


def test_manifest_and_documentation_are_current() -> None:
    told = "run: python -m policies.framework.catalogue"
    assert catalogue.MANIFEST.read_text() == catalogue.manifest(all_rules()), told
    assert catalogue.DOCUMENT.read_text() == catalogue.document(all_rules()), told
    assert len(json.loads(catalogue.MANIFEST.read_text())["rules"]) == len(all_rules())
