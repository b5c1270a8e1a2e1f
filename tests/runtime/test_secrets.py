import copy
import pickle
from typing import Any

import pytest

from agent_runtime.errors import SecretNotDeclared, SecretUnavailable
from agent_runtime.secrets import SecretReader, SecretValue


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
