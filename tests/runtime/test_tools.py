"""The tools that an environment allows are the tools that a run knows."""

from collections.abc import Callable
from typing import Any

import pytest

from agent_runtime.bundle import Bundle, ToolSpec
from agent_runtime.models.client import ModelClient
from agent_runtime.records import RunRequest
from agent_runtime.runner import Runner
from agent_runtime.settings import Settings

_GIVEN = {
    "AGENT_NAME": "handbook",
    "AGENT_ENVIRONMENT": "local",
    "AGENT_CHECKPOINT_TABLE": "runs",
    "AGENT_CHECKPOINT_BUCKET": "large",
    "AGENT_CONTROL_TABLE": "control",
}


@pytest.mark.parametrize(("text", "tools"), [("search, mail", {"search", "mail"}), ("", None)])
def test_the_allowed_tools_are_read_from_the_environment(text: str, tools: set[str] | None) -> None:
    assert Settings.from_environment({**_GIVEN, "AGENT_TOOLS": text}).tools == tools


@pytest.mark.parametrize(
    ("allowed", "known"), [(None, ["search", "mail"]), (frozenset({"search", "other"}), ["search"])]
)
def test_a_run_knows_the_tools_of_its_bundle_that_are_allowed_here(
    aws: Any, model: Any, make_bundle: Callable[..., Bundle], allowed: frozenset[str] | None, known: list[str]
) -> None:
    bundle = make_bundle(tools=(ToolSpec(name="search"), ToolSpec(name="mail")))
    runner = Runner(
        lambda run: {"tools": list(run.tools)},
        bundle=bundle,
        store=aws.store(),
        brake=aws.brake(),
        secrets=aws.secrets(),
        models=ModelClient(bundle.model, model),
        tools=allowed,
    )
    request = RunRequest("0" * 32, "acme", {}, None)
    outcome = runner.run(request, lease_seconds=30, remaining_seconds=lambda: 20.0)
    assert outcome.output == {"tools": known}
