"""A run's calls of tools: what may be called is decided here, outside the model and before anything happens.

Each call is a step. One that reads is done again when its worker died in it; one that acts is an effect with
an idempotency key; one that destroys waits for a person's yes to this very call first.
"""

import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

from agent_runtime.audit.trail import Trail
from agent_runtime.errors import AgentRuntimeError, ToolError, ToolRefused
from agent_runtime.guard_spec import GuardSpec
from agent_runtime.guards.loops import Call, Watch, rows
from agent_runtime.records import Path, StepState, path_text
from agent_runtime.secrets import SecretValue
from agent_runtime.telemetry import semantics
from agent_runtime.telemetry.spans import open_span
from agent_runtime.tool_spec import TOOL_NAME, ToolSpec
from agent_runtime.tools.arguments import approval_name, checked
from agent_runtime.tools.local import LocalTool
from agent_runtime.tools.naming import digest, place, tool_shown
from agent_runtime.tools.user_tokens import token_missing

if TYPE_CHECKING:
    from agent_runtime.run import Run

_log = logging.getLogger("agent_runtime.tools")
_SHOWN: Final = 2000
"""Characters of the arguments that a person who is asked gets to see; all of them are held to their hash."""


@dataclass(frozen=True)
class ToolCall:
    """A call that may be made. `step` is the path of its step, `approval` that of the decision that lets a
    destructive one through."""

    spec: ToolSpec
    arguments: dict[str, Any]
    run_id: str
    tenant: str
    step: str
    idempotency_key: str
    approval: str | None = None
    pause: Callable[[float], bool] = lambda _: False
    """Waits for so many seconds before another try; False, at once, where the run has no retry or time
    left."""
    user_token: SecretValue | None = field(default=None, repr=False)
    """The caller's own, for a tool that acts by it, and for no other."""


class Gateway(Protocol):
    """Calls tools that lie outside of the agent."""

    def call(self, call: ToolCall) -> Any:
        """The tool's result, JSON. Raises `ToolError`."""
        ...


