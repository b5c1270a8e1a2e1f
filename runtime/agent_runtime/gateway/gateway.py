"""One call from its arrival to its answer: everything that can refuse it comes before anything is reached."""

import logging
import time
from collections.abc import Callable
from typing import Any, Final

from agent_runtime.audit.trail import NOT_KEPT, Trail
from agent_runtime.errors import AgentRuntimeError, ArgumentsInvalid, CheckpointUnavailable
from agent_runtime.gateway.answers import Answers, Claim, Kept
from agent_runtime.gateway.calls import Identity, ToolCall
from agent_runtime.gateway.declared import Caller, GatewayRules, GatewayTool
from agent_runtime.gateway.permissions import (
    caller_of,
    check_destinations,
    check_form,
    may_see,
    tenant_of,
    tool_of,
)
from agent_runtime.gateway.rates import Rates
from agent_runtime.gateway.reaching import Reaching, Sent, without
from agent_runtime.gateway.runs import Runs
from agent_runtime.gateway.sending import ToolError
from agent_runtime.gateway.telling import Telling
from agent_runtime.gateway.watching import look
from agent_runtime.hosts.problems import Problem
from agent_runtime.tools.arguments import approval_name, checked

_log = logging.getLogger("agent_runtime.gateway")
_STATUS: Final = {"tool-failed": 502, "tool-unavailable": 503, "tool-timeout": 504}
_TITLE: Final = {
    "tool-failed": "The tool failed",
    "tool-unavailable": "The tool is unavailable",
    "tool-timeout": "The tool took too long",
}


