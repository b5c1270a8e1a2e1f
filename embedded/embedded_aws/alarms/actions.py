"""Runs what an alarm does in its new state."""

import json
from collections.abc import Callable
from typing import Any

from moto.backends import get_backend

from embedded_aws.alarms.access import function_problem, topic_problem
from embedded_aws.alarms.messages import Change, event, notification, subject
from embedded_aws.functions.install import Invoker


class Actions:
    def __init__(self, *, account: str, functions: Invoker, log: Callable[[str], None]) -> None:
        self._account, self._functions, self._log = account, functions, log

    def run(self, change: Change) -> None:
        """An action that is refused or fails does not stop the next: it is logged, and in the history."""
        alarm = change.alarm
        if not alarm.actions_enabled:
            return
        wanted = {
            "ALARM": alarm.alarm_actions,
            "OK": alarm.ok_actions,
            "INSUFFICIENT_DATA": alarm.insufficient_data_actions,
        }
        for arn in list(wanted[change.after.value] or ()):
            try:
                problem = self._act(change, str(arn))
            except Exception as error:  # noqa: BLE001 - whatever a subscriber answers, the next action runs
                problem = f"{type(error).__name__}: {error}"
            self._note(change, str(arn), problem)

    def _act(self, change: Change, arn: str) -> str | None:
        """Why it was not done; None if it was."""
        parts = arn.split(":", 5)
        match parts[2] if len(parts) == 6 else "":
            case "sns":
                return self._publish(change, arn)
            case "lambda":
                return self._invoke(change, arn)
            case "autoscaling":
                return None  # The scaler of the tasks looks at the alarm's metric itself.
            case _:
                return "recorded, not emulated"

    def _publish(self, change: Change, arn: str) -> str | None:
        problem = topic_problem(arn, change.alarm.alarm_arn)
        if problem is None:
            topics: Any = get_backend("sns")[self._account][arn.split(":")[3]]
            topics.publish(json.dumps(notification(change)), arn=arn, subject=subject(change))
        return problem

    def _invoke(self, change: Change, arn: str) -> str | None:
        problem = function_problem(arn, change.alarm.alarm_arn)
        if problem is not None:
            return problem
        payload = json.dumps(event(change)).encode()
        said = self._functions.invoke(arn.split(":")[3], arn, None, payload, invocation_type="Event")
        return None if said.status == 202 else said.payload.decode(errors="replace")

    def _note(self, change: Change, arn: str, problem: str | None) -> None:
        alarm = change.alarm
        summary = (
            f"Successfully executed action {arn}"
            if problem is None
            else f"Failed to execute action {arn}: {problem}"
        )
        if problem is not None:
            self._log(f"{alarm.alarm_arn}: {summary}")
        # In the form of moto's own entries, of which it names this kind and makes none.
        data = json.dumps({"actionState": "Succeeded" if problem is None else "Failed", "error": problem})
        alarm.history.append(("Action", summary, data, change.after.value, change.after.at))
