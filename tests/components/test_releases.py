"""Which releases an agent has, and under which versions they were published."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent_hosting import LambdaAgent
from tests.components.recorder import Program, World, fails, refused, run
from tests.components.samples import PLATFORM, agent_folder, bundle_id, making, packed

OLD = "aaaaaaaaaaaa"


def recorded(**versions: str) -> Any:
    """getTableItem of a control table that has these bundles, given as b_BUNDLE="version"."""

    def answer(given: dict[str, Any]) -> dict[str, Any]:
        key = json.loads(given["key"])
        assert key["agent"]["S"] in ("handbook", "handbook#manifests")
        version = versions.get(f"b_{key['item']['S'].removeprefix('release#')}")
        return fails()(given) if version is None else {"item": json.dumps({"version": {"S": version}})}

    return answer


def deployed(source: str, world: World | None = None, **changes: Any) -> Program:
    return run(making(LambdaAgent, "handbook", source, platform=PLATFORM, **changes), world)


@pytest.fixture
def older_and_newest(source: str) -> list[dict[str, str]]:
    return [{"bundle_id": OLD}, {"source": source}]


def test_each_listed_release_is_written_to_the_release_table(
    source: str, older_and_newest: list[dict[str, str]]
) -> None:
    world = World({"getTableItem": recorded(**{f"b_{OLD}": "7"})}, versions={"handbook": "8"})
    written = deployed(source, world, releases=older_and_newest).all("TableItem")
    items = [item for item in written if item.name.startswith("handbook-release-")]
    newest = bundle_id(source)
    assert {item.name for item in items} == {f"handbook-release-{OLD}", f"handbook-release-{newest}"}
    for item in items:
        held = item.inputs
        assert (held["tableName"], held["hashKey"], held["rangeKey"]) == ("control", "agent", "item")
        bundle = item.name.removeprefix("handbook-release-")
        assert json.loads(held["item"]) == {
            "agent": {"S": "handbook"},
            "item": {"S": f"release#{bundle}"},
            "version": {"S": {OLD: "7", newest: "8"}[bundle]},
            "checkpoint_version": {"S": ""},
            "schema_version": {"N": "1"},
            **({"manifest": {"S": "declared"}} if bundle == newest else {}),
        }


def test_an_older_release_is_served_under_the_version_that_the_release_table_has(
    source: str, older_and_newest: list[dict[str, str]]
) -> None:
    world = World({"getTableItem": recorded(**{f"b_{OLD}": "7"})}, versions={"handbook": "8"})
    program = deployed(source, world, releases=older_and_newest, shares={OLD: 0.9, "newest": 0.1})
    alias = program.one("Alias").inputs
    assert alias["functionVersion"] == "7"
    assert alias["routingConfig"] == {"additionalVersionWeights": {"8": 0.1}}
    assert program.outputs_of("LambdaAgent")["serving"] == {OLD: 0.9, bundle_id(source): 0.1}
    assert ("aws:dynamodb/getTableItem:getTableItem", "control") in [
        (token, given.get("tableName")) for token, given in program.invokes
    ]


def test_the_candidates_alarms_watch_the_newest_version(
    source: str, older_and_newest: list[dict[str, str]]
) -> None:
    world = World({"getTableItem": recorded(**{f"b_{OLD}": "7"})}, versions={"handbook": "8"})
    program = deployed(source, world, releases=older_and_newest)
    alarm = program.one("MetricAlarm", "handbook-traffic-latency")
    assert alarm.inputs["dimensions"]["ExecutedVersion"] == "8"


def test_an_older_bundle_that_was_never_published_here_is_an_error_that_says_so(
    source: str, older_and_newest: list[dict[str, str]]
) -> None:
    program = making(LambdaAgent, "handbook", source, platform=PLATFORM, releases=older_and_newest)
    for missing in (fails(), lambda _: {"item": ""}, fails("reading item: empty result")):
        said = refused(program, World({"getTableItem": missing}))
        assert said == (
            f"LambdaAgent 'handbook': releases lists {OLD}, which was never published here, so that "
            f"there is no "
            "version to send calls to. Deploy it as the newest release first, or take it off the list."
        )


def test_a_release_table_that_cannot_be_read_is_no_release_that_was_never_published(
    source: str, older_and_newest: list[dict[str, str]]
) -> None:
    denied = World(
        {"getTableItem": fails("AccessDeniedException: not authorized to perform dynamodb:GetItem")}
    )
    with pytest.raises(Exception, match="not authorized"):
        deployed(source, denied, releases=older_and_newest)


@pytest.mark.parametrize(
    "failure",
    [
        "dial tcp: lookup lambda.eu-west-1.amazonaws.com: no such host",
        "operation error Lambda: GetAlias, exceeded maximum number of attempts, 25, https response "
        "error StatusCode: 0",
        "operation error Lambda: GetAlias, get identity: get credentials: failed to refresh cached "
        "credentials, "
        "credentials not found",
        "operation error Lambda: GetAlias, proxy: host not found",
    ],
)
def test_a_look_up_that_fails_sends_no_calls_to_a_release_on_trial(source: str, failure: str) -> None:
    """Taken for a first deployment, it would send every call to the newest release."""
    with pytest.raises(Exception, match=r"lookup|attempts|credentials|proxy"):
        deployed(source, World({"getAlias": fails(failure)}), shares={"stable": 0.95, "newest": 0.05})


def test_a_first_deployment_serves_the_newest_release_to_everyone(source: str) -> None:
    program = deployed(source, shares={"stable": 0.95, "newest": 0.05})
    alias = program.one("Alias").inputs
    assert alias["functionVersion"] == "1"
    assert "routingConfig" not in alias
    assert program.outputs_of("LambdaAgent")["serving"] == {bundle_id(source): 1}


def test_the_next_deployment_keeps_the_release_that_serves_as_the_stable_one(source: str) -> None:
    world = World(
        {
            "getAlias": lambda given: {"functionVersion": "3"},
            "getFunction": lambda given: {"description": f"bundle {OLD}"},
        },
        versions={"handbook": "4"},
    )
    program = deployed(source, world, shares={"stable": 0.95, "newest": 0.05})
    alias = program.one("Alias").inputs
    assert alias["functionVersion"] == "3"
    assert alias["routingConfig"] == {"additionalVersionWeights": {"4": 0.05}}
    assert program.outputs_of("LambdaAgent")["serving"] == {OLD: 0.95, bundle_id(source): 0.05}
    asked = [given for token, given in program.invokes if token.endswith(":getAlias")]
    assert asked == [{"functionName": "handbook-0a1b2c3", "name": "live"}]


def test_the_stable_release_is_no_item_of_the_release_table(source: str) -> None:
    items = deployed(source, shares={"stable": 0.95, "newest": 0.05}).all("TableItem")
    kinds = ("manifest", "release")
    assert {item.name for item in items} == {f"handbook-{kind}-{bundle_id(source)}" for kind in kinds}


def test_without_shares_the_controller_owns_the_weights_and_the_oldest_release_serves_first(
    source: str, older_and_newest: list[dict[str, str]]
) -> None:
    world = World({"getTableItem": recorded(**{f"b_{OLD}": "7"})}, versions={"handbook": "8"})
    alias = deployed(source, world, releases=older_and_newest).one("Alias")
    assert alias.ignore_changes == ("functionVersion", "routingConfig")
    assert alias.inputs["functionVersion"] == "7"


def test_a_packed_release_is_deployed_as_it_was_packed(tmp_path: Path, source: str) -> None:
    release = packed(Path(source))
    program = deployed(source, releases=[release])
    function = program.one("Function", "handbook").inputs
    assert function["code"]["path"] == release["archive"]
    assert function["description"] == f"bundle {release['bundle_id']}"
    assert program.outputs_of("LambdaAgent")["bundle_id"] == release["bundle_id"]


def test_a_packed_release_and_its_working_tree_are_one_bundle(source: str) -> None:
    by_source, by_id = deployed(source), deployed(source, releases=[packed(Path(source))])
    assert (
        by_source.one("Function", "handbook").inputs["sourceCodeHash"]
        == by_id.one("Function", "handbook").inputs["sourceCodeHash"]
    )


def test_an_older_packed_release_needs_no_zip(tmp_path: Path, source: str) -> None:
    newest = packed(agent_folder(tmp_path / "newer", prompt="Newer."))
    world = World({"getTableItem": recorded(**{f"b_{OLD}": "7"})})
    program = deployed(source, world, releases=[{"bundle_id": OLD}, newest])
    assert program.one("Function", "handbook").inputs["description"] == f"bundle {newest['bundle_id']}"
