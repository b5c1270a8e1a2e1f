"""A scorer of the agent's own: a function in its folder `evaluation/`."""

import importlib.util
import math
import traceback
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

from agent_hosting_cli.evaluation.cases import Case
from agent_hosting_cli.evaluation.results import CaseResult
from agent_hosting_cli.project import UserError


class Own:
    """What `module:function` returns for the case and the result, both as dicts.

    It is called for runs that are done, one at a time; others score 0. Raises `UserError`.
    """

    def __init__(self, name: str, function: str, folder: Path) -> None:
        self.name, self._function = name, function
        module, _, attribute = function.partition(":")
        self._file = folder / f"{module}.py"
        self._call = self._loaded(attribute)
        self._lock = Lock()

    def score(self, case: Case, result: CaseResult) -> float | None:
        if not result.is_done:
            return 0.0
        try:
            with self._lock:
                score: object = self._call(case.model_dump(), result.as_dict())
        except Exception as error:  # noqa: BLE001  their code may raise anything
            raise UserError(
                f"{self._place(error)}: {self._function} raised {type(error).__name__} for the case {case.id}"
            ) from None
        if score is None:
            return None
        if not isinstance(score, int | float) or not math.isfinite(score) or not 0 <= score <= 1:
            raise UserError(
                f"{self._file}: {self._function} returned {score!r} for the case {case.id}; a number from 0 "
                f"to 1 is needed, or None where it does not apply"
            )
        return float(score)

    def _loaded(self, attribute: str) -> Callable[[dict[str, Any], dict[str, Any]], object]:
        # A name of its own, which neither the agent's modules nor another scorer's can have.
        spec = importlib.util.spec_from_file_location(f"evaluation scorer {self._file.stem}", self._file)
        if spec is None or spec.loader is None or not self._file.is_file():
            raise UserError(
                f"gates.yaml: the scorer {self._function!r} is looked for in {self._file}, and there is no "
                f"such file"
            )
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except Exception as error:  # noqa: BLE001  their code may raise anything
            raise UserError(f"{self._place(error)}: importing it raised {type(error).__name__}") from None
        found = getattr(module, attribute, None)
        if not callable(found):
            raise UserError(f"{self._file}: there is no function {attribute!r}, which gates.yaml names")
        return found

    def _place(self, error: Exception) -> str:
        """The file, with the line of theirs that the error came from."""
        if isinstance(error, SyntaxError) and error.lineno:
            return f"{self._file}:{error.lineno}"
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename == str(self._file)
        ]
        return f"{self._file}:{lines[-1]}" if lines else str(self._file)
