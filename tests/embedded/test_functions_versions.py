import uuid
from collections import Counter
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from embedded_aws.functions import install
from tests.embedded.functions_world import Gateway, World, package, serving, world

CODE = """
import os
def handler(event, context):
    env = os.environ
    return {"says": "{words}", "tone": env.get("TONE"), "version": context.function_version,
            "arn": context.invoked_function_arn, "pid": os.getpid(), "memory": context.memory_limit_in_mb}
"""


class Drawn:
    """Random numbers of the test's choice."""

    def __init__(self) -> None:
        self.value = 0.99

    def __call__(self) -> float:
        return self.value


def code(words: str) -> str:
    return CODE.replace("{words}", words)


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    gateway = Gateway()
    with serving(gateway) as gateway.url:
        yield gateway


@pytest.fixture
def drawn() -> Drawn:
    return Drawn()


@pytest.fixture
def aws(gateway: Gateway, drawn: Drawn) -> Iterator[World]:
    with world(gateway, choose=drawn) as made:
        yield made


def two_versions(aws: World) -> str:
    """Version 1 says `first`, version 2 says `second`, `$LATEST` says `third`."""
    lambda_ = aws.client("lambda")
    name = aws.function(code("first"), Environment={"Variables": {"TONE": "calm"}})
    lambda_.publish_version(FunctionName=name)
    for words, tone in (("second", "brisk"), ("third", "loud")):
        lambda_.update_function_code(FunctionName=name, ZipFile=package({"app.py": code(words)}))
        lambda_.update_function_configuration(
            FunctionName=name, Environment={"Variables": {"TONE": tone}}, MemorySize=256
        )
        if words == "second":
            lambda_.publish_version(FunctionName=name)
    return name


def test_a_version_is_frozen_when_latest_changes(aws: World) -> None:
    name = two_versions(aws)
    first, latest = aws.answer(name, Qualifier="1"), aws.answer(name)
    assert (first["says"], first["tone"], first["version"], first["memory"]) == ("first", "calm", "1", "512")
    assert (latest["says"], latest["tone"], latest["version"]) == ("third", "loud", "$LATEST")
    assert aws.answer(name, Qualifier="2")["says"] == "second"


def test_the_arn_in_the_context_has_the_qualifier_that_was_called(aws: World) -> None:
    name = two_versions(aws)
    aws.client("lambda").create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    assert aws.answer(name, Qualifier="live")["arn"].endswith(f":{name}:live")
    assert aws.answer(name, Qualifier="1")["arn"].endswith(f":{name}:1")
    assert aws.answer(name)["arn"].endswith(f":{name}")
    assert aws.answer(f"{name}:live")["version"] == "1"


def test_versions_do_not_share_processes(aws: World) -> None:
    name = two_versions(aws)
    assert len({aws.answer(name, Qualifier=q)["pid"] for q in ("1", "2", "$LATEST")}) == 3


def test_an_alias_divides_calls_by_its_weights(aws: World, drawn: Drawn) -> None:
    name = two_versions(aws)
    aws.client("lambda").create_alias(
        FunctionName=name,
        Name="live",
        FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.25}},
    )
    executed: Counter[str] = Counter()
    for drawn.value in (0.0, 0.1, 0.24, 0.25, 0.5, 0.99):
        executed[aws.invoke(name, Qualifier="live")["ExecutedVersion"]] += 1
    assert executed == {"2": 3, "1": 3}


def test_a_moved_alias_counts_at_once(aws: World) -> None:
    name, lambda_ = two_versions(aws), aws.client("lambda")
    lambda_.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    assert aws.answer(name, Qualifier="live")["says"] == "first"
    lambda_.update_alias(FunctionName=name, Name="live", FunctionVersion="2")
    assert aws.answer(name, Qualifier="live")["says"] == "second"


def test_two_qualifiers_that_differ_are_refused(aws: World) -> None:
    name = two_versions(aws)
    with pytest.raises(ClientError, match="InvalidParameterValueException"):
        aws.invoke(f"{name}:1", Qualifier="2")


def test_a_function_made_again_under_its_name_gets_new_processes(aws: World) -> None:
    lambda_, name, given = aws.client("lambda"), f"again-{uuid.uuid4().hex[:6]}", {"Role": aws.role()}
    pids: list[int] = []
    for _ in range(2):
        lambda_.create_function(
            FunctionName=name,
            Runtime="python3.11",
            Handler="app.handler",
            Timeout=20,
            Code={"ZipFile": package({"app.py": code("same")})},
            **given,
        )
        pids.append(aws.answer(name)["pid"])
        lambda_.delete_function(FunctionName=name)
    assert len(set(pids)) == 2


def test_settings_that_moto_drops_are_kept_and_frozen(aws: World) -> None:
    undo = install(aws.functions)
    try:
        lambda_ = aws.client("lambda")
        name = aws.function(code("x"), LoggingConfig={"LogFormat": "JSON", "LogGroup": "/agents/one"})
        lambda_.publish_version(FunctionName=name)
        lambda_.update_function_configuration(FunctionName=name, LoggingConfig={"LogGroup": "/agents/two"})
        found = lambda_.get_function_configuration(FunctionName=name)["LoggingConfig"]
        frozen = lambda_.get_function_configuration(FunctionName=name, Qualifier="1")["LoggingConfig"]
    finally:
        undo()
    assert found == {"LogGroup": "/agents/two"}
    assert frozen == {"LogFormat": "JSON", "LogGroup": "/agents/one"}
