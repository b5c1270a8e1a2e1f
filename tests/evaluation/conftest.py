"""What the tests of evaluations share: a project with one agent, and a model that says what it is told."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

with warnings.catch_warnings():
    # pulumi_aws deprecates names of its own while it is imported.
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    import agent_hosting.agent_bundle  # noqa: F401

from agent_hosting_cli.main import app
from agent_hosting_cli.project import Project
from tests.servers import serve_fixture  # noqa: F401

MODEL = {
    "provider": "openai",
    "name": "small-v1",
    "input_usd_per_million_tokens": 1.0,
    "output_usd_per_million_tokens": 10.0,
    "api_key_secret": "model-api-key",
}
MANIFEST = {
    "entrypoint": "agent:answer",
    "model": MODEL,
    "secrets": ["model-api-key"],
    "tools": ["search", "lookup"],
}
AGENT = '''
def answer(run):
    """Searches when told to, asks the model, and cites what it was told to."""
    print("the agent prints")
    for tool in run.input.get("tools", []):
        run.step(tool, lambda: "found")
    if run.input.get("person"):
        run.approve("publish", summary="?")
    if run.input.get("fails"):
        raise RuntimeError("sk-do-not-show")
    reply = run.model(messages=[{"role": "user", "content": run.input["question"]}])
    return {"answer": reply.text, "citations": [{"document": name} for name in run.input.get("cites", [])]}
'''
Script = Callable[[str], str]


LENIENT = {"minimum_samples": 1, "thresholds": {"task_success": {"at_least": 0.9}}}


def gate(*arguments: str) -> Result:
    """`agent-hosting gate helper` in the working directory."""
    return CliRunner().invoke(app, ["gate", "helper", *arguments])


def question(text: str, **more: Any) -> dict[str, Any]:
    """A case."""
    return {"input": {"question": text}, **more}


@pytest.fixture
def model(serve: Callable[[Any], str]) -> Callable[[Script], str]:
    """Serves a model that answers each question as a function says; gives its base URL."""

    def start(script: Script) -> str:
        def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            request = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
            message = {"role": "assistant", "content": script(request["messages"][-1]["content"])}
            usage = {"prompt_tokens": 100, "completion_tokens": 10}
            body = json.dumps({"choices": [{"message": message}], "usage": usage}).encode()
            start_response(
                "200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
            )
            return [body]

        return serve(application)

    return start


class Desk:
    """A project whose stack `local` has the agent `helper`."""

    def __init__(self, root: Path) -> None:
        self.project = Project(root)
        self.folder = root / "agents" / "helper"
        (root / "stacks").mkdir()
        (root / "Pulumi.yaml").write_text("name: helper\nruntime: python\n")
        self.folder.mkdir(parents=True)
        self.stack("local", source="agents/helper")
        self.manifest()
        (self.folder / "agent.py").write_text(AGENT)

    def stack(self, name: str, **entry: Any) -> None:
        agents = {"helper": {"monthly_budget_usd": 5, "secrets": ["model-api-key"], **entry}}
        text = yaml.safe_dump({"config": {"agent-hosting:agents": agents}})
        self.project.stack_file(name).write_text(text)

    def manifest(self, **changes: Any) -> None:
        (self.folder / "agent.yaml").write_text(yaml.safe_dump({**MANIFEST, **changes}))

    def gates(self, **content: Any) -> None:
        (self.folder / "gates.yaml").write_text(yaml.safe_dump(content))

    def cases(self, *cases: dict[str, Any]) -> None:
        (self.folder / "evaluation").mkdir(exist_ok=True)
        lines = "".join(json.dumps(case) + "\n" for case in cases)
        (self.folder / "evaluation" / "cases.jsonl").write_text(lines)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AGENT_SECRET_HELPER_MODEL_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return Desk(tmp_path)


@pytest.fixture
def echo(model: Callable[[Script], str]) -> str:
    """Address of a model that repeats the question."""
    return model(lambda question: f"You said: {question}")
