"""Turns the security of our own stacks bad, property by property, and looks which flips no rule notices.

`mutations/properties.json` says, by type, which properties count and which resources guard others. What no
rule notices is in `mutations/survivors.json`: type, path and flip, in which `*` stands for any letters, and
the reason why it is left. `UPDATE_SNAPSHOT=1 pytest tests/policies/test_mutations.py` keeps the reasons of
what is still unnoticed, drops those of no use, and writes TODO to what is new; a TODO fails.
"""

import fnmatch
import json
import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent_hosting_cli.project import Project
from policies.framework.index import StackIndex
from policies.framework.judge import Judge
from policies.framework.outcomes import Finding, Outcome
from policies.framework.resource import Resource
from policies.framework.settings import Settings
from policies.rules import all_rules
from policies.testing import program_resources
from tests.components.conftest import _kept, _no_packages_are_installed
from tests.components.recorder import Program, run
from tests.components.test_stacks import KEY, configuration, deployed, program_of, project
from tests.policies.mutations.flips import Flip, Kind, flips

__all__ = ["_kept", "_no_packages_are_installed", "project"]

FOLDER = Path(__file__).parent / "mutations"
COUNTED: dict[str, Any] = json.loads((FOLDER / "properties.json").read_text())
SURVIVORS = FOLDER / "survivors.json"
Told = frozenset[tuple[str, str, str, str]]


def on_three_hosts(project: Project) -> Program:
    """The stack `local`, whose agents are on Lambda and ECS, and one more on EKS; data is kept as in prod."""
    held, key = configuration(project, "local"), "agent-hosting:agents"
    held["agent-hosting:retain_data"] = "true"
    agents = json.loads(held[key])
    alike = {k: v for k, v in agents["handbook"].items() if k != "run_profile"}
    agents["resident"] = {**alike, "run_profile": {"longest_run_seconds": 20, "keeps_state_in_memory": True}}
    held[key] = json.dumps(agents)
    held |= {f"agent-hosting:{name}.model-api-key": KEY for name in agents}
    return run(program_of(project), stack="local", config=held)


class Subject:
    """One stack, judged as in prod, in which one resource at a time is turned bad."""

    def __init__(self, program: Program) -> None:
        self.resources = program_resources(program)
        self._judge = Judge(all_rules(), Settings("prod"))
        self._alone = {one.urn: told(self._judge.resource(one)) for one in self.resources}
        self._together = told(self._judge.stack(self.resources))

    def flips(self) -> Iterable[Flip]:
        for one in self.resources:
            patterns = (*COUNTED["of every type"], *COUNTED["properties"].get(one.type, ()))
            yield from flips(one, patterns, one.type in COUNTED["guards"])

    def notices(self, flip: Flip) -> bool:
        changed = flip.changed
        if changed is not None and told(self._judge.resource(changed)) - self._alone[changed.urn]:
            return True
        held = [changed if one is flip.resource else one for one in self.resources]
        return bool(told(self._judge.stack(one for one in held if one is not None)) - self._together)


def told(found: list[Finding]) -> Told:
    """Failures. What was not checked is no notice."""
    failed = (Outcome.FAIL, Outcome.ERROR)
    return frozenset((f.rule_id, f.urn, f.path, f.message) for f in found if f.outcome in failed)


_MADE: list[Subject] = []


@pytest.fixture
def subjects(project: Project) -> list[Subject]:
    """Made once: programs take longer than all flips of what they make."""
    if not _MADE:
        _MADE.extend((Subject(on_three_hosts(project)), Subject(deployed(project, "prod"))))
    return _MADE


@dataclass(frozen=True)
class Excused:
    """Flips that are left unnoticed, and why."""

    type: str
    path: str
    flip: str
    reason: str
    awaits: tuple[str, ...] = ()
    """Rules still to come; once all are there, what they leave unnoticed needs a reason of its own."""

    @property
    def is_over(self) -> bool:
        return bool(self.awaits) and {*self.awaits} <= {rule.id for rule in all_rules()}

    def speaks_of(self, kind: Kind) -> bool:
        said = ((self.type, kind.type), (self.path, kind.path), (self.flip, kind.flip))
        return all(fnmatch.fnmatchcase(held, pattern.replace("[]", "[[]]")) for pattern, held in said)


def survivors(subjects: list[Subject]) -> tuple[list[Kind], int]:
    """Kinds of flips that go unnoticed, and how many flips were tried.

    Each kind is tried in two places, the first and the last of both stacks: roles of agents differ from those
    of helpers, and prod from the rest."""
    by_kind: defaultdict[Kind, list[tuple[Subject, Flip]]] = defaultdict(list)
    for subject in subjects:
        for flip in subject.flips():
            by_kind[flip.kind].append((subject, flip))
    tried = {kind: dict.fromkeys((alike[0], alike[-1])) for kind, alike in by_kind.items()}
    unnoticed = [
        kind for kind, places in tried.items() if not all(subject.notices(flip) for subject, flip in places)
    ]
    return sorted(unnoticed), sum(map(len, tried.values()))


def test_what_no_rule_notices_has_a_reason(subjects: list[Subject]) -> None:
    found, tried = survivors(subjects)
    assert tried > 500
    excused = [Excused(**one) for one in json.loads(SURVIVORS.read_text())]
    if os.environ.get("UPDATE_SNAPSHOT"):
        excused = [one for one in excused if any(map(one.speaks_of, found)) and not one.is_over]
        new = [kind for kind in found if not any(one.speaks_of(kind) for one in excused)]
        excused += [Excused(kind.type, kind.path, kind.flip, "TODO") for kind in new]
        kept = [{key: held for key, held in vars(one).items() if held != ()} for one in excused]
        SURVIVORS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    assert [kind for kind in found if not any(one.speaks_of(kind) for one in excused)] == [], "unnoticed"
    assert [one for one in excused if not any(one.speaks_of(kind) for kind in found)] == [], "noticed by now"
    assert [one for one in excused if one.is_over] == [], (
        "the rules are there: say what is left of it, and why"
    )
    assert [one for one in excused if one.reason == "TODO" or len(one.reason) < 10] == []


def test_each_type_of_our_stacks_was_looked_at(subjects: list[Subject]) -> None:
    """A type that is new is counted, or said to have nothing that counts."""
    types = {one.type for subject in subjects for one in subject.resources}
    ours = {kind for kind in types if kind.startswith("agent-hosting:")}
    known = {*COUNTED["properties"], *COUNTED["guards"], *COUNTED["nothing that counts"]}
    assert sorted(types - ours - known) == []
    assert sorted(known - types) == [], "no stack of ours has these any more"


def test_each_pattern_of_the_list_is_of_use(subjects: list[Subject]) -> None:
    found = {flip.kind for subject in subjects for flip in subject.flips()}
    for kind, patterns in COUNTED["properties"].items():
        held = [one for subject in subjects for one in subject.resources if one.type == kind]
        for pattern in patterns:
            matched = {f.kind for one in held for f in flips(one, (pattern,), False)}
            assert matched, f"nothing of {kind} matches {pattern}"
            assert matched <= found


def test_the_index_of_a_stack_is_made_anew_for_each_flip(subjects: list[Subject]) -> None:
    """So that one flip leaves nothing behind for the next."""
    (subject, _) = subjects
    before = told(subject._judge.stack(subject.resources))
    first = next(iter(subject.flips()))
    subject.notices(first)
    assert told(subject._judge.stack(subject.resources)) == before
    assert StackIndex(subject.resources).resources == tuple(subject.resources)
    assert isinstance(first.resource, Resource)
