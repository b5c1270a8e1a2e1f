import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_runtime.bundle import bundle_from_folder
from agent_runtime.hosts import lambda_, start
from agent_runtime.settings import Settings
from embedded_aws.model_server import ModelServer

EXAMPLE = Path(__file__).parents[2] / "examples" / "01-first-turn"
OWN_MODULES = ("agent", "search")


class Context:
    """A function with ten seconds left."""

    def get_remaining_time_in_millis(self) -> int:
        return 10_000


@pytest.fixture
def release(aws: Any, serve: Callable[[Any], str], tmp_path: Path) -> Iterator[dict[str, str]]:
    """The example packed as a release, and the environment of its function."""
    for path in EXAMPLE.rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            target = tmp_path / path.relative_to(EXAMPLE)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    bundle = bundle_from_folder(EXAMPLE, runtime_fingerprint="test")
    (tmp_path / "bundle.json").write_text(bundle.canonical_json())
    yield {
        "AGENT_NAME": "answers",
        "AGENT_ENVIRONMENT": "test",
        "AGENT_CHECKPOINT_TABLE": "checkpoints",
        "AGENT_CHECKPOINT_BUCKET": "checkpoint-blobs",
        "AGENT_CONTROL_TABLE": "control",
        "AGENT_SECRETS": json.dumps({"model-api-key": aws.secret_arn}),
        "AGENT_MODEL_ENDPOINT": serve(ModelServer(api_key="sk-do-not-show-7f3a")),
        "AGENT_BUNDLE_ID": bundle.bundle_id,
        "LAMBDA_TASK_ROOT": str(tmp_path),
    }
    sys.path[:] = [entry for entry in sys.path if entry != str(tmp_path)]
    for name in OWN_MODULES:
        sys.modules.pop(name, None)


@pytest.fixture
def ask(
    release: dict[str, str], http_event: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Any]]:
    """Ask the function's own handler, started from its environment alone."""
    for name, value in release.items():
        monkeypatch.setenv(name, value)
    written = io.StringIO()
    monkeypatch.setattr(sys, "stdout", written)
    monkeypatch.setattr(lambda_, "_host", None)

    def post(question: str, key: str | None = None) -> dict[str, Any]:
        headers = {} if key is None else {"idempotency-key": key}
        event = http_event(body={"input": {"question": question}}, headers=headers)
        reply = lambda_.handler(event, Context())
        assert "sk-do-not-show-7f3a" not in json.dumps(reply) + written.getvalue()
        assert reply["statusCode"] == 200, reply["body"]
        return json.loads(reply["body"])

    return post


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
