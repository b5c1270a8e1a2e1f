"""Everything the runtime raises, under one base, so that a host can tell its own errors from the agent's.

```
AgentRuntimeError
├── ConfigurationError         what was deployed is wrong: no run starts
│   ├── ManifestError          agent.yaml or the agent's folder
│   └── SettingsError          the environment, or a bundle.json that is not the bundle asked for
├── CheckpointError            the saved state forbids going on
│   ├── RunUnknown             no such run, or an expired one
│   ├── RunHeld                it was stopped, or a guard parked it: a person lets it go on
│   ├── RunInProgress          another worker holds the lease; `retry_after_seconds`
│   ├── IdempotencyMismatch    the same key came with another input
│   ├── LeaseLost              another worker took the run over: stop, and write nothing more
│   ├── BundleMismatch         the run was begun by another bundle
│   ├── SessionBusy            another turn of the session goes on; `retry_after_seconds`
│   ├── SessionElsewhere       the session is pinned to another bundle
│   ├── SessionStranded        its release takes no runs any more, and no other can go on with it
│   ├── CheckpointSchemaUnknown  the item was written by a newer runtime
│   ├── CheckpointBlobLost     what is kept in S3 is missing, altered or not JSON
│   ├── MemoryGone             the version that a run began with is no longer kept
│   └── CheckpointUnavailable  DynamoDB or S3 does not answer, after retries
├── RunError                   the agent's code broke a rule of the run
│   ├── StepMismatch           the code changed order
│   ├── NestedStep             a step was begun inside an effect, or in a thread of one's own
│   ├── StepInDoubt            nobody could say whether an effect happened
│   ├── StepLimitExceeded
│   ├── ModelCallLimitExceeded
│   ├── ContextExceeded        a model call's input does not fit, whatever is left out
│   ├── MemoryUnavailable      the agent or the run has no memory
│   ├── MemoryInStep           it was changed inside a step
│   ├── MemoryTooLarge
│   ├── ScoreInvalid
│   ├── GuardUpheld            a guard stopped the run, and a person did not let it go on
│   ├── ShareUnavailable       there is no ledger whose budget could be shared
│   ├── CapDenied              the run reached a cap of its own, and a person did not let it go on
│   └── ResultNotJson
├── Braked                     the brake is engaged; `reason`
├── CapReached                 a cap on spending leaves no room; `scope`, `window`
├── ParentRefused              a run was asked for at the expense of a tree that this agent may not join
├── SpendUnknown               the ledger cannot be reached, so nothing may be spent
├── GuardTripped               a guard parks the run until a person lets it go on; `guard`
├── AuditUnavailable           the trail cannot be written, so what must be on it may not be done
├── CircuitOpen                what is called was down, and is left alone for a while; `retry_after_seconds`
├── TrafficUnknown             no record says which release a run goes to
├── ClusterUnavailable         the cluster's API refuses a call or does not answer; `status`
├── RecordChanged              somebody else moved the traffic at the same time: read again
├── MoveRefused                what a person asked of a rollout cannot be done
├── MessageUnreadable          a queue's message that names no run
├── ResumeRefused              a run that nobody holds back, or that nothing can go on with
├── ToolError
│   ├── ToolRefused            a call of a tool that may not be made
│   │   └── ArgumentsInvalid   its arguments break the tool's schema or the bounds of all tools
│   ├── ToolFailed             the tool was called, and tells of an error
│   └── ToolUnavailable        may work later: throttled, down, too slow
│       └── ToolGatewayUnavailable  the gateway, or the issuer of the token for it, does not answer
├── ApprovalRefused            a decision that came late, second, or to no question
├── Suspended                  the run gives its worker back: it sleeps, waits for a person, or is handed over
├── SecretError
│   ├── SecretNotDeclared
│   ├── SecretRefused          it is the one in force, and it is not let in
│   └── SecretUnavailable
└── ModelError
    ├── ModelUnavailable       may work later: throttled, down, too slow, garbled; `retry_after_seconds`
    ├── ModelRejected          will not work later: the request itself is refused
    ├── ModelAuthFailed        the key is refused, also after it was fetched anew
    └── ModelReplyInvalid      no text, or no token counts
```
"""

from typing import Final


class AgentRuntimeError(Exception):
    """Base of every error of the runtime. Messages are one sentence and hold no secret value."""


class ConfigurationError(AgentRuntimeError):
    """What was deployed is wrong."""


class ManifestError(ConfigurationError):
    """The agent's folder cannot become a bundle."""


class SettingsError(ConfigurationError):
    """The environment does not describe a host that can start."""


