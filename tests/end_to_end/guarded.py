"""An agent with every guard that looks outward: tiers, a chat, a collector of spans."""

import gzip
import json
import threading
import urllib.parse
from dataclasses import dataclass, field
from typing import Any

from tests.end_to_end.deployments import Deployment

NAME = "guarded"
ACCOUNT = "acct_20261121"
"""What a caller says and no line of the log may hold."""
_AGENT = """\
import logging


def answer(run):
    account = run.input.get("account", "none")
    logging.getLogger("guarded").warning("asked for %s", account)
    kind = run.model(task="classify", messages=[{"role": "user", "content": account}])
    if run.input.get("asks") and not run.approve("close-account", summary="close the account for good"):
        return {"closed": False}
    reply = run.model(messages=[{"role": "user", "content": "Why?"}])
    return {"tiers": [kind.tier, reply.tier], "instead_of": kind.unavailable}
"""
_PRICES = "input_usd_per_million_tokens: 1, output_usd_per_million_tokens: 2, max_output_tokens: 100"
_MANIFEST = f"""\
entrypoint: agent:answer
models:
  small: {{provider: openai, name: small-v1, {_PRICES}, fallback: [large]}}
  large: {{provider: openai, name: embedded-v1, {_PRICES}, api_key_secret: model-api-key}}
routing:
  - {{task: [classify], tier: small}}
  - {{tier: large}}
secrets: [model-api-key]
max_model_calls: 20
"""


@dataclass
class Outside:
    """A model's server, a chat and a collector of spans in one WSGI application."""

    chat: list[str] = field(default_factory=list)
    spans: list[dict[str, Any]] = field(default_factory=list)
    model_is_down: bool = False
    model_calls: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        if environ.get("HTTP_CONTENT_ENCODING") == "gzip":
            body = gzip.decompress(body)
        path = urllib.parse.urlsplit(environ["PATH_INFO"]).path
        with self._lock:
            status, reply = self._answered(path, json.loads(body))
        payload = json.dumps(reply).encode()
        start_response(f"{status} X", [("Content-Length", str(len(payload)))])
        return [payload]

    def _answered(self, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        if path.endswith("/chat/completions"):
            self.model_calls += 1
            usage = {"prompt_tokens": 10, "completion_tokens": 1}
            reply = {"choices": [{"message": {"role": "assistant", "content": "billing"}}], "usage": usage}
            return (503, {}) if self.model_is_down else (200, reply)
        if path.endswith("/traces"):
            scopes = [s for r in body["resourceSpans"] for s in r["scopeSpans"]]
            self.spans += [span for scope in scopes for span in scope["spans"]]
        else:
            self.chat.append(body["text"])
        return 200, {}


def declare(deployment: Deployment, outside_url: str) -> None:
    """`guarded` in the place of the examples."""
    folder = deployment.root / NAME
    folder.mkdir()
    (folder / "agent.py").write_text(_AGENT)
    (folder / "agent.yaml").write_text(_MANIFEST)
    with deployment.edit() as config:
        config["agent-hosting:agents"] = {
            NAME: {
                "source": NAME,
                "host": "lambda",
                "monthly_budget_usd": 5,
                "requests_per_second": 1000,
                "secrets": ["model-api-key"],
                "model_endpoint": "${EMBEDDED_MODEL_ENDPOINT}",
                "model_endpoints": {"small": outside_url},
                "notify": {"webhook": True},
                "observe": {
                    "traces": {"endpoint": f"{outside_url}/traces"},
                    "redact": ["acct_[0-9]+"],
                },
            }
        }
