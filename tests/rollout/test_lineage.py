"""Who came from whom is told as trees, whatever manifests there are."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_hosting_cli.deployed import Deployed
from agent_hosting_cli.lineage import Lineage
from agent_hosting_cli.project import UserError
from agent_runtime.bundle import Bundle
from agent_runtime.errors import TrafficUnknown
from agent_runtime.rollout.manifests import Manifest, generations, manifest_from
from agent_runtime.rollout.record import Phase, Record
from tests.rollout.samples import AGENT, A, B, C
from tests.rollout.tables import Table
from tests.runtime.pretended import CONTROL

IDS = st.sampled_from([f"{number:012x}" for number in range(8)])
MANIFESTS = st.dictionaries(IDS, st.tuples(IDS | st.just(""), st.integers(0, 9))).map(
    lambda found: [Manifest(bundle, parent, at) for bundle, (parent, at) in found.items()]
)


@given(MANIFESTS)
def test_each_manifest_is_told_once_and_below_its_parent(manifests: list[Manifest]) -> None:
    told = generations(manifests)
    assert sorted(m.bundle_id for _, m in told) == sorted(m.bundle_id for m in manifests)
    above: list[Manifest] = []
    for depth, manifest in told:
        assert depth <= len(above)
        above = [*above[:depth], manifest]
        if depth:
            assert manifest.parent == above[depth - 1].bundle_id


@given(MANIFESTS)
def test_a_manifest_is_the_first_of_a_tree_where_its_parent_is_not_known(manifests: list[Manifest]) -> None:
    known = {manifest.bundle_id for manifest in manifests}
    firsts = {m.bundle_id for depth, m in generations(manifests) if depth == 0}
    assert {m.bundle_id for m in manifests if m.parent not in known} <= firsts


def test_brothers_come_in_the_order_of_their_time() -> None:
    manifests = [Manifest(C, A, 3), Manifest(B, A, 2), Manifest(A, "", 1), Manifest("d" * 12, B, 4)]
    told = [(depth, manifest.bundle_id) for depth, manifest in generations(manifests)]
    assert told == [(0, A), (1, B), (2, "d" * 12), (1, C)]


@pytest.mark.parametrize(
    "item", [{}, {"item": {"S": f"manifest#{A}"}, "parent": {"S": ""}, "at": {"N": "x"}}]
)
def test_a_manifest_that_cannot_be_read_is_told(item: dict[str, Any]) -> None:
    with pytest.raises(TrafficUnknown, match="a manifest cannot be read"):
        manifest_from(item)


def found_in(table: Table, **outputs: Any) -> Lineage:
    return Lineage(Deployed(AGENT, {"control_table_name": CONTROL, **outputs}, lambda service: table.client))


def put(table: Table, bundle_id: str, parent: str, at: int, **more: Any) -> None:
    table.put(f"manifest#{bundle_id}", f"{AGENT}#manifests", parent={"S": parent}, at={"N": str(at)}, **more)


def test_the_command_tells_the_shares_of_the_record(table: Table) -> None:
    put(table, A, "", 1)
    put(table, B, A, 2)
    table.put_record(Record(A, B, 500, phase=Phase.CANARY))
    assert found_in(table).releases() == [
        {"bundle_id": A, "parent": None, "at": 1, "depth": 0, "share": 95},
        {"bundle_id": B, "parent": A, "at": 2, "depth": 1, "share": 5},
    ]


def test_without_a_record_the_shares_are_those_of_the_program(table: Table) -> None:
    put(table, A, "", 1)
    table.take_away("traffic")
    assert found_in(table, serving={A: 1.0}).releases()[0]["share"] == 100


def test_what_was_deployed_is_found_by_its_id(table: Table) -> None:
    bundle = Bundle.model_validate(BUNDLE)
    put(table, bundle.bundle_id, "", 1, document={"S": bundle.canonical_json()})
    put(table, C, "", 1, document={"S": json.dumps({"schema_version": 9})})
    assert found_in(table).bundle(bundle.bundle_id) == bundle
    with pytest.raises(UserError, match="agent-hosting release lineage answers` lists those"):
        found_in(table).bundle(B)
    with pytest.raises(UserError, match=f"the manifest of {C} .*; name its zip"):
        found_in(table).bundle(C)


BUNDLE = {
    "entrypoint": "agent:answer",
    "model": {
        "provider": "openai",
        "name": "model-v1",
        "input_usd_per_million_tokens": 1,
        "output_usd_per_million_tokens": 2,
    },
    "prompts": {},
    "code": {},
    "max_steps": 1,
    "max_model_calls": 1,
    "runtime_fingerprint": "r",
}
