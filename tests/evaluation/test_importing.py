"""An agent is imported from its folder, and the process is left as it was."""

import sys
from pathlib import Path

import pytest

from agent_hosting_cli.evaluation.importing import imported_agent
from agent_hosting_cli.project import UserError


def agent_in(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "agent.py").write_text(text)
    return folder


def test_two_agents_with_modules_of_one_name_do_not_meet(tmp_path: Path) -> None:
    path = sys.path[:]
    for name in ("one", "two"):
        folder = agent_in(tmp_path / name, "from helper import NAME\n\ndef answer(run):\n    return NAME\n")
        (folder / "helper.py").write_text(f"NAME = {name!r}\n")
        with imported_agent("agent:answer", folder) as agent:
            assert agent(None) == name  # type: ignore[arg-type]
        assert not {"agent", "helper"} & sys.modules.keys()
    assert sys.path == path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import nowhere_to_be_found\n", r"agent\.yaml: entrypoint 'agent:answer' cannot be loaded"),
        ("\nraise RuntimeError('sk-do-not-show')\n", r"agent\.py:2: importing .* raised RuntimeError"),
        ("def answer(:\n", r"agent\.py:1: importing .* raised SyntaxError"),
        ("answer = 3\n", r"'agent:answer' is not a function"),
    ],
)
def test_an_import_that_fails_is_told_by_its_line(tmp_path: Path, text: str, said: str) -> None:
    folder = agent_in(tmp_path / "agent", text)
    with pytest.raises(UserError, match=said) as error, imported_agent("agent:answer", folder):
        pass
    assert "sk-do-not-show" not in str(error.value)
    assert "agent" not in sys.modules
