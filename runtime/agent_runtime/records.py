"""What the checkpoint table holds, and how it is written as items.

Results are JSON texts in string attributes: a map of DynamoDB's own types would turn floats into Decimals.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from agent_runtime.errors import CheckpointBlobLost, CheckpointSchemaUnknown

if TYPE_CHECKING:
    from agent_runtime.blobs import BlobStore
    from agent_runtime.secrets import SecretValue

SCHEMA_VERSION: Final = 1
HEAD: Final = "run"
SKEW_SECONDS: Final = 600
"""How far clocks may be apart: a lease that ended longer ago than that is over by anybody's clock."""
Item = Mapping[str, Mapping[str, Any]]
Value = str | int | None
Path = tuple[int, ...]
"""Where a step stands: (3,) is the third of the run, (3, 2) the second within it. Counted from 1."""


class RunStatus(StrEnum):
    """Where a run stands. DONE, DEAD and CANCELLED are ends; all others can go on from their last step."""

    QUEUED = "QUEUED"
    """Accepted: a worker will take it."""
    RUNNING = "RUNNING"
    SLEEPING = "SLEEPING"
    """Waits for a time, and holds no worker."""
    WAITING_APPROVAL = "WAITING_APPROVAL"
    """Waits for a person, and holds no worker."""
    PARKED = "PARKED"
    """Waits for what passes by itself, a brake or a model that is down, or, stopped by a guard, for a
    person."""
    FAILED = "FAILED"
    """An answer could not be given in this call; the same key goes on with it."""
    DONE = "DONE"
    DEAD = "DEAD"
    """Given up, with its reason; only a message sent after that, such as a replay of the dead-letter queue,
    takes it up again."""
    CANCELLED = "CANCELLED"


ENDED: Final = frozenset({RunStatus.DONE, RunStatus.DEAD, RunStatus.CANCELLED})


class StepState(StrEnum):
    """Where a step stands."""

    CLAIMED = "CLAIMED"
    """A worker has announced that it is about to begin it; with an outside effect, it may have happened."""
    IN_DOUBT = "IN_DOUBT"
    """An effect whose outcome nobody knows: a person is asked."""
    DONE = "DONE"


@dataclass(frozen=True)
class Usage:
    """Tokens and their price, and what of the input was left out."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    model_calls: int = 0
    dropped_messages: int = 0
    """The oldest ones of conversations that were too long for the tier that was called."""
    dropped_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            round(self.cost_usd + other.cost_usd, 12),  # no tails such as 0.30000000000000004
            self.model_calls + other.model_calls,
            self.dropped_messages + other.dropped_messages,
            self.dropped_tokens + other.dropped_tokens,
        )

    def as_dict(self) -> dict[str, int | float]:
        """`{input_tokens, output_tokens, cost_usd}`, as callers see it."""
        return {
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cost_usd": self.cost_usd,
        }


@dataclass(frozen=True)
class RunRequest:
    """A run as a caller asked for it."""

    run_id: str
    tenant: str
    input: Any
    session: str | None = None
    traceparent: str = ""
    """The caller's span, as the W3C writes it; empty for none."""
    parent: str | None = None
    """Reference to the pot of the tree of runs at whose expense it runs, too."""
    user_token: "SecretValue | None" = field(default=None, repr=False, compare=False)
    """The caller's own, for tools that act by it: nobody writes it down."""


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
    """Names of the completed steps, the first `SHOWN_STEPS` of them, known once the run is not RUNNING."""
    step_count: int = 0
    usage: Usage = Usage()
    error: str | None = None
    """Class of the exception that ended it, or why it waits."""
    takes: int = 0
    """How often a worker took it since one last gave it back by itself."""
    parent: str | None = None
    """As in its request."""
    traceparent: str = ""
    """The caller's span, as the W3C writes it; empty for none."""
    resumes: int = 0
    """How often a person has let it go on after a stop or a guard."""
    memory_from: str = ""
    """Sort key of the version of its session's memory that it began with; empty for none."""


