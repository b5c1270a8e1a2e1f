"""Results of other evaluation tools, as rows of an evaluation of ours.

A score named as one of our metrics counts for it; what a format does not tell is not measured.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from agent_hosting_cli.evaluation.measures import Row
from agent_hosting_cli.evaluation.reports import deepeval, inspect_log, promptfoo, pytest_json
from agent_hosting_cli.evaluation.reports.shape import Shape
from agent_hosting_cli.project import UserError

FORMATS: Final[Mapping[str, Callable[[Shape], list[Row]]]] = {
    "deepeval": deepeval.rows,
    "inspect": inspect_log.rows,
    "promptfoo": promptfoo.rows,
    "pytest": pytest_json.rows,
}


def read_report(path: Path, kind: str) -> list[Row]:
    """The rows of the report in `path`, at least one. Raises `UserError` that says what was expected."""
    reader = FORMATS.get(kind)
    if reader is None:
        raise UserError(f"--format is {kind!r}; known are {', '.join(FORMATS)}")
    try:
        document: object = json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f"--results {path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"--results {path} is no JSON: {error}") from None
    rows = reader(Shape(document, str(path), kind))
    if not rows:
        raise UserError(f"{path} holds no case that was judged, so it is no evidence")
    return rows
