"""Log lines as JSON, for those who search them."""

import json
import logging
import traceback
from collections.abc import Mapping
from typing import Any, Final, TextIO

_STANDARD_FIELDS: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """One JSON object a line: level, logger, message, what each line of this process carries, and every
    `extra` field.

    Of an exception it keeps the class and the places, not the text, which may hold a secret or a person's
    words.
    """

    def __init__(self, carried: Mapping[str, str]) -> None:
        super().__init__()
        self._carried = dict(carried)

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "time": round(record.created, 3),
            **self._carried,
        }
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD_FIELDS}
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            frames = traceback.extract_tb(record.exc_info[2])
            line["stack"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-10:]]
        return json.dumps(line, default=str)


def log_to(stream: TextIO, **carried: str) -> None:
    """Send the runtime's log lines to `stream`, once: other loggers are the agent's own affair. `carried` are
    fields of every line, such as the agent and its bundle."""
    logger = logging.getLogger("agent_runtime")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter(carried))
    logger.handlers = [handler]
