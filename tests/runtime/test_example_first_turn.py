from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_runtime.hosts import start
from agent_runtime.settings import Settings
from tests.runtime.examples import asking, packed


@pytest.fixture
def release(aws: Any, serve: Callable[[Any], str], tmp_path: Path) -> Iterator[dict[str, str]]:
    with packed("01-first-turn", tmp_path, aws, serve) as environment:
        yield environment


@pytest.fixture
def ask(
    release: dict[str, str], http_event: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Any]]:
    return asking(release, http_event, monkeypatch)


@pytest.mark.parametrize(
    ("question", "fact", "document", "heading"),
    [
        ("How often are API keys rotated?", "every 90 days", "secrets.md", "Rotation"),
        ("What does SEV1 mean?", "customers cannot use the product", "incidents.md", "Severity levels"),
        (
            "May we release on a Friday?",
            "agreement of the engineer on call",
            "releases.md",
            "When we release",
        ),
        ("I lost my laptop, what now?", "within 1 hour", "access.md", "Laptops"),
        ("When is a restore practised?", "first Tuesday of every quarter", "backups.md", "Restore drills"),
    ],
)
def test_the_handbook_answers_with_its_source(
    ask: Callable[..., dict[str, Any]], question: str, fact: str, document: str, heading: str
) -> None:
    run = ask(question)
    assert fact in run["output"]["answer"]
    assert {"marker": "[1]", "document": document, "heading": heading} in run["output"]["citations"]
    assert [step["name"] for step in run["steps"]] == ["find", "answer"]
    assert run["usage"]["cost_usd"] > 0


def test_the_same_question_under_the_same_key_costs_nothing(ask: Callable[..., dict[str, Any]]) -> None:
    first, second = ask("How often are API keys rotated?", "k"), ask("How often are API keys rotated?", "k")
    assert second["run_id"] == first["run_id"]
    assert all(step["replayed"] for step in second["steps"])


def test_a_question_of_other_words_makes_no_model_call(ask: Callable[..., dict[str, Any]]) -> None:
    run = ask("Zebra crossings?")
    assert run["output"] == {"answer": "The handbook does not say.", "citations": []}
    assert run["usage"]["cost_usd"] == 0


def test_a_host_without_its_secrets_arn_does_not_start(aws: Any, release: dict[str, str]) -> None:
    with pytest.raises(start.SettingsError, match="no ARN for model-api-key"):
        start.start(Settings.from_environment({**release, "AGENT_SECRETS": "{}"}))


def test_a_host_without_the_models_address_does_not_start(aws: Any, release: dict[str, str]) -> None:
    with pytest.raises(start.SettingsError, match="AGENT_MODEL_ENDPOINT is needed"):
        start.start(Settings.from_environment({**release, "AGENT_MODEL_ENDPOINT": ""}))
