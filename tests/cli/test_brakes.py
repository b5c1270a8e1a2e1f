"""The commands that look at an agent's brake and let it go, in any stack."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner

from agent_hosting_cli import deployed, main
from agent_hosting_cli.deployed import Deployed
from agent_hosting_cli.project import UserError
from agent_runtime.brake import BrakeReader, engage
from agent_runtime.errors import AuditUnavailable
from tests.runtime.audit_world import Told
from tests.runtime.pretended import CONTROL, TABLE, Aws, pretended_aws
from tests.runtime.stores import dynamodb_local_fixture  # noqa: F401


@pytest.fixture
def aws(dynamodb_local: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    with pretended_aws(dynamodb_local) as made:
        outputs = {"review": {"checkpoint_table_name": TABLE, "control_table_name": CONTROL}}

        def client(service: str) -> Any:
            session: Any = boto3.session.Session()
            return made.dynamodb if service == "dynamodb" else session.client(service)

        monkeypatch.setattr(deployed, "outputs_of", lambda *_: (outputs, client))
        yield made


def _braked(aws: Aws) -> None:
    at = "2027-01-15T12:00:00.000Z"
    assert engage(aws.dynamodb, CONTROL, "review", reason="spent", engaged_by="net", engaged_at=at)


def _command(*words: str) -> Any:
    return CliRunner().invoke(main.app, ["brake", *words, "--stack", "dev"])


def test_a_brake_is_shown_with_its_reason_and_released_with_another(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    trail = Told()
    monkeypatch.setattr(Deployed, "trail", trail)
    assert _command("show", "review").stdout == "review takes runs\n"
    _braked(aws)
    assert _command("show", "review").stdout == "review is braked: spent\n"
    done = _command("release", "review", "--why", "mended")
    assert done.stdout == "review takes runs again within five seconds\n"
    assert BrakeReader(aws.dynamodb, CONTROL, "review").reason() is None
    assert [(entry["kind"], entry["why"]) for entry in trail.entries] == [("brake-released", "mended")]
    assert _command("release", "review", "--why", "again").stdout == "review is not braked\n"
    assert len(trail.entries) == 1


def test_a_brake_is_released_by_nobody_without_a_reason_or_a_trail(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    _braked(aws)

    class Lost(Told):
        def record(self, *_: Any, **__: Any) -> None:
            raise AuditUnavailable("the log does not answer")

    monkeypatch.setattr(Deployed, "trail", Lost())
    for why, said in ((" ", "--why is empty"), ("mended", "the log does not answer")):
        refused = _command("release", "review", "--why", why)
        assert isinstance(refused.exception, UserError)
        assert said in str(refused.exception)
    assert BrakeReader(aws.dynamodb, CONTROL, "review").reason() == "spent"


def test_an_agent_that_is_not_there_is_named_with_those_that_are(aws: Aws) -> None:
    refused = _command("release", "nobody", "--why", "mended")
    assert "no agent 'nobody'; it has review" in str(refused.exception)
