"""Log lines as JSON, for those who search them."""

import json
import logging
import traceback
from collections.abc import Mapping
from typing import Any, Final, TextIO

from agent_runtime.telemetry import here
from agent_runtime.telemetry.redaction import Redactor

_STANDARD_FIELDS: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """One JSON object a line: level, logger, message, what each line of this process carries, the run, step
    and span that it was written in, and every `extra` field; redacted.

    Of an exception it keeps the class and the places, not the text, which may hold a secret or a person's
    words.
    """

    def __init__(self, carried: Mapping[str, str], redactor: Redactor | None = None) -> None:
        super().__init__()
        self._carried = dict(carried)
        self._redactor = redactor or Redactor()

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "time": round(record.created, 3),
            **self._carried,
            **here.fields(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD_FIELDS}
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            frames = traceback.extract_tb(record.exc_info[2])
            line["stack"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-10:]]
        # What JSON does not know becomes a text first, which is redacted like any other.
        plain = json.loads(json.dumps(line, default=str))
        return json.dumps(self._redactor.value(plain))


def log_to(stream: TextIO, redactor: Redactor | None = None, **carried: str) -> None:
    """Send the runtime's log lines to `stream`, once. `carried` are fields of every line, such as the agent
    and its bundle."""
    logger = logging.getLogger("agent_runtime")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter(carried, redactor))
    logger.handlers = [handler]


def log_agent_alike() -> None:
    """Send the lines of all other loggers, which are those of the agent and its libraries, the same way: with
    their run and step, and redacted. Lambda's own handler, which writes plain lines, goes; others stay."""
    root, ours = logging.getLogger(), logging.getLogger("agent_runtime").handlers
    kept = [held for held in root.handlers if not type(held).__module__.startswith("awslambdaric")]
    root.handlers = [*kept, *(held for held in ours if held not in kept)]
