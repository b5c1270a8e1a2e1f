"""Scheduled rules: when each is due, and the calls that it makes then."""

import json
import threading
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from moto.backends import get_backend
from moto.events.exceptions import ValidationException
from moto.events.models import EventsBackend, Rule

from embedded_aws.functions.eventbridge import input_of
from embedded_aws.functions.install import Invoker
from embedded_aws.patches import replace
from embedded_aws.schedules.permission import permits
from embedded_aws.schedules.rates import is_valid
from embedded_aws.schedules.times import first, following, is_read


def _now() -> datetime:
    return datetime.now(UTC)


class Schedules:
    """Rules with a rate run from one period after they were enabled on, those with a cron expression at its
    times in UTC; missed runs are not made up.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html. Functions are
    called; other targets, and expressions that cannot be read, are recorded, and the log says once that they
    are not emulated.
    """

    def __init__(
        self,
        *,
        account: str,
        functions: Invoker,
        log: Callable[[str], None],
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._account, self._functions, self._log, self._clock = account, functions, log, clock
        self._changed = threading.Condition()
        self._closed = False
        self._due: dict[str, tuple[str, datetime]] = {}
        """ARN of a rule -> its expression, and when it runs next."""
        self._reported: set[str] = set()
        self._timer = threading.Thread(target=self._wait, name="schedules", daemon=True)
        self._timer.start()

    def install(self) -> Callable[[], None]:
        """Follows the rules in moto; call the result to undo it."""

        def followed(name: str) -> Callable[..., Any]:
            original = getattr(EventsBackend, name)

            def changed(backend: EventsBackend, *args: Any, **given: Any) -> Any:
                if not is_valid(given.get("scheduled_expression") or ""):
                    raise ValidationException("Parameter ScheduleExpression is not valid.")
                said = original(backend, *args, **given)
                self._follow()
                return said

            return changed

        names = ("put_rule", "enable_rule", "disable_rule", "delete_rule")
        return replace([(EventsBackend, name, followed(name)) for name in names])

    def run(self, name: str) -> int | None:
        """Runs an enabled rule now: how many targets were called. None where no schedule has this name."""
        rules = [rule for rule in self._rules() if rule.name == name]
        return sum(self._fire(rule, self._clock()) for rule in rules) if rules else None

    def run_due(self) -> None:
        """Runs the rules whose time has come; also done by a timer without being asked."""
        self._follow()
        now = self._clock()
        with self._changed:
            due = [(rule, self._due[rule.arn][1]) for rule in self._rules() if self._is_due(rule, now)]
            for rule, at in due:
                expression, _ = self._due.pop(rule.arn)
                if (later := following(expression, at, now)) is not None:
                    self._due[rule.arn] = (expression, later)
        for rule, at in due:
            self._fire(rule, at)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._timer.join()

    def _wait(self) -> None:
        while True:
            with self._changed:
                if self._closed:
                    return
                self._changed.wait(self._seconds_to_next())
                if self._closed:
                    return
            self.run_due()

    def _seconds_to_next(self) -> float | None:
        times = [at for _, at in self._due.values()]
        return max((min(times) - self._clock()).total_seconds(), 0) if times else None

    def _follow(self) -> None:
        """Takes note of new, changed and gone rules."""
        now = self._clock()
        with self._changed:
            before, self._due = self._due, {}
            for rule in self._rules():
                expression = str(rule.scheduled_expression)
                if not is_read(expression):
                    self._report(f"{rule.arn}: {expression} is recorded, not emulated")
                elif rule.state == "ENABLED":
                    held = before.get(rule.arn)
                    if held is not None and held[0] == expression:
                        self._due[rule.arn] = held
                    elif (at := first(expression, now)) is not None:
                        self._due[rule.arn] = (expression, at)
            if self._due != before:
                self._changed.notify_all()

    def _is_due(self, rule: Rule, now: datetime) -> bool:
        return rule.arn in self._due and self._due[rule.arn][1] <= now

    def _rules(self) -> Iterable[Rule]:
        """A schedule is only possible on the default bus."""
        for backend in list(get_backend("events")[self._account].values()):
            for rule in list(backend.event_buses["default"].rules.values()):
                if rule.scheduled_expression:
                    yield rule

    def _fire(self, rule: Rule, at: datetime) -> int:
        """How many targets were called."""
        if rule.state != "ENABLED":
            return 0
        return sum(self._call(rule, target, at) for target in list(rule.targets))

    def _call(self, rule: Rule, target: Any, at: datetime) -> bool:
        arn = str(target["Arn"])
        if ":lambda:" not in arn:
            self._report(f"{rule.arn}: its target {arn} is recorded, not emulated")
            return False
        if not permits(arn, rule.arn):
            self._log(f"{rule.arn}: no resource-based policy lets events.amazonaws.com call {arn}")
            return False
        payload = json.dumps(input_of(target, _event(rule, at))).encode()
        said = self._functions.invoke(rule.region_name, arn, None, payload, invocation_type="Event")
        if said.status != 202:
            self._log(f"{rule.arn}: {arn} was not called: {said.payload.decode(errors='replace')}")
        return said.status == 202

    def _report(self, sentence: str) -> None:
        if sentence not in self._reported:
            self._reported.add(sentence)
            self._log(sentence)


def _event(rule: Rule, at: datetime) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-cloudwatchevents.html"""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": rule.account_id,
        "time": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": rule.region_name,
        "resources": [rule.arn],
        "detail": {},
    }
