"""botocore's files are read once, and nobody sees what another loader added."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader, Loader
from moto.core.loaders import create_loader

from embedded_aws.models import read_once

SQS = ("sqs", "service-2")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Paths of the files that were read, without their endings."""
    paths: list[str] = []
    original = JSONFileLoader.load_file

    def reading(self: JSONFileLoader, path: str) -> Any:
        paths.append(path)
        return original(self, path)

    monkeypatch.setattr(JSONFileLoader, "load_file", reading)
    undo = read_once()
    yield paths
    undo()


def test_two_sessions_read_a_file_once(read: list[str]) -> None:
    first, second = (Loader().load_service_model(*SQS) for _ in range(2))
    assert first == second
    assert len(read) == len(set(read))


def test_what_moto_adds_to_a_model_is_seen_by_moto_alone(read: list[str]) -> None:
    def tells(loader: Loader) -> str:
        return repr(loader.load_service_model(*SQS))

    ours, of_moto = tells(Loader()), tells(create_loader())
    assert of_moto != ours == tells(Loader())
    assert of_moto == tells(create_loader())


def test_once_undone_each_session_reads_for_itself() -> None:
    read_once()()
    first, second = (Loader().load_service_model(*SQS) for _ in range(2))
    assert first == second
    assert first is not second
