"""The schedules of EventBridge Scheduler: when each is due, and the call that it makes then."""

import threading
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from moto.backends import get_backend

from embedded_aws.functions.install import Invoker
from embedded_aws.pollers.access import Credentials, Refused
from embedded_aws.schedules.times import first, following, is_read

_LOOK_SECONDS = 1.0
_SESSION = "scheduler"


def _now() -> datetime:
    return datetime.now(UTC)


class ScheduledCalls:
    """Each calls its function at its times, if the schedule's role may; missed calls are not made up. Other
    targets, and expressions that cannot be read, are recorded, and the log says once that they are not
    emulated.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
    """

    def __init__(
        self,
        *,
        account: str,
        functions: Invoker,
        issue: Callable[[str, str], Credentials],
        refusal: Callable[..., Refused | None],
        log: Callable[[str], None],
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._account, self._functions, self._log, self._clock = account, functions, log, clock
        self._issue, self._refusal = issue, refusal
        self._closed = threading.Event()
        self._due: dict[str, tuple[tuple[str, str], datetime | None]] = {}
        """ARN of a schedule -> its expression with its time zone, and when it calls next, if it does."""
        self._reported: set[str] = set()
        self._timer = threading.Thread(target=self._wait, name="scheduled-calls", daemon=True)
        self._timer.start()

    def run(self, name: str) -> int | None:
        """Makes the call of an enabled schedule now: how many were made. None where no schedule has this
        name."""
        found = [schedule for schedule in self._schedules() if schedule.name == name]
        return sum(self._call(schedule, self._clock()) for schedule in found) if found else None

    def run_due(self) -> None:
        """Makes the calls whose time has come; also done by a timer without being asked."""
        now, before, self._due = self._clock(), self._due, {}
        for schedule in self._schedules():
            when = _when(schedule)
            held = before.get(schedule.arn)
            at = held[1] if held is not None and held[0] == when else self._first(schedule, now)
            if at is not None and at <= now:
                self._call(schedule, at)
                at = following(when[0], at, now, when[1])
            self._due[schedule.arn] = (when, at)

    def close(self) -> None:
        self._closed.set()
        self._timer.join()

    def _wait(self) -> None:
        while not self._closed.wait(_LOOK_SECONDS):
            self.run_due()

    def _first(self, schedule: Any, now: datetime) -> datetime | None:
        expression, zone = _when(schedule)
        if not is_read(expression, zone):
            self._report(f"{schedule.arn}: {expression} in {zone} is recorded, not emulated")
        return first(expression, now, zone)

    def _schedules(self) -> Iterable[Any]:
        backends: Any = get_backend("scheduler")[self._account]
        for backend in list(backends.values()):
            for group in list(backend.schedule_groups.values()):
                yield from list(group.schedules.values())

    def _call(self, schedule: Any, at: datetime) -> bool:
        if schedule.state != "ENABLED":
            return False
        arn, role = str(schedule.target["Arn"]), str(schedule.target["RoleArn"])
        if ":lambda:" not in arn:
            self._report(f"{schedule.arn}: its target {arn} is recorded, not emulated")
            return False
        if (reason := self._denied(role, arn)) is not None:
            self._log(f"{schedule.arn}: {role} may not call {arn}: {reason}")
            return False
        payload = _filled(str(schedule.target.get("Input") or "{}"), schedule.arn, at).encode()
        said = self._functions.invoke(arn.split(":")[3], arn, None, payload, invocation_type="Event")
        if said.status != 202:
            self._log(f"{schedule.arn}: {arn} was not called: {said.payload.decode(errors='replace')}")
        return said.status == 202

    def _denied(self, role_arn: str, function_arn: str) -> str | None:
        """Asks the authoriser as if the role had sent the call to the gateway."""
        credentials = self._issue(role_arn, _SESSION)
        scope = f"{credentials.access_key_id}/20260101/{function_arn.split(':')[3]}/lambda/aws4_request"
        headers = {
            "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
            "x-amz-security-token": credentials.session_token,
        }
        path = f"/2015-03-31/functions/{quote(function_arn, safe='')}/invocations"
        refused = self._refusal("POST", path, "", headers, b"{}")
        return None if refused is None else refused.body.decode(errors="replace")

    def _report(self, sentence: str) -> None:
        if sentence not in self._reported:
            self._reported.add(sentence)
            self._log(sentence)


def _when(schedule: Any) -> tuple[str, str]:
    """Its expression, and the time zone that it is read in."""
    return str(schedule.schedule_expression), str(schedule.schedule_expression_timezone or "UTC")


def _filled(given: str, arn: str, at: datetime) -> str:
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html"""
    told = {
        "schedule-arn": arn,
        "scheduled-time": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "execution-id": str(uuid.uuid4()),
        "attempt-number": "1",
    }
    for name, value in told.items():
        given = given.replace(f"<aws.scheduler.{name}>", value)
    return given
