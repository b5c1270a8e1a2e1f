"""Answers a question step by step: what is done is not done again when the worker dies."""

from pathlib import Path
from typing import Any

from agent_runtime import Run

SYSTEM_PROMPT = Path(__file__).with_name("prompts").joinpath("system.md").read_text(encoding="utf-8")
ASPECTS = ("facts", "risks", "next steps")


def answer(run: Run) -> dict[str, Any]:
    """`{"question": str}` becomes `{"answer": str}`."""
    parts: list[str] = []
    for aspect in ASPECTS:
        content = f"{run.input['question']}\nAnswer with the {aspect} alone."
        messages = [{"role": "user", "content": content}]
        parts.append(run.model(name=aspect, system=SYSTEM_PROMPT, messages=messages).text)
        run.emit("answered", {"aspect": aspect})
    return {"answer": "\n".join(parts)}
