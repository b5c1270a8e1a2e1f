"""Remembers what it is told, and answers from it in later turns of the same session."""

import re
import time
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, Final

from agent_runtime import Run

SYSTEM_PROMPT = Path(__file__).with_name("prompts").joinpath("system.md").read_text(encoding="utf-8")
MOST_FACTS: Final = 200
"""The oldest goes when there are more: a memory that only grows is read and paid for in every turn."""
MOST_RECALLED: Final = 20
_ASKED_TO = re.compile(r"^(?:please\s+)?remember(?:\s+that)?[\s:,]+", re.IGNORECASE)


def talk(run: Run) -> dict[str, Any]:
    """`{"question": str}` becomes `{"answer": str, "turn": int, "facts": int}`.

    What ends in a question mark is asked, the rest is told. Without a session nothing outlives the turn. The
    optional field `seconds_per_step` makes each of the three steps take time, to watch or to interrupt.
    """
    memory: MutableMapping[str, Any] = run.memory if run.session else {}
    heard = run.step("listen", listen, run)
    known: list[str] = memory.get("facts", [])
    facts = [*(fact for fact in known if fact not in heard["told"]), *heard["told"]][-MOST_FACTS:]
    recalled = run.step("recall", recall, run, facts, heard["asked"])
    answer = run.step("answer", reply, run, heard, recalled)
    memory["facts"] = facts
    memory["turns"] = memory.get("turns", 0) + 1
    return {"answer": answer, "turn": memory["turns"], "facts": len(facts)}


def listen(run: Run) -> dict[str, Any]:
    """What the caller told and asked, as `{told: [...], asked: str}`."""
    _take_time(run)
    sentences = [part.strip() for part in re.split(r"(?<=[.!?])\s+|\n+", run.input["question"])]
    told = [_ASKED_TO.sub("", part) for part in sentences if part and not part.endswith("?")]
    return {
        "told": [_as_sentence(part) for part in told if part],
        "asked": " ".join(part for part in sentences if part.endswith("?")),
    }


def recall(run: Run, facts: list[str], asked: str) -> list[str]:
    """The facts that share a word with the question, the latest last."""
    _take_time(run)
    words = _words(asked)
    return [fact for fact in facts if words & _words(fact)][-MOST_RECALLED:]


def reply(run: Run, heard: dict[str, Any], recalled: list[str]) -> str:
    """One model call, and none where nothing was asked or nothing is known."""
    _take_time(run)
    if not heard["asked"]:
        return f"I will remember: {' '.join(heard['told'])}"
    if not recalled:
        return "You have not told me."
    passages = [f"[{n}] {fact}" for n, fact in enumerate(recalled, start=1)]
    content = "\n\n".join([*passages, f"Question: {heard['asked']}"])
    return run.model(system=SYSTEM_PROMPT, messages=[{"role": "user", "content": content}]).text


def _take_time(run: Run) -> None:
    time.sleep(float(run.input.get("seconds_per_step", 0)))


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.lower()) if len(word) > 3}


def _as_sentence(text: str) -> str:
    whole = text if text[-1] in ".!" else f"{text}."
    return whole[0].upper() + whole[1:]
