"""Answers a question, and remembers what the session has asked before."""

from pathlib import Path
from typing import Any

from agent_runtime import Run

SYSTEM_PROMPT = Path(__file__).with_name("prompts").joinpath("system.md").read_text(encoding="utf-8")
MOST_REMEMBERED = 20


def answer(run: Run) -> dict[str, Any]:
    """`{"question": str}` becomes `{"answer": str}`. Calls without a `session` are not remembered."""
    asked: list[str] = run.memory.get("asked", []) if run.session else []
    content = "\n".join(["Asked before:", *asked, "", "Question:", run.input["question"]])
    messages = [{"role": "user", "content": content}]
    reply = run.model(name="answer", system=SYSTEM_PROMPT, messages=messages)
    if run.session:
        run.memory["asked"] = [*asked, run.input["question"]][-MOST_REMEMBERED:]
    return {"answer": reply.text}
