"""What the command hands to Pulumi's programs."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from agent_hosting_cli.engine import Engine, secret_variable
from agent_hosting_cli.project import Project


def environment(root: Path, agents: Any) -> dict[str, str]:
    """Those variables that hold secrets."""
    (root / "stacks").mkdir(exist_ok=True)
    text = agents if isinstance(agents, str) else yaml.safe_dump({"config": {"agent-hosting:agents": agents}})
    (root / "stacks" / "Pulumi.local.yaml").write_text(text)
    found = Engine(Project(root), root, None)._secrets()  # type: ignore[arg-type]
    assert all(name.startswith("AGENT_SECRET_") for name in found)
    return found


def test_every_secret_of_the_local_stack_has_a_value_that_the_embedded_model_takes(tmp_path: Path) -> None:
    agents = {"hand-book": {"secrets": ["model-api-key", "crm.key"]}, "review": {"secrets": []}}
    assert environment(tmp_path, agents) == {
        "AGENT_SECRET_HAND_BOOK_MODEL_API_KEY": "local-key",
        "AGENT_SECRET_HAND_BOOK_CRM_KEY": "local-key",
    }


def test_a_value_of_the_environment_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = secret_variable("review", "model-api-key")
    monkeypatch.setenv(name, "sk-mine")
    assert environment(tmp_path, {"review": {"secrets": ["model-api-key"]}}) == {name: "sk-mine"}


@pytest.mark.parametrize("text", ["", "config: 1", "{", "config: {agent-hosting:agents: {review: {}}}"])
def test_a_file_that_cannot_be_read_is_left_to_the_program_to_explain(tmp_path: Path, text: str) -> None:
    assert environment(tmp_path, text) == {}
