import copy
import pickle
from threading import Barrier, Thread
from typing import Any

import pytest

from agent_runtime.errors import AuditUnavailable, SecretNotDeclared, SecretRefused, SecretUnavailable
from agent_runtime.scopes import Scope, current_scope
from agent_runtime.secrets import REFUSED_SECONDS, SecretReader, SecretValue
from tests.runtime.audit_world import Told
from tests.runtime.pretended import SECRET_TEXT as OLD


def rotate(aws: Any, text: str, *, finish: bool = True) -> None:
    """Rotation as Secrets Manager does it: the new version is pending until the stage moves."""
    client = aws.secretsmanager
    old = client.describe_secret(SecretId=aws.secret_arn)["VersionIdsToStages"]
    current = next(version for version, stages in old.items() if "AWSCURRENT" in stages)
    new = client.put_secret_value(SecretId=aws.secret_arn, SecretString=text, VersionStages=["AWSPENDING"])
    if finish:
        client.update_secret_version_stage(
            SecretId=aws.secret_arn,
            VersionStage="AWSCURRENT",
            MoveToVersionId=new["VersionId"],
            RemoveFromVersionId=current,
        )


def test_a_value_is_kept_for_a_minute_and_then_fetched_again(aws: Any, faulty: Any) -> None:
    faulty.client = aws.secretsmanager
    reader = SecretReader(faulty, {"key": aws.secret_arn}, clock=aws.clock)
    for seconds, fetched in ((0, 1), (59, 1), (1, 2), (30, 2)):
        aws.clock.now += seconds
        assert reader.get("key").reveal() == "sk-do-not-show-7f3a"
        assert faulty.calls["get_secret_value"] == fetched


def test_a_rotated_value_is_seen_at_once_when_it_is_asked_for_anew(aws: Any) -> None:
    reader = aws.secrets()
    reader.get("model-api-key")
    rotate(aws, "sk-new")
    assert reader.get("model-api-key").reveal() == "sk-do-not-show-7f3a"
    assert reader.get("model-api-key", refresh=True).reveal() == "sk-new"
    assert reader.get("model-api-key").reveal() == "sk-new"


def test_a_pending_value_is_not_in_force(aws: Any) -> None:
    rotate(aws, "sk-half-rotated", finish=False)
    assert aws.secrets().get("model-api-key").reveal() == "sk-do-not-show-7f3a"


def test_an_undeclared_name_says_what_is_declared(aws: Any) -> None:
    with pytest.raises(
        SecretNotDeclared, match="'other' is not declared by the agent; declared: model-api-key"
    ):
        aws.secrets().get("other")


def test_a_secret_that_cannot_be_read_is_a_clear_error(aws: Any) -> None:
    aws.secretsmanager.delete_secret(SecretId=aws.secret_arn, ForceDeleteWithoutRecovery=True)
    with pytest.raises(SecretUnavailable, match="'model-api-key' cannot be read: ResourceNotFoundException"):
        aws.secrets().get("model-api-key")


def test_a_binary_secret_is_refused(aws: Any) -> None:
    arn = aws.secretsmanager.create_secret(Name="binary", SecretBinary=b"\x00")["ARN"]
    with pytest.raises(SecretUnavailable, match="binary"):
        SecretReader(aws.secretsmanager, {"binary": arn}).get("binary")


def test_a_secret_value_cannot_be_pickled_or_copied_out() -> None:
    for leak in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            leak(SecretValue("sk"))


class Provider:
    """Lets in the one key that is valid at the time, as a provider does whose keys are rotated."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.seen: list[int] = []

    def call(self, key: SecretValue) -> str:
        status = 200 if key.reveal() == self.key else 401
        self.seen.append(status)
        if status == 401:
            raise PermissionError("401")
        return "paid"


def charge(provider: Provider, reader: SecretReader) -> str:
    """What an agent's step does: the secret, and once more if it was not let in."""
    key = reader.get("model-api-key", run_id="r1")
    try:
        return provider.call(key)
    except PermissionError:
        return provider.call(reader.get("model-api-key", run_id="r1", refused=key))