class ToolGateway:
    """Answers calls by the rules. `clock` is monotonic, in seconds."""

    def __init__(
        self,
        rules: GatewayRules,
        *,
        runs: Runs,
        rates: Rates,
        answers: Answers,
        reaching: Reaching,
        telling: Telling,
        audit: Trail = NOT_KEPT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rules: Final = rules
        self._runs = runs
        self._rates = rates
        self._answers = answers
        self._reaching = reaching
        self._telling = telling
        self._audit = audit
        self._clock = clock

    def visible(self, who: Identity) -> dict[str, GatewayTool]:
        """The tools that the caller may call. Raises `Problem` 403."""
        caller = caller_of(self.rules, who)
        return {name: t for name, t in self.rules.tools.items() if may_see(t, caller, who.roles)}

    def health(self, who: Identity) -> dict[str, dict[str, str]]:
        """Version and health of each tool that the caller may call. Raises `Problem` 403."""
        tools = self.visible(who)
        found = look(tools, self._reaching.is_well)
        return {
            name: {"version": tool.version, "health": "ok" if found[name] else "down"}
            for name, tool in tools.items()
        }

    def watch(self) -> dict[str, str]:
        """Health of all tools, told of in metrics."""
        found = look(self.rules.tools, self._reaching.is_well)
        self._telling.tell_health(found)
        return {name: "ok" if is_well else "down" for name, is_well in found.items()}

    def call(self, who: Identity, call: ToolCall) -> Any:
        """The tool's result, told of whatever comes of it. Raises `Problem`."""
        began = self._clock()
        named: dict[str, Any] = {"tool": call.tool if call.tool in self.rules.tools else None}
        named |= {"asked": call.tool, "run_id": call.run_id, "step": call.step}
        outcome, replayed = "error", False
        try:
            caller = caller_of(self.rules, who)
            named["agent"] = caller.name
            tool = tool_of(self.rules, call.tool, caller, who)
            named["tenant"] = tenant = tenant_of(tool, caller, who, call)
            sent = Sent(call.tool, tool, call, self._arguments(tool, caller, call), caller.name, tenant)
            self._admit(sent, caller)
            result, replayed = self._done(sent, caller)
            outcome = "ok"
        except Problem as problem:
            outcome = problem.kind
            raise
        except AgentRuntimeError as error:
            # The table or the audit trail: what cannot be looked up or kept is not let through.
            outcome = "state-unavailable"
            detail = str(error) if isinstance(error, CheckpointUnavailable) else type(error).__name__
            raise Problem(503, outcome, "The gateway cannot look it up", detail, retry_after=1) from error
        finally:
            took = (self._clock() - began) * 1000
            self._telling.tell(outcome, milliseconds=took, replayed=replayed, **named)
            self._record_end(outcome, named, replayed=replayed)
        return result

    def refuse(self, who: Identity | None, problem: Problem, asked: str = "") -> None:
        """Tells of a request that is no call: unreadable, too large, by nobody."""
        tool = asked if asked in self.rules.tools else None
        caller = None if who is None else self.rules.callers.get(who.client)
        self._telling.tell(problem.kind, tool=tool, asked=asked, agent="" if caller is None else caller.name)

    def _arguments(self, tool: GatewayTool, caller: Caller, call: ToolCall) -> dict[str, Any]:
        try:
            arguments = checked(tool.input_schema, call.arguments)
        except ArgumentsInvalid as error:
            raise Problem(400, "arguments-refused", "The arguments are refused", str(error)) from error
        check_destinations(tool, arguments, self.rules)
        check_form(tool, caller, call)
        return arguments

    def _admit(self, sent: Sent, caller: Caller) -> None:
        """What takes a look at tables. The rate comes last: a refused call takes nothing off a tenant."""
        if caller.is_agent:
            self._runs.check_brake(caller.name)
            self._runs.check(caller.name, sent.tenant, sent.call.run_id)
        self._rates.count(sent.name, sent.tenant, sent.tool.rate_per_minute)

    def _done(self, sent: Sent, caller: Caller) -> tuple[Any, bool]:
        """(result, whether it was kept from before)."""
        if not sent.tool.acts:
            self._record(sent)
            return self._reached(sent, None), False
        call = sent.call
        if sent.tool.effect == "destructive":
            self._runs.use_approval(
                caller.name,
                sent.tenant,
                call.run_id,
                call.approval,
                sent.name,
                sent.arguments,
                call.idempotency_key,
            )
        claim = self._answers.begin(
            caller.name,
            sent.tenant,
            sent.name,
            call.idempotency_key,
            sent.arguments,
            seconds=sent.tool.timeout_seconds,
            repeatable=sent.tool.idempotent,
        )
        if isinstance(claim, Kept):
            return claim.result, True
        try:
            self._record(sent)
        except AgentRuntimeError:
            self._answers.free(claim)
            raise
        return self._reached(sent, claim), False

    def _reached(self, sent: Sent, claim: Claim | None) -> Any:
        was_sent = False

        def sends() -> None:
            nonlocal was_sent
            if claim is not None:
                self._answers.sends(claim, sent.tool.timeout_seconds)
            was_sent = True

        try:
            result = self._reaching.call(sent, sends)
        except ToolError as error:
            self._leave(claim, acted=error.acted)
            token = sent.call.user_token
            detail = error.detail if token is None else without(error.detail, token.reveal())
            raise Problem(
                _STATUS[error.kind], error.kind, _TITLE[error.kind], detail, tool=sent.name
            ) from error
        except Exception:  # such as a secret that cannot be read: in doubt is only what may have been sent
            self._leave(claim, acted=was_sent)
            raise
        if claim is not None:
            self._answers.keep(claim, result)
        return result

    def _leave(self, claim: Claim | None, *, acted: bool) -> None:
        if claim is not None:
            (self._answers.doubt if acted else self._answers.free)(claim)

    def _record_end(self, outcome: str, named: dict[str, Any], *, replayed: bool) -> None:
        """How a declared caller's call came out, which may wait: it is too late to stop it. A read that was
        answered is told of before it alone, and an answer that was kept is no call."""
        tool = self.rules.tools.get(named["tool"] or "")
        is_plain = outcome == "ok" and (replayed or tool is None or not tool.acts)
        if "agent" not in named or is_plain:
            return
        try:
            self._audit.record(
                "tool-call",
                run_id=named["run_id"],
                tenant=named.get("tenant", ""),
                step=named["step"],
                who=named["agent"],
                tool=named["tool"] or "unknown",
                outcome="done" if outcome == "ok" else outcome,
            )
        except AgentRuntimeError as error:
            _log.warning("outcome not on the trail", extra={"run_id": named["run_id"]}, exc_info=error)

    def _record(self, sent: Sent) -> None:
        self._audit.record(
            "tool-call",
            run_id=sent.call.run_id,
            tenant=sent.tenant,
            step=sent.call.step,
            who=sent.caller,
            tool=sent.name,
            effect=sent.tool.effect,
            call=approval_name(sent.name, sent.arguments),
        )
