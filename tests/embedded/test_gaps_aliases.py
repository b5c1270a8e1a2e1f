"""Aliases of functions: revisions and weights."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import suppress
from copy import copy
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.awslambda.models import LambdaBackend

from tests.embedded.functions_world import PATIENCE_SECONDS, package
from tests.embedded.gaps_world import Mended, mended


@pytest.fixture(scope="module")
def aws() -> Iterator[Mended]:
    with mended() as made:
        yield made


@pytest.fixture
def alias(aws: Mended) -> dict[str, str]:
    """Names it in calls; its function has the versions 1 and 2."""
    lambda_, name = aws.client("lambda"), f"f-{uuid.uuid4().hex[:6]}"
    role = aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    code = {"ZipFile": package({"app.py": ""})}
    lambda_.create_function(
        FunctionName=name, Runtime="python3.11", Role=role, Handler="app.handler", Code=code
    )
    for text in ("first", "second"):
        lambda_.update_function_configuration(FunctionName=name, Description=text)
        lambda_.publish_version(FunctionName=name)
    lambda_.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    return {"FunctionName": name, "Name": "live"}


def weights(**given: float) -> Any:
    return {"AdditionalVersionWeights": {name.removeprefix("v"): weight for name, weight in given.items()}}


def test_a_stale_revision_is_refused_and_changes_nothing(aws: Mended, alias: dict[str, str]) -> None:
    lambda_ = aws.client("lambda")
    seen = lambda_.get_alias(**alias)["RevisionId"]
    after = lambda_.update_alias(**alias, FunctionVersion="2", RevisionId=seen)["RevisionId"]
    assert after != seen
    with pytest.raises(lambda_.exceptions.PreconditionFailedException) as refused:
        lambda_.update_alias(**alias, FunctionVersion="1", RevisionId=seen)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    now = lambda_.get_alias(**alias)
    assert (now["FunctionVersion"], now["RevisionId"]) == ("2", after)


def test_an_update_without_a_revision_is_taken_and_makes_a_new_one(
    aws: Mended, alias: dict[str, str]
) -> None:
    lambda_ = aws.client("lambda")
    seen = lambda_.get_alias(**alias)["RevisionId"]
    assert lambda_.update_alias(**alias, Description="other")["RevisionId"] != seen


def test_of_two_updates_with_one_revision_one_is_taken(
    aws: Mended, alias: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = aws.client("lambda").get_alias(**alias)["RevisionId"]
    taken: list[str] = []
    both_have_read, get_alias = threading.Barrier(2), LambdaBackend.get_alias

    def get_slowly(backend: LambdaBackend, **given: str) -> Any:
        """The second reader comes before the first has written, unless it is made to wait."""
        found = copy(get_alias(backend, **given))
        with suppress(threading.BrokenBarrierError):
            both_have_read.wait(0.5)
        return found

    def update(client: Any) -> None:
        with suppress(client.exceptions.PreconditionFailedException):
            taken.append(client.update_alias(**alias, FunctionVersion="2", RevisionId=seen)["RevisionId"])

    threads = [threading.Thread(target=update, args=(aws.client("lambda"),)) for _ in range(2)]
    monkeypatch.setattr(LambdaBackend, "get_alias", get_slowly)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    monkeypatch.undo()
    assert taken == [aws.client("lambda").get_alias(**alias)["RevisionId"]]


def test_a_weight_is_a_share(aws: Mended, alias: dict[str, str]) -> None:
    lambda_ = aws.client("lambda")
    with pytest.raises(ClientError, match=r"ValidationException.*additionalVersionWeights"):
        lambda_.update_alias(**alias, RoutingConfig=weights(v2=1.5))
    with pytest.raises(ClientError, match=r"ValidationException.*additionalVersionWeights"):
        lambda_.create_alias(**{**alias, "Name": "other"}, FunctionVersion="1", RoutingConfig=weights(v2=1.5))
    assert not lambda_.get_alias(**alias).get("RoutingConfig")


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0])
def test_a_share_is_taken_as_a_weight(aws: Mended, alias: dict[str, str], weight: float) -> None:
    said = aws.client("lambda").update_alias(**alias, RoutingConfig=weights(v2=weight))
    assert said["RoutingConfig"] == weights(v2=weight)


def test_an_alias_points_to_two_versions_at_most(aws: Mended, alias: dict[str, str]) -> None:
    with pytest.raises(ClientError, match="InvalidParameterValueException"):
        aws.client("lambda").update_alias(**alias, RoutingConfig=weights(v1=0.1, v2=0.1))
