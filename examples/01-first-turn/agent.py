"""Answers a question from the team's handbook, and says where the answer stands."""

from pathlib import Path
from typing import Any

from search import find

from agent_runtime import Run

SYSTEM_PROMPT = Path(__file__).with_name("prompts").joinpath("system.md").read_text(encoding="utf-8")


def answer(run: Run) -> dict[str, Any]:
    """`{"question": str}` becomes `{"answer": str, "citations": [{marker, document, heading}]}`."""
    question = run.input["question"]
    passages = run.step("find", find, question)
    if not passages:
        return {"answer": "The handbook does not say.", "citations": []}
    reply = run.model(
        name="answer",
        system=SYSTEM_PROMPT,
        messages=[{"role": "user", "content": with_passages(question, passages)}],
    )
    citations = cited(reply.text, passages)
    run.score("grounding", 1.0 if citations else 0.0)
    return {"answer": reply.text, "citations": citations}


def with_passages(question: str, passages: list[dict[str, str]]) -> str:
    """The question below its numbered passages."""
    numbered = [f"[{n}] {p['heading']}\n{p['text']}" for n, p in enumerate(passages, start=1)]
    return "\n\n".join([*numbered, f"Question: {question}"])


def cited(text: str, passages: list[dict[str, str]]) -> list[dict[str, str]]:
    """The passages whose markers the answer repeats: a source that was not used is not named."""
    return [
        {"marker": f"[{n}]", "document": p["document"], "heading": p["heading"]}
        for n, p in enumerate(passages, start=1)
        if f"[{n}]" in text
    ]
