"""Reviews a service's launch check by check: a run of twenty steps that outlives the worker it began on."""

import re
import time
from pathlib import Path
from typing import Any

from agent_runtime import Run

FOLDER = Path(__file__).parent
SYSTEM_PROMPT = (FOLDER / "prompts" / "system.md").read_text(encoding="utf-8")


def review(run: Run) -> dict[str, Any]:
    """`{"question": str, "seconds_per_check": float}` becomes `{"answer": str, "findings": [...]}`.

    The second field is optional: it makes each check as slow as a real one, to watch or to interrupt.
    """
    checks = run.step("plan", read_checks)
    findings: list[dict[str, str]] = []
    for check in checks:
        findings.append(run.step(check["name"], assess, run, check))
        run.emit("checked", {"check": check["name"], "done": len(findings), "of": len(checks)})
    report = run.effect("file-report", file_report, findings)
    missing = [finding["check"] for finding in findings if finding["open"]]
    answer = (
        f"{len(findings) - len(missing)} of {len(findings)} checks are answered; open: {', '.join(missing)}."
    )
    return {"answer": answer, "findings": findings, "report": report}


def assess(run: Run, check: dict[str, str]) -> dict[str, Any]:
    """One check against the notes: a pause, and a model call that is a part of this step."""
    time.sleep(float(run.input.get("seconds_per_check", 0)))
    passages = [f"[{n}] {text}" for n, text in enumerate(notes(), start=1)]
    content = "\n\n".join([*passages, f"Question: {check['question']}"])
    reply = run.model(system=SYSTEM_PROMPT, messages=[{"role": "user", "content": content}])
    return {"check": check["name"], "found": reply.text, "open": "[" not in reply.text}


def file_report(findings: list[dict[str, Any]], *, idempotency_key: str) -> str:
    """Files the report once: a real one would hand the key to the ticket system, which knows it again."""
    return f"REVIEW-{idempotency_key[:8]} with {len(findings)} findings"


def read_checks() -> list[dict[str, str]]:
    """The checks as `{name, question}`."""
    lines = (FOLDER / "documents" / "checks.md").read_text(encoding="utf-8").splitlines()
    found = [re.fullmatch(r"- ([\w-]+): (.+)", line) for line in lines]
    return [{"name": match[1], "question": match[2]} for match in found if match]


def notes() -> list[str]:
    """The sections of the team's notes, each on one line."""
    text = (FOLDER / "documents" / "notes.md").read_text(encoding="utf-8")
    return [
        " ".join(section.split()) for section in re.split(r"^# ", text, flags=re.MULTILINE) if section.strip()
    ]