SHOWN_STEPS: Final = 200
"""Names kept in the head: a run may have 10,000 steps, and an item has 400 KB."""


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
    is_queued: bool = False
    """Whether the run came through a queue, so that the reaper watches over it."""
    pot: str = ""
    """Reference to the pot that it had shared when it was taken; empty for none."""


@dataclass(frozen=True)
class StepRecord:
    """A step as its item tells it."""

    path: Path
    name: str
    state: StepState
    epoch: int
    write_token: str
    result: str | None = field(default=None, repr=False)
    result_blob: str | None = None
    usage: Usage = Usage()
    effect: bool = False
    """Whether it acts on the outside, so that a claim without a result is in doubt."""
    children: int | None = None
    """0 for a step with steps inside, n for one of n parallel steps, None for a plain one."""
    failed: str | None = None
    """`module:class` of the exception it ended with, where the agent caught it and went on."""


@dataclass(frozen=True)
class OpenedRun:
    """A run that is open to this worker, or, without a lease, already ended."""

    record: RunRecord
    lease: Lease | None
    recorded: dict[Path, StepRecord]


def head_key(pk: str) -> dict[str, Value]:
    """Key of the run's own item."""
    return {"pk": pk, "sk": HEAD}


def path_text(path: Path) -> str:
    """Such as `000003.000002`: six digits each, so that texts sort as paths do."""
    return ".".join(f"{number:06d}" for number in path)


def path_from(text: str) -> Path:
    """The path of its text. Raises ValueError."""
    return tuple(int(number) for number in text.split("."))


def step_key(path: Path) -> str:
    """Sort key of a step."""
    return f"step#{path_text(path)}"


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
    """Usage as JSON text; what came after the first release only where it says something."""
    held = asdict(usage)
    return json.dumps({name: v for name, v in held.items() if v or not name.startswith("dropped_")})


def load_usage(text: str | None) -> Usage:
    """Usage of a JSON text; none at all is zero, for steps that call no model. What a newer runtime counts
    beside is passed over."""
    held: dict[str, Any] = json.loads(text) if text else {}
    return Usage(**{name: held[name] for name in Usage.__dataclass_fields__ if name in held})


def record_from(values: Mapping[str, Any], blobs: "BlobStore", *, with_input: bool = True) -> RunRecord:
    """The run of a head's values; an input that nobody needs may be 100 MB. Raises `CheckpointBlobLost`."""
    given = blobs.load(values.get("input"), values.get("input_blob")) if with_input else None
    output = blobs.load(values.get("output"), values.get("output_blob"))
    return RunRecord(
        run_id=values["run_id"],
        tenant=values["tenant"],
        session=values.get("session"),
        status=RunStatus(values["status"]),
        bundle_id=values["bundle_id"],
        input=_uploaded_json(given) if given else None,
        created_at=values["created_at"],
        updated_at=values["updated_at"],
        output=json.loads(output or "null"),
        steps=tuple(json.loads(values.get("steps", "[]"))),
        step_count=values.get("step_count", 0),
        usage=load_usage(values.get("usage")),
        error=values.get("error"),
        takes=values.get("takes", 0),
        parent=values.get("parent"),
        traceparent=values.get("traceparent", ""),
        resumes=values.get("resumes", 0),
        memory_from=values.get("memory_from", ""),
    )


def _uploaded_json(text: str) -> Any:
    """What a caller uploaded was never read before a worker came to it."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointBlobLost("the input that was uploaded is not JSON") from error


def step_from(values: Mapping[str, Any]) -> StepRecord:
    """The step of an item's values."""
    return StepRecord(
        path=path_from(values["sk"].removeprefix("step#")),
        name=values.get("name", ""),
        state=StepState(values["state"]),
        epoch=values["epoch"],
        write_token=values["write_token"],
        result=values.get("result"),
        result_blob=values.get("result_blob"),
        usage=load_usage(values.get("usage")),
        effect=values.get("effect", 0) == 1,
        children=values.get("children"),
        failed=values.get("failed"),
    )
