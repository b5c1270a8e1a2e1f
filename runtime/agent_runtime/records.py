"""What the checkpoint table holds, and how it is written as items.

Results are JSON texts in string attributes: a map of DynamoDB's own types would turn floats into Decimals.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from agent_runtime.errors import CheckpointSchemaUnknown

if TYPE_CHECKING:
    from agent_runtime.blobs import BlobStore

SCHEMA_VERSION: Final = 1
HEAD: Final = "run"
Item = Mapping[str, Mapping[str, Any]]
Value = str | int | None


class RunStatus(StrEnum):
    """Where a run stands. FAILED and PARKED runs go on from their last step when the same key comes again."""

    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    PARKED = "PARKED"


@dataclass(frozen=True)
class Usage:
    """Tokens and their price."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    model_calls: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            round(self.cost_usd + other.cost_usd, 12),  # no tails such as 0.30000000000000004
            self.model_calls + other.model_calls,
        )

    def as_dict(self) -> dict[str, int | float]:
        """`{input_tokens, output_tokens, cost_usd}`, as callers see it."""
        return {
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cost_usd": self.cost_usd,
        }


@dataclass(frozen=True)
class RunRecord:
    """A run as its head item tells it. Times are milliseconds since 1970."""

    run_id: str
    tenant: str
    session: str | None
    status: RunStatus
    bundle_id: str
    input: Any
    created_at: int
    updated_at: int
    output: Any = None
    steps: tuple[str, ...] = ()
    """Names of the completed steps, known once the run is no longer RUNNING."""
    usage: Usage = Usage()
    error: str | None = None
    """Class of the exception of a FAILED run, or why a run is PARKED."""


@dataclass(frozen=True)
class Lease:
    """The right to write to a run. The epoch only grows; `birth` tells a run from an expired one of the
    same id."""

    pk: str
    blob_prefix: str
    epoch: int
    birth: str
    expires_at: int
    """Seconds since 1970 at which DynamoDB may delete the run: the same for all of its items."""


@dataclass(frozen=True)
class RecordedStep:
    """A completed step."""

    sequence: int
    name: str
    result: str | None = field(repr=False)
    result_blob: str | None = None
    usage: Usage = Usage()


@dataclass(frozen=True)
class OpenedRun:
    """A run that is open to this worker, or, without a lease, already done."""

    record: RunRecord
    lease: Lease | None
    recorded: dict[int, RecordedStep]


def head_key(pk: str) -> dict[str, Value]:
    """Key of the run's own item."""
    return {"pk": pk, "sk": HEAD}


def step_key(sequence: int) -> str:
    """Sort key of a step. Six digits, so that keys sort as numbers do."""
    return f"step#{sequence:06d}"


def encode(values: Mapping[str, Value]) -> dict[str, Any]:
    """An item of strings and whole numbers; what is None is left out."""
    return {
        name: {"N": str(value)} if isinstance(value, int) else {"S": value}
        for name, value in values.items()
        if value is not None
    }


def decode(item: Item) -> dict[str, Any]:
    """The values of an item. Raises `CheckpointSchemaUnknown`: an item of another schema is never guessed
    at."""
    version = item.get("schema_version", {}).get("N")
    if version != str(SCHEMA_VERSION):
        key = f"{item['pk']['S']} {item['sk']['S']}"
        raise CheckpointSchemaUnknown(f"{key} has schema version {version}, known is {SCHEMA_VERSION}")
    return {name: int(value["N"]) if "N" in value else value["S"] for name, value in item.items()}


def dump_usage(usage: Usage) -> str:
    """Usage as JSON text."""
    return json.dumps(asdict(usage))


def load_usage(text: str | None) -> Usage:
    """Usage of a JSON text; none at all is zero, for steps that call no model."""
    return Usage(**json.loads(text)) if text else Usage()


def record_from(values: Mapping[str, Any], blobs: "BlobStore") -> RunRecord:
    """The run of a head's values. Raises `CheckpointBlobLost`."""
    given = blobs.load(values.get("input"), values.get("input_blob"))
    output = blobs.load(values.get("output"), values.get("output_blob"))
    return RunRecord(
        run_id=values["run_id"],
        tenant=values["tenant"],
        session=values.get("session"),
        status=RunStatus(values["status"]),
        bundle_id=values["bundle_id"],
        input=json.loads(given or "null"),
        created_at=values["created_at"],
        updated_at=values["updated_at"],
        output=json.loads(output or "null"),
        steps=tuple(json.loads(values.get("steps", "[]"))),
        usage=load_usage(values.get("usage")),
        error=values.get("error"),
    )


def step_from(values: Mapping[str, Any]) -> RecordedStep:
    """The completed step of an item's values."""
    usage = load_usage(values.get("usage"))
    return RecordedStep(
        values["sequence"], values["name"], values.get("result"), values.get("result_blob"), usage
    )