class CheckpointError(AgentRuntimeError):
    """The saved state forbids going on."""


class RunUnknown(CheckpointError):
    """There is no such run, or it has expired."""


class RunHeld(CheckpointError):
    """A person stopped the run, or a guard parked it: it goes on when a person resumes it."""


class RunInProgress(CheckpointError):
    """Another worker holds the run's lease."""

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class IdempotencyMismatch(CheckpointError):
    """The same idempotency key came with another input."""


class LeaseLost(CheckpointError):
    """Another worker took the run over."""


class BundleMismatch(CheckpointError):
    """The run was begun by another bundle, and its steps may mean something else here."""


class SessionBusy(CheckpointError):
    """Another run or another owner holds the session."""

    def __init__(self, message: str, owner: str, address: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.owner = owner
        self.address = address
        self.retry_after_seconds = retry_after_seconds


class SessionElsewhere(CheckpointError):
    """The session is pinned to another bundle."""

    def __init__(self, message: str, bundle_id: str, address: str, checkpoint_version: str = "") -> None:
        super().__init__(message)
        self.bundle_id = bundle_id
        self.address = address
        self.checkpoint_version = checkpoint_version


class SessionStranded(CheckpointError):
    """The session's release takes no runs any more, and no other can go on with what it keeps."""


class CheckpointSchemaUnknown(CheckpointError):
    """An item has a schema version that this runtime does not know."""


class CheckpointBlobLost(CheckpointError):
    """What is kept in S3 is missing, altered or not JSON."""


class MemoryGone(CheckpointError):
    """A version of a session's memory is no longer kept."""


class CheckpointUnavailable(CheckpointError):
    """DynamoDB or S3 does not answer, so nothing is known of the write but that it may be retried."""


class RunError(AgentRuntimeError):
    """The agent's code broke a rule of the run."""


class StepMismatch(RunError):
    """A replayed step has another name than the recorded one: the code changed order."""


class NestedStep(RunError):
    """A step was begun inside an effect, or in a thread that `run.gather` did not start."""


class StepInDoubt(RunError):
    """Nobody could say whether an effect happened, so that it is neither done again nor passed over."""


class StepLimitExceeded(RunError):
    """The run has taken as many steps as its manifest allows."""


class ModelCallLimitExceeded(RunError):
    """The run has made as many model calls, or asks for as many tokens, as its manifest allows."""


class ContextExceeded(RunError):
    """A model call's input is larger than its tier may read, even without the messages before the last."""


class MemoryUnavailable(RunError):
    """The manifest declares no memory, or the run has no session."""


class MemoryInStep(RunError):
    """`run.memory` was changed inside a step: the replay would pass over it."""


class MemoryTooLarge(RunError):
    """A session would remember more than it may."""


class ScoreInvalid(RunError):
    """What the agent reported of its work is no score."""


class ShareUnavailable(RunError):
    """The run's budget cannot be shared: nothing counts what it spends."""


class CapDenied(RunError):
    """The run reached a cap of its own, and a person did not let it go on."""


class GuardUpheld(RunError):
    """A guard stopped the run, and a person did not let it go on."""


class CopyDiverged(RunError):
    """A copy of a run would do outside what the run that it copies did not do."""


class ResultNotJson(RunError):
    """A result cannot be written as JSON, so it could not be replayed."""


class Braked(AgentRuntimeError):
    """The agent's brake is engaged."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the brake is engaged: {reason}")
        self.reason = reason


class CapReached(AgentRuntimeError):
    """A cap on spending leaves no room for a call."""

    def __init__(
        self,
        scope: str,
        window: str,
        spent_usd: float,
        cap_usd: float,
        asked_usd: float,
        *,
        retry_after_seconds: int | None = None,
    ) -> None:
        """`scope` is `agent`, `tenant`, `run` or `tree`; `window` is `hour`, `day`, `month` or `run`.
        `asked_usd` is what a call may cost, 0 where none was made; `retry_after_seconds` is when the window
        is over."""
        within = "" if window == "run" else f" of this {window}"
        asked = f", and the call may cost {asked_usd:.6g}" if asked_usd else ""
        super().__init__(
            f"the {scope}'s cap{within} of {cap_usd:.6g} USD leaves no room: {spent_usd:.6g} are spent or "
            f"reserved{asked}"
        )
        self.scope, self.window = scope, window
        self.retry_after_seconds = retry_after_seconds


class ParentRefused(AgentRuntimeError):
    """The run is to spend what another agent's run may, and this agent is not let into that one's trees."""


class SpendUnknown(AgentRuntimeError):
    """The ledger cannot be reached, so nothing may be spent."""


class GuardTripped(AgentRuntimeError):
    """A guard has found the run to go wrong. It is PARKED with its steps kept, and a person lets it go on."""

    def __init__(self, guard: str, reason: str, asked: tuple[int, ...] | None = None) -> None:
        """`guard` names what tripped, such as `loop`; `reason` is told to people, and holds no input; `asked`
        is the path of the question that was put to them, if one was."""
        super().__init__(f"the guard {guard!r} stopped the run: {reason}")
        self.guard, self.reason, self.asked = guard, reason, asked


class AuditUnavailable(AgentRuntimeError):
    """The audit trail cannot be written, so what must be on it may not be done."""


class CircuitOpen(AgentRuntimeError):
    """What is called was down so often that it is left alone for a while. It passes by itself."""

    def __init__(self, circuit: str, retry_after_seconds: float) -> None:
        super().__init__(f"{circuit} was down, and is asked again in {retry_after_seconds:.0f} s at the most")
        self.circuit, self.retry_after_seconds = circuit, retry_after_seconds


class TrafficUnknown(AgentRuntimeError):
    """It is not known which release a new run goes to, or whether any may begin."""


class ClusterUnavailable(AgentRuntimeError):
    """The API of a Kubernetes cluster refuses a call, with this HTTP status, or does not answer: 0."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class RecordChanged(AgentRuntimeError):
    """Somebody else wrote the traffic record since it was read."""


class MoveRefused(AgentRuntimeError):
    """What a person asked of a rollout cannot be done."""


class MessageUnreadable(AgentRuntimeError):
    """A message from a queue names no run."""


class ResumeRefused(AgentRuntimeError):
    """The run cannot be let go on: nobody holds it back, or nothing can go on with it."""


class ToolError(AgentRuntimeError):
    """A call of a tool came to nothing."""


class ToolFailed(ToolError):
    """The tool was called, and tells of an error."""


class ToolUnavailable(ToolError):
    """The tool, or the gateway before it, may answer later."""


class ToolThrottled(ToolUnavailable):
    """The tool takes no more calls of this kind for a while; it is not down."""


class ToolRefused(ToolError):
    """A call of a tool that may not be made: nothing was reached."""


class ArgumentsInvalid(ToolRefused):
    """A call's arguments break the tool's schema, or the bounds that hold for all tools."""


class ToolGatewayUnavailable(ToolUnavailable):
    """The tool gateway, or the issuer of the agent's token for it, does not answer: nothing was reached."""


class ApprovalRefused(AgentRuntimeError):
    """The decision does not count."""


class Suspended(AgentRuntimeError):
    """The run gives its worker back and goes on later."""

    def __init__(self, reason: str, status: str, due_at: float, asked: tuple[int, ...] | None = None) -> None:
        """`status` is a `RunStatus`; `due_at` is when it goes on at the latest, in seconds since 1970;
        `asked` is the path of the step that waits for a person."""
        super().__init__(reason)
        self.status = status
        self.due_at = due_at
        self.asked = asked


class SecretError(AgentRuntimeError):
    """A secret cannot be had."""


class SecretNotDeclared(SecretError):
    """The agent asked for a secret that its manifest does not declare."""


class SecretRefused(SecretError):
    """A value was not let in, also after it was fetched anew."""


class SecretUnavailable(SecretError):
    """Secrets Manager did not give the value."""


class ModelError(AgentRuntimeError):
    """A model call failed."""


class ModelUnavailable(ModelError):
    """The model may answer later."""

    def __init__(
        self, message: str, *, may_have_cost: bool = False, retry_after_seconds: float = 0.0
    ) -> None:
        """`may_have_cost` says that the provider may have done work that it charges for;
        `retry_after_seconds` is how long it is of no use to ask again, as far as that is known."""
        super().__init__(message)
        self.may_have_cost = may_have_cost
        self.retry_after_seconds = retry_after_seconds


class ModelRejected(ModelError):
    """The model refused this request and would refuse it again."""


class ModelAuthFailed(ModelError):
    """The model refused the key."""


class ModelReplyInvalid(ModelError):
    """The model's reply cannot be used."""


PASSING: Final = (
    AuditUnavailable,
    Braked,
    CapReached,
    CircuitOpen,
    GuardTripped,
    ModelUnavailable,
    SpendUnknown,
    ToolUnavailable,
)
"""What parks a run: it passes by itself, or a person lets the run go on; its text is the runtime's own."""
