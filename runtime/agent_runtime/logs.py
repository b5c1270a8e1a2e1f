"""What a run tells its operators: JSON log lines, and one line of metrics in CloudWatch's embedded format."""

import json
import logging
import traceback
from typing import Any, Final, TextIO

from agent_runtime.records import Usage

NAMESPACE: Final = "AgentHosting"
_METRICS: Final = {
    "SpendUsd": "None",
    "InputTokens": "Count",
    "OutputTokens": "Count",
    "Runs": "Count",
    "RunErrors": "Count",
    "DurationMs": "Milliseconds",
}
_STANDARD_FIELDS: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """One JSON object a line: level, logger, message and every `extra` field.

    Of an exception it keeps the class and the places, not the text, which may hold a secret or a person's
    words.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "time": round(record.created, 3),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD_FIELDS}
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            frames = traceback.extract_tb(record.exc_info[2])
            line["stack"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-10:]]
        return json.dumps(line, default=str)


def log_to(stream: TextIO) -> None:
    """Send the runtime's log lines to `stream`, once: other loggers are the agent's own affair."""
    logger = logging.getLogger("agent_runtime")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger.handlers = [handler]


def metrics_line(
    *, agent: str, bundle_id: str, run_id: str, spent: Usage, failed: bool, duration_ms: float, now: float
) -> str:
    """One run in CloudWatch's embedded metric format. `now` is seconds since 1970.

    Dimensions are the agent, and the agent with its bundle: each further value of a dimension is a metric
    that costs money, so tenants and runs are fields to search for instead.
    """
    values: dict[str, float] = {
        "SpendUsd": spent.cost_usd,
        "InputTokens": spent.input_tokens,
        "OutputTokens": spent.output_tokens,
        "Runs": 1,
        "RunErrors": int(failed),
        "DurationMs": round(duration_ms, 3),
    }
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [["agent"], ["agent", "bundle"]],
        "Metrics": [{"Name": name, "Unit": unit} for name, unit in _METRICS.items()],
    }
    aws = {"Timestamp": int(now * 1000), "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": aws, "agent": agent, "bundle": bundle_id, "run_id": run_id, **values})
