"""The export of the trail: whole, once, by whoever comes after one that died; what is done to it is found."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from agent_runtime.audit.anchors import Exported
from agent_runtime.audit.export import Exporter, TrailBroken
from agent_runtime.audit.manifests import compare, verify_export
from agent_runtime.audit.verify import Checked, Wrong
from agent_runtime.errors import AuditUnavailable
from tests.runtime.audit_world import DAY_MS, GROUP, AuditWorld
from tests.runtime.faulty import FaultyClient
from tests.runtime.pretended import Aws

LOCKED = "answers-audit-export"


class ExportWorld(AuditWorld):
    def __init__(self, aws: Aws) -> None:
        super().__init__(aws)
        self.s3 = FaultyClient(aws.s3)
        self.s3.create_bucket(Bucket=LOCKED, ObjectLockEnabledForBucket=True)
        self.s3.put_object_lock_configuration(
            Bucket=LOCKED,
            ObjectLockConfiguration={
                "ObjectLockEnabled": "Enabled",
                "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}},
            },
        )

    def export(self) -> dict[str, int]:
        return Exporter(
            self.logs, GROUP, self.s3, LOCKED, self.anchors(), agent="answers", clock=self.aws.clock
        ).run()

    def objects(self) -> dict[str, str]:
        listed = self.s3.client.list_objects_v2(Bucket=LOCKED).get("Contents", [])
        return {
            one["Key"]: self.s3.client.get_object(Bucket=LOCKED, Key=one["Key"])["Body"].read().decode()
            for one in listed
        }

    def check(self, objects: dict[str, str] | None = None, *, days_later: int = 0) -> Checked:
        found = self.objects() if objects is None else objects
        manifests = {
            int(key.rpartition("/")[2].removesuffix(".json")): text
            for key, text in found.items()
            if "/manifests/" in key
        }
        bodies = {key: text for key, text in found.items() if "/entries/" in key}
        now = int(self.aws.clock() * 1000) + days_later * DAY_MS
        done, hashes = verify_export(
            "answers", manifests, bodies, self.anchors().export(), now=now, retention_ms=365 * DAY_MS
        )
        done.add(compare(self.lines(), hashes, self.heads()))
        return done


@pytest.fixture
def world(aws: Aws) -> ExportWorld:
    return ExportWorld(aws)


def down(_request: Any) -> None:
    raise ClientError({"Error": {"Code": "SlowDown"}}, "PutObject")


def write(world: ExportWorld, count: int = 3, kind: str = "worker") -> Any:
    trail = world.trail(kind)
    for number in range(count):
        trail.record("secret-read", run_id=f"run-{number}")
    return trail


def found(checked: Checked) -> list[tuple[Wrong, str]]:
    return [(finding.wrong, finding.entry) for finding in checked.findings]


def test_what_is_new_is_exported_once(world: ExportWorld) -> None:
    trail = write(world)
    write(world, 2, "status")
    assert world.export() == {"manifest": 1, "entries": 5}
    assert world.export() == {"manifest": 1, "entries": 0}
    trail.record("secret-read", run_id="later")
    assert world.export() == {"manifest": 2, "entries": 1}
    assert len(world.objects()) == 4
    checked = world.check()
    assert (checked.findings, checked.entries, checked.chains) == ([], 6, 2)


def test_with_nothing_written_nothing_is_exported(world: ExportWorld) -> None:
    assert world.export() == {"manifest": 0, "entries": 0}
    assert world.objects() == {}
    assert world.anchors().export().complete_at > 0


def test_what_is_exported_cannot_be_taken_away(world: ExportWorld) -> None:
    write(world)
    world.export()
    versions = world.s3.client.list_object_versions(Bucket=LOCKED)["Versions"]
    assert len(versions) == 2
    for version in versions:
        with pytest.raises(ClientError, match="AccessDenied"):
            world.s3.delete_object(Bucket=LOCKED, Key=version["Key"], VersionId=version["VersionId"])


@pytest.mark.parametrize("dies_in", ["entries", "manifest", "heads", "state"])
def test_whoever_comes_after_one_that_died_exports_each_entry_once(world: ExportWorld, dies_in: str) -> None:
    write(world)
    fails: dict[str, Callable[[dict[str, Any]], bool]] = {
        "entries": lambda request: "/entries/" in request.get("Key", ""),
        "manifest": lambda request: "/manifests/" in request.get("Key", ""),
        "heads": lambda request: "exported" in request.get("UpdateExpression", ""),
        "state": lambda request: "complete_at" in request.get("UpdateExpression", ""),
    }

    def fail(request: dict[str, Any]) -> None:
        if fails[dies_in](request):
            down(request)

    world.s3.before["put_object"] = world.dynamodb.before["update_item"] = fail
    with pytest.raises(AuditUnavailable):
        world.export()
    world.s3.before.clear()
    world.dynamodb.before.clear()
    write(world, 1, "status")
    world.export()
    checked = world.check()
    assert (checked.findings, checked.entries) == ([], 4)
    assert {head.exported == head.seq for head in world.heads().values()} == {True}


@pytest.mark.parametrize("lost", ["put_object", "update_item"])
def test_a_lost_answer_costs_nothing(world: ExportWorld, lost: str) -> None:
    write(world)
    client = world.s3 if lost == "put_object" else world.dynamodb
    client.lost[lost] = 1
    with pytest.raises(AuditUnavailable):
        world.export()
    world.export()
    checked = world.check()
    assert (checked.findings, checked.entries) == ([], 3)


def test_an_entry_that_the_log_lacks_makes_the_exporter_fail_once_all_else_is_exported(
    world: ExportWorld,
) -> None:
    write(world, 2)
    (writer,) = world.heads()
    world.logs.delete_log_stream(logGroupName=GROUP, logStreamName=writer)
    write(world, 3, "status")
    assert world.export()["entries"] == 3  # too new to be told
    world.aws.clock.now += 300
    write(world, 1, "controller")
    with pytest.raises(TrailBroken, match=f"lacks {writer}/1"):
        world.export()
    assert world.check().entries == 4


def test_a_head_that_was_moved_back_is_found(world: ExportWorld) -> None:
    write(world)
    world.export()
    (writer,) = world.heads()
    key = {"agent": {"S": "answers#audit"}, "item": {"S": f"head#{writer}"}}
    world.aws.dynamodb.update_item(
        TableName="control",
        Key=key,
        UpdateExpression="SET seq = :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
    assert found(world.check()) == [(Wrong.ALTERED, f"{writer}/head")]


def test_what_is_done_to_an_export_is_found(world: ExportWorld) -> None:
    trail = write(world)
    world.export()
    trail.record("secret-read")
    world.export()
    trail.record("secret-read")
    world.export()
    objects = world.objects()
    manifests = sorted(key for key in objects if "/manifests/" in key)
    bodies = sorted(key for key in objects if "/entries/" in key)

    def without(key: str) -> dict[str, str]:
        return {name: text for name, text in objects.items() if name != key}

    assert (Wrong.REMOVED, "manifest/2") in found(world.check(without(manifests[1])))
    assert (Wrong.TRUNCATED, "manifest/3") in found(world.check(without(manifests[2])))
    assert (Wrong.REMOVED, "entries/1") in found(world.check(without(bodies[0])))
    forged = objects[bodies[0]].replace("run-1", "run-7")
    assert (Wrong.ALTERED, "entries/1") in found(world.check({**objects, bodies[0]: forged}))
    told = json.loads(objects[manifests[0]])
    changed = json.dumps({**told, "at": 1}, sort_keys=True, separators=(",", ":"))
    assert (Wrong.ALTERED, "manifest/2") in found(world.check({**objects, manifests[0]: changed}))
    last = json.loads(objects[manifests[2]])
    changed = json.dumps({**last, "at": 1}, sort_keys=True, separators=(",", ":"))
    assert (Wrong.ALTERED, "manifest/3") in found(world.check({**objects, manifests[2]: changed}))
    assert (Wrong.ALTERED, "manifest/1") in found(world.check({**objects, manifests[0]: "[]"}))


def test_an_agent_that_was_idle_for_longer_than_exports_are_kept_has_lost_none(world: ExportWorld) -> None:
    write(world)
    world.export()
    world.export()  # with nothing new, it knows all the same when its last manifest was made
    assert found(world.check({}, days_later=364)) == [(Wrong.TRUNCATED, "manifest/1")]
    checked = world.check({}, days_later=366)
    assert (checked.findings, checked.notes) == ([], ["all 1 manifests are past their days"])


def test_a_log_that_says_otherwise_than_its_export_is_found(world: ExportWorld) -> None:
    write(world, 1)
    world.export()
    (writer,) = world.heads()
    (line,) = world.lines()
    forged = line._replace(text=line.text)
    assert compare([forged], {f"{writer}/1": "f" * 64}, world.heads()).findings[0].wrong is Wrong.ALTERED


def test_the_state_never_goes_back(world: ExportWorld) -> None:
    anchors = world.anchors()
    anchors.move_export(Exported(), Exported(2, "b" * 64, 5))
    anchors.move_export(Exported(1, "", 0), Exported(1, "a" * 64, 3))
    assert anchors.export() == Exported(2, "b" * 64, 5)
