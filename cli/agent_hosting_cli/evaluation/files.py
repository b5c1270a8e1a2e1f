"""Evidence on disk, and the cases that it was made of beside it."""

import getpass
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from agent_hosting_cli.evaluation.results import CaseResult
from agent_hosting_cli.evaluation.told import mistakes
from agent_hosting_cli.project import Project, UserError
from agent_runtime.rollout.gates import Evidence


@dataclass(frozen=True)
class Places:
    """Where an evaluation is written to."""

    evidence: Path

    @property
    def picture(self) -> Path:
        return self.evidence.with_suffix(".svg")

    @property
    def cases(self) -> Path:
        """One result a line, to look up what failed. Holds what the agent answered."""
        return self.evidence.with_suffix(".cases.jsonl")


def places(project: Project, agent: str, bundle_id: str, out: Path | None) -> Places:
    """Below `build/evidence`, unless `out` names the evidence's file. Raises `UserError`."""
    path = out or project.root / "build" / "evidence" / f"{agent}-{bundle_id}.json"
    if path.suffix != ".json":
        raise UserError(f"--out is {str(path)!r}; a file that ends in .json is needed")
    return Places(path)


def write(places: Places, evidence: Evidence, results: Sequence[CaseResult], picture: str) -> None:
    """Writes the evidence, its picture and, where cases were run, their results. Raises `UserError`."""
    try:
        places.evidence.parent.mkdir(parents=True, exist_ok=True)
        places.evidence.write_text(evidence.model_dump_json(indent=2) + "\n", encoding="utf-8")
        places.picture.write_text(picture, encoding="utf-8")
        if results:
            lines = (json.dumps(result.as_dict()) for result in results)
            places.cases.write_text("\n".join(lines) + "\n", encoding="utf-8")
        else:
            places.cases.unlink(missing_ok=True)  # of an earlier evaluation: no part of this evidence
    except OSError as error:
        raise UserError(f"{error.filename} cannot be written: {error.strerror}; use --out FILE") from None


def evidence_of_file(path: Path) -> Evidence:
    """The evidence that `agent-hosting gate` wrote to `path`. Raises `UserError`."""
    try:
        return Evidence.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UserError(
            f"{path} cannot be read: {error.strerror}; `agent-hosting gate AGENT` writes evidence"
        ) from None
    except ValidationError as error:
        raise UserError(mistakes(path, error, lambda place: () if place else _FIELDS)) from None


def author() -> str:
    """Who makes the evidence, as the operating system knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's number without a name
        return "unknown"


_FIELDS: Mapping[str, object] = Evidence.model_fields
