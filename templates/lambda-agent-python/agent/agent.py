"""Answers a question in one turn."""

from pathlib import Path
from typing import Any

from agent_runtime import Run

SYSTEM_PROMPT = Path(__file__).with_name("prompts").joinpath("system.md").read_text(encoding="utf-8")


def answer(run: Run) -> dict[str, Any]:
    """`{"question": str}` becomes `{"answer": str}`."""
    reply = run.model(
        name="answer", system=SYSTEM_PROMPT, messages=[{"role": "user", "content": run.input["question"]}]
    )
    return {"answer": reply.text}