def test_a_step_goes_on_with_the_new_value_when_the_old_one_was_revoked_in_the_middle(aws: Any) -> None:
    provider, reader = Provider(OLD), aws.secrets()
    assert charge(provider, reader) == "paid"
    rotate(aws, "sk-new")
    provider.key = "sk-new"
    assert charge(provider, reader) == "paid"
    assert charge(provider, reader) == "paid"
    assert provider.seen == [200, 401, 200, 200]


def test_the_old_value_serves_while_a_rotation_is_only_half_done(aws: Any) -> None:
    provider, reader = Provider(OLD), aws.secrets()
    rotate(aws, "sk-half", finish=False)
    assert charge(provider, reader) == "paid"
    aws.clock.now += 61
    assert charge(provider, reader) == "paid"


def test_a_value_that_was_revoked_before_the_new_one_is_in_force_is_refused_until_it_is(aws: Any) -> None:
    provider, reader = Provider("sk-half"), aws.secrets()
    rotate(aws, "sk-half", finish=False)
    with pytest.raises(SecretRefused, match="no other value in force") as refused:
        charge(provider, reader)
    assert OLD not in str(refused.value)
    versions = aws.secretsmanager.describe_secret(SecretId=aws.secret_arn)["VersionIdsToStages"]
    old, new = (
        next(version for version, stages in versions.items() if stage in stages)
        for stage in ("AWSCURRENT", "AWSPENDING")
    )
    aws.secretsmanager.update_secret_version_stage(
        SecretId=aws.secret_arn, VersionStage="AWSCURRENT", MoveToVersionId=new, RemoveFromVersionId=old
    )
    aws.clock.now += REFUSED_SECONDS
    assert charge(provider, reader) == "paid"


def test_a_key_that_is_wrong_for_good_does_not_become_a_flood_of_calls(aws: Any, faulty: Any) -> None:
    faulty.client = aws.secretsmanager
    reader = SecretReader(faulty, {"key": aws.secret_arn}, clock=aws.clock)
    wrong = reader.get("key")
    for _ in range(20):
        with pytest.raises(SecretRefused):
            reader.get("key", refused=wrong)
    assert faulty.calls["get_secret_value"] == 2


def test_those_who_were_refused_at_the_same_moment_fetch_the_new_value_once(aws: Any, faulty: Any) -> None:
    faulty.client = aws.secretsmanager
    reader = SecretReader(faulty, {"key": aws.secret_arn}, clock=aws.clock)
    old = reader.get("key")
    rotate(aws, "sk-new")
    barrier, seen = Barrier(4), []

    def ask() -> None:
        barrier.wait(10)
        seen.append(reader.get("key", refused=old).reveal())

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert seen == ["sk-new"] * 4
    assert faulty.calls["get_secret_value"] == 2


def test_each_read_is_on_the_trail_with_its_run_and_step_and_never_with_the_value(aws: Any) -> None:
    trail = Told()
    reader = SecretReader(aws.secretsmanager, {"key": aws.secret_arn}, clock=aws.clock, audit=trail)
    token = current_scope.set(Scope((1,), "charge"))
    try:
        old = reader.get("key", run_id="r1", tenant="acme")
        reader.get("key", run_id="r1", tenant="acme")
        reader.get("key", run_id="r2", tenant="acme")
        rotate(aws, "sk-new")
        reader.get("key", run_id="r2", tenant="acme", refused=old)
    finally:
        current_scope.reset(token)
    said = [
        (e["run_id"], e["step"], e["secret"], e["cached"], e["again"], e["refused"]) for e in trail.entries
    ]
    assert said == [
        ("r1", "charge", "key", False, False, False),
        ("r1", "charge", "key", True, True, False),
        ("r2", "charge", "key", True, False, False),
        ("r2", "charge", "key", False, False, True),
    ]
    assert OLD not in str(trail.entries)


def test_no_secret_is_given_out_while_the_trail_is_down(aws: Any, faulty: Any) -> None:
    faulty.client = aws.secretsmanager
    trail = Told(down=True)
    reader = SecretReader(faulty, {"key": aws.secret_arn}, clock=aws.clock, audit=trail)
    with pytest.raises(AuditUnavailable):
        reader.get("key", run_id="r1")
    assert faulty.calls["get_secret_value"] == 0
