"""What holds for every rule: outcomes, levels, waivers, documents, the index and the catalogue."""

import json
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.framework import catalogue
from policies.framework.documents import LONGEST, statements
from policies.framework.index import StackIndex
from policies.framework.judge import Judge
from policies.framework.outcomes import Fail, Finding, Level, Outcome, Severity
from policies.framework.patterns import matches, overlap
from policies.framework.resource import Resource, family
from policies.framework.rule import ResourceRule, StackRule, types
from policies.framework.settings import Settings
from policies.framework.values import UNKNOWN, Malformed, View, WrongKind, plain
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


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("kubernetes:apps/v1beta1:DeploymentPatch", "kubernetes:apps:DeploymentPatch"),
        ("kubernetes:v1:Pod", "kubernetes:core:Pod"),
        ("kubernetes:core/v1:Pod", "kubernetes:core:Pod"),
        ("kubernetes:agents.x-k8s.io/v2alpha13:Sandbox", "kubernetes:agents.x-k8s.io:Sandbox"),
        ("kubernetes:yaml:ConfigFile", "kubernetes:yaml:ConfigFile"),
        ("kubernetes:yaml/v2:ConfigFile", "kubernetes:yaml:ConfigFile"),
        ("aws:sqs/queue:Queue", "aws:sqs/queue:Queue"),
        ("aws:s3/v1:Bucket", "aws:s3/v1:Bucket"),
    ],
)
def test_a_version_of_kubernetes_api_changes_no_rule(kind: str, expected: str) -> None:
    assert family(kind) == family(expected) == expected
    one = replace(small_rule(), types=frozenset((expected,)))
    assert Judge([one]).resource(Resource(kind, {}, "urn::one", "one"))
    assert StackIndex([Resource(kind, {}, "urn::one", "one")]).of(expected)


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


DEEPEST = 20_000


def nested(depth: int = DEEPEST) -> Any:
    held: Any = "arn:aws:sqs:eu-west-1:1:main"
    for level in range(depth):
        held = [held] if level % 2 else {"k": held}
    return held


@pytest.mark.parametrize(
    "value",
    [nested(), "[" * 4000, "{" + '"a":{' * 600, [[]] * 100_000, "x" * 10_000_000, "{" * 10_000_000],
    ids=["deep", "deep text", "open text", "many", "long", "long text"],
)
def test_no_value_is_too_deep_or_too_long_to_be_indexed(value: Any) -> None:
    queue = resource("sqs/queue:Queue", "main", {"arn": "arn:aws:sqs:eu-west-1:1:main"})
    odd = resource("sqs/queue:Queue", "odd", {"policy": value, "good": True})
    (told,) = Judge([small_rule()]).everything([queue, odd])
    assert told.urn == queue.urn


def test_a_name_is_found_however_deeply_it_is_nested() -> None:
    queue = resource("sqs/queue:Queue", "main", {"arn": "arn:aws:sqs:eu-west-1:1:main"})
    other = resource("sqs/queue:Queue", "other", {"k": nested()})
    assert StackIndex([queue, other]).referring(queue) == [other]


def test_a_copy_from_the_wire_is_whole_however_deep() -> None:
    held = plain({"k": nested(), "unknown": ["?", {"k": "?"}], "n": (1, None, True)}, ("?",))
    assert held["unknown"] == [UNKNOWN, {"k": UNKNOWN}]
    assert held["n"] == [1, None, True]
    found, depth = held["k"], 0
    while not isinstance(found, str):
        found, depth = (found[0] if isinstance(found, list) else found["k"]), depth + 1
    assert depth == DEEPEST


def test_ten_thousand_statements_are_read_at_once() -> None:
    many = [{"Effect": "Allow", "Action": f"s3:Do{n}", "Resource": "*"} for n in range(10_000)]
    began = time.process_time()
    assert len(statements({"Statement": many}, "policy")) == 10_000
    assert time.process_time() - began < 60, "quadratic would be minutes"


def test_a_text_of_ten_megabytes_is_refused_before_it_is_read() -> None:
    with pytest.raises(Malformed, match="longer than any policy document"):
        statements('{"Statement": [], "Id": "' + "x" * 10_000_000 + '"}', "policy")
    began = time.process_time()
    assert View({"k": json.dumps({"a": "x" * 10_000_000})}).json("k").text("a")
    assert time.process_time() - began < 60


def test_a_table_that_cannot_be_made_is_tried_once_and_told_to_each_who_asks() -> None:
    tried: list[int] = []

    def table(stack: StackIndex) -> None:
        tried.append(1)
        raise Malformed("policy", "is no JSON document")

    def check(judged: Resource, stack: StackIndex) -> Iterable[Fail]:
        stack.once(table)
        return ()

    rule = StackRule(**{**vars(small_rule()), "check": check})
    queues = [resource("sqs/queue:Queue", name, {}) for name in ("a", "b", "c")]
    assert len(Judge([rule]).everything(queues)) == 3
    assert len(tried) == 1


@pytest.mark.parametrize("fault", [RecursionError(), MemoryError(), ZeroDivisionError("x\ny")])
def test_whatever_a_rule_raises_is_one_line_that_blocks_everywhere(fault: Exception) -> None:
    (told,) = judged(Settings("dev"), small_rule(Level.ADVISORY, fault))
    assert (told.outcome, told.blocks) == (Outcome.ERROR, True)
    assert "\n" not in told.line
    assert type(fault).__name__ in told.line


@pytest.mark.parametrize("pattern", ["a*" * 40 + "b", "*" * 5000 + "b", "?*" * 40 + "b"])
def test_a_pattern_of_many_stars_takes_no_time(pattern: str) -> None:
    began = time.process_time()
    assert not matches(pattern, "a" * 3000)
    assert not overlap(pattern[:400] + "b", "a" * 300)
    assert time.process_time() - began < 60


LITERAL = st.text("ab:", max_size=12)


@given(st.text("ab:*?", max_size=8), LITERAL)
def test_patterns_cover_what_iam_says(pattern: str, text: str) -> None:
    """Against the other implementation: a text is covered where the pattern and it share a text."""
    assert matches(pattern, text) is overlap(pattern, text)
