"""Reads what Pulumi tells of a stack, for tools that judge Terraform's plans."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from agent_hosting_cli import local
from agent_hosting_cli.engine import LOCAL
from agent_hosting_cli.project import Project, UserError

_SECONDS: Final = 1800
_PREVIEW: Final = ("preview", "--json")
_STATE: Final = ("stack", "export")


def told_by_pulumi(project: Project, stack: str, *, deployed: bool) -> dict[str, Any]:
    """What `pulumi preview --json`, or for a deployed stack `pulumi stack export`, prints: secrets masked or
    encrypted. Raises `UserError`."""
    arguments = [*(_STATE if deployed else _PREVIEW), "--stack", stack]
    environment: Mapping[str, str] = {}
    if stack == LOCAL:
        engine = local.engine(project)
        if not engine.has_stack():
            raise UserError("the stack local is not there yet; make it with `make up`")
        environment = engine.environment()
    try:
        done = subprocess.run(
            ["pulumi", "--non-interactive", "--color", "never", *arguments],
            cwd=project.root,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(f"pulumi does not answer ({type(error).__name__}); is it on PATH?") from None
    if done.returncode != 0:
        why = _reason(done.stdout) or done.stderr.strip()
        raise UserError(f"pulumi cannot tell of the stack {stack}:\n{why}")
    return read(done.stdout)


def told_in(file: Path) -> dict[str, Any]:
    """The same from a file, `-` for standard input. Raises `UserError`."""
    try:
        return read(sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}") from None


def read(text: str) -> dict[str, Any]:
    try:
        found: Any = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not {"steps", "deployment"} & set(found):
        raise UserError("that is neither what `pulumi preview --json` nor what `pulumi stack export` prints")
    return found


def _reason(said: str) -> str:
    """What a preview that failed has told of it."""
    try:
        diagnostics = json.loads(said).get("diagnostics") or []
    except (ValueError, AttributeError):
        return ""
    return "\n".join(one["message"].strip() for one in diagnostics if one.get("severity") == "error")