class Calling:
    """The tools of one run. `tripped` is told why the run goes in circles, for the nth time, and returns if
    it may go on all the same."""

    def __init__(
        self,
        run: "Run",
        *,
        local: Mapping[str, LocalTool],
        gateway: Gateway | None,
        audit: Trail,
        guards: GuardSpec,
        tripped: "Tripped",
        pause: Callable[[float], bool],
        user_token: SecretValue | None = None,
    ) -> None:
        self._run, self._local, self._gateway, self._audit = run, local, gateway, audit
        self._declared: Final = {spec.name: spec for spec in run.bundle.tools}
        self._watch = Watch(guards)
        self._tripped = tripped
        self._pause, self._user_token = pause, user_token
        self._trips = 0

    def waited(self) -> None:
        """The run has waited for something outside: the same question may have another answer now."""
        self._watch.forget()

    def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """The tool's answer. Raises `ToolError`, what the tool's function raises, and what `step` raises."""
        progress = self._run.progress
        path = progress.scope().next_path
        places = rows(path, self._is_parallel)
        if (reason := self._watch.before(path, places)) is not None:
            self._trips += 1
            self._tripped(reason, self._trips)
            self._watch.forget()
        asked = digest(arguments)
        acts = False
        try:
            try:
                spec, given = self._allowed(name, arguments)
            except ToolRefused as refusal:
                answer = self._refused(name, refusal)
            else:
                acts = spec.effect != "read"
                answer = self._made(spec, given)
        except ToolRefused as refusal:
            refused = Call(name, asked, type(refusal).__name__, acts=False, refused=True)
            self._watch.after(path, places, refused)
            raise
        except Exception as error:
            if isinstance(error, ToolError) or not isinstance(error, AgentRuntimeError):
                self._watch.after(path, places, Call(name, asked, type(error).__name__, acts))
            raise
        self._watch.after(path, places, Call(name, asked, digest(answer), acts))
        return answer

    def _allowed(self, name: str, arguments: Mapping[str, Any]) -> tuple[ToolSpec, dict[str, Any]]:
        """The tool, and its arguments as JSON has them. Raises `ToolRefused`."""
        spec = self._declared.get(name)
        if spec is None or name not in self._run.tools:
            shown = repr(name) if re.fullmatch(TOOL_NAME, name) else "of this name"
            offered = ", ".join(self._run.tools) or "none"
            raise ToolRefused(f"there is no tool {shown} here; the tools are {offered}")
        if spec.tenants and self._run.tenant not in spec.tenants:
            raise ToolRefused(f"the tool {name!r} is not for this tenant")
        given = checked(spec.input_schema, arguments)
        if spec.destination == "gateway":
            if self._gateway is None:
                raise ToolRefused(f"the tool {name!r} needs a tool gateway, and none is deployed here")
        elif name not in self._local:
            raise ToolRefused(f"the agent's module has no function `@tool` named {name!r}")
        else:
            self._local[name].check(given)
        return spec, given

    def _made(self, spec: ToolSpec, given: dict[str, Any]) -> Any:
        if self._has_no_token(spec):
            return self._refused(spec.name, token_missing(spec.name))
        if spec.effect == "read":
            return self._run.step(spec.name, lambda: self._read(spec, given))
        approval = None
        if spec.effect == "destructive":
            approval = self._approval(spec, given)
            if approval is None:
                return self._refused(spec.name, ToolRefused(f"nobody approved of this call of {spec.name!r}"))
            if self._has_no_token(spec):
                return self._refused(spec.name, token_missing(spec.name))

        def act(*, idempotency_key: str = "") -> Any:
            answer = self._call(spec, given, idempotency_key, approval)
            self._record(spec.name, given, outcome="done")
            return answer

        # One that has begun, and cannot be made again without its caller, is a person's to settle.
        is_repeatable = self._user_token is not None or not spec.user_delegated
        takes_key = is_repeatable if spec.destination == "gateway" else self._local[spec.name].takes_key
        return self._run.act(spec.name, act, takes_key=takes_key, before=lambda: self._begins(spec, given))

    def _has_no_token(self, spec: ToolSpec) -> bool:
        """Whether the next step is, or was, refused for want of its caller's token. What was done is done,
        and what has begun may be."""
        if not spec.user_delegated or self._run.is_copy:
            return False
        found = self._run.progress.find(self._run.progress.scope().next_path)
        if found is None or not found.name:  # a nameless one only fences this place off
            return self._user_token is None
        return found.state is StepState.DONE and found.name == spec.name

    def _approval(self, spec: ToolSpec, given: dict[str, Any]) -> str | None:
        """The path of the approval of this very call, or None. Raises `Suspended`."""
        asked = self._run.progress.scope().next_path
        text = json.dumps(given, sort_keys=True, ensure_ascii=False)
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"
        name = approval_name(spec.name, given)
        is_approved = self._run.approve(name, summary=f"call the destructive tool {spec.name!r} with {shown}")
        return path_text(asked) if is_approved else None

    def _read(self, spec: ToolSpec, given: dict[str, Any]) -> Any:
        self._begins(spec, given)
        return self._call(spec, given)

    def _begins(self, spec: ToolSpec, given: dict[str, Any]) -> None:
        self._record(spec.name, given, effect=spec.effect, destination=spec.destination)

    def _call(self, spec: ToolSpec, given: dict[str, Any], key: str = "", approval: str | None = None) -> Any:
        try:
            with open_span(semantics.tool(spec.name)):
                return self._answer(spec, given, key, approval)
        except Exception as error:
            self._record(spec.name, given, outcome=type(error).__name__)
            if isinstance(error, ToolRefused):
                self._count_refusal(spec.name, error)
            raise

    def _answer(self, spec: ToolSpec, given: dict[str, Any], key: str, approval: str | None) -> Any:
        if spec.destination == "local":
            return self._local[spec.name].call(given, key)
        assert self._gateway is not None
        token = self._user_token if spec.user_delegated else None
        if spec.user_delegated and token is None:
            raise token_missing(spec.name)
        run = self._run
        call = ToolCall(spec, given, run.run_id, run.tenant, place(), key, approval, self._pause, token)
        return self._gateway.call(call)

    def _refused(self, name: str, refusal: ToolRefused) -> Any:
        """A refusal is a step, so that a replay meets what was met before, whatever the environment allows by
        then: a call that was made then has its answer. Raises `refusal`."""

        def work(_: Path) -> NoReturn:
            self._count_refusal(name, refusal)
            self._record(tool_shown(name), None, outcome="refused", reason=type(refusal).__name__)
            raise refusal

        return self._run.progress.once(tool_shown(name), work)

    def _count_refusal(self, name: str, refusal: ToolRefused) -> None:
        self._run.progress.tally.refused()
        extra = {"run_id": self._run.run_id, "tool": tool_shown(name), "reason": str(refusal)}
        _log.warning("call of a tool refused", extra=extra)

    def _record(self, name: str, given: dict[str, Any] | None, **what: str) -> None:
        """On the trail, once it is about to happen: raises `AuditUnavailable` for one that acts. How it came
        out may wait, since it is too late to stop it."""
        arguments = {} if given is None else {"arguments": digest(given)}
        run = self._run
        self._audit.record(
            "tool-call", run_id=run.run_id, tenant=run.tenant, step=place(), tool=name, **arguments, **what
        )

    def _is_parallel(self, path: Path) -> bool:
        step = self._run.progress.find(path)
        return step is not None and bool(step.children)


class Tripped(Protocol):
    """Stops a run that goes in circles, unless a person has let it go on."""

    def __call__(self, reason: str, times: int) -> None: ...
