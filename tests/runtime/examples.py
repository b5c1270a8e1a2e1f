"""An example packed as a release, and its function to ask, started from its environment alone."""

import io
import json
import shutil
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent_runtime.bundle import bundle_from_folder
from agent_runtime.hosts import lambda_
from embedded_aws.model_server import ModelServer
from tests.runtime.pretended import SECRET_TEXT

EXAMPLES = Path(__file__).parents[2] / "examples"


class Context:
    """A function with all its time left: by the real clock, which a busy machine outruns."""

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


@contextmanager
def packed(example: str, folder: Path, aws: Any, serve: Callable[[Any], str]) -> Generator[dict[str, str]]:
    """The environment of a function that holds the example in `folder`."""
    source = EXAMPLES / example
    shutil.copytree(source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    bundle = bundle_from_folder(source, runtime_fingerprint="test")
    (folder / "bundle.json").write_text(bundle.canonical_json())

    def forget() -> None:
        for module in source.glob("*.py"):
            sys.modules.pop(module.stem, None)

    forget()  # what another test imported by these names
    environment = {
        "AGENT_NAME": "answers",
        "AGENT_ENVIRONMENT": "test",
        "AGENT_CHECKPOINT_TABLE": "checkpoints",
        "AGENT_CHECKPOINT_BUCKET": "checkpoint-blobs",
        "AGENT_CONTROL_TABLE": "control",
        "AGENT_SECRETS": json.dumps({"model-api-key": aws.secret_arn}),
        "AGENT_MODEL_ENDPOINT": serve(ModelServer(api_key=SECRET_TEXT)),
        "AGENT_BUNDLE_ID": bundle.bundle_id,
        "AGENT_TURN_TIMEOUT_SECONDS": "600",
        "LAMBDA_TASK_ROOT": str(folder),
    }
    try:
        yield environment
    finally:
        sys.path[:] = [entry for entry in sys.path if entry != str(folder)]
        forget()


def asking(
    environment: dict[str, str], http_event: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Any]]:
    """Asks the function's own handler; no answer and no log line may show the secret."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    written = io.StringIO()
    monkeypatch.setattr(sys, "stdout", written)
    monkeypatch.setattr(lambda_, "_host", None)

    def post(question: str, key: str | None = None, **more: Any) -> dict[str, Any]:
        headers = {} if key is None else {"idempotency-key": key}
        event = http_event(body={"input": {"question": question}, **more}, headers=headers)
        reply = lambda_.handler(event, Context())
        assert SECRET_TEXT not in json.dumps(reply) + written.getvalue()
        assert reply["statusCode"] == 200, reply["body"] + written.getvalue()
        return json.loads(reply["body"])

    return post
