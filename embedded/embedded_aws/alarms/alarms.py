"""Metric alarms: rounds that bring each to its state, and run the actions where a state is new."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import Alarm, CloudWatchBackend, cloudwatch_backends

from embedded_aws.alarms.actions import Actions
from embedded_aws.alarms.evaluation import judge, metrics_of
from embedded_aws.alarms.messages import Change, Situation, situation
from embedded_aws.alarms.reasons import LONGEST_CHARACTERS, Verdict
from embedded_aws.alarms.recorder import Recorder
from embedded_aws.functions.install import Invoker
from embedded_aws.patches import replace
from embedded_aws.tasks.scaling.expressions import BadExpression

_OF_SCALING = "TargetTracking-"
"""Application Auto Scaling makes these alarms and keeps them:
https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html"""

_MOST_HISTORY = 200
"""Entries that are kept of an alarm; CloudWatch keeps 30 days:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html"""


def _now() -> datetime:
    return datetime.now(UTC)


class Alarms:
    """Composite alarms are recorded, and those of target tracking belong to the scaler.

    CloudWatch evaluates an alarm with periods of a minute or more once a minute
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html); here the rounds
    are closer, so that whoever tries something out waits less.
    """

    def __init__(
        self,
        *,
        account: str,
        functions: Invoker,
        log: Callable[[str], None],
        clock: Callable[[], datetime] = _now,
        seconds: float = 10,
    ) -> None:
        self._account, self._log, self._clock, self._seconds = account, log, clock, seconds
        self._actions = Actions(account=account, functions=functions, log=log)
        self._recorders: dict[str, Recorder] = {}
        self._said: dict[str, str] = {}
        """ARN of an alarm -> what the log says of it already."""
        # Of states, not of actions: a topic waits for its subscribers, and one may set an alarm's state.
        self._states = threading.Lock()
        self._closing = threading.Event()
        self._timer = threading.Thread(target=self._wait, name="alarms", daemon=True)
        self._timer.start()

    def install(self) -> Callable[[], None]:
        """Alarms of moto begin and are changed as CloudWatch's; call the result to undo it."""
        put, set_state = CloudWatchBackend.put_metric_alarm, CloudWatchBackend.set_alarm_state

        def put_metric_alarm(backend: CloudWatchBackend, name: str, *args: Any, **given: Any) -> Alarm:
            with self._states:
                before = backend.alarms.get(name)
                made = put(backend, name, *args, **given)
                _begin(made, before)
                return made

        def set_alarm_state(backend: CloudWatchBackend, alarm_name: str, *args: Any, **given: Any) -> None:
            with self._states:
                alarm = backend.alarms.get(alarm_name)
                before = None if alarm is None else situation(alarm)
                set_state(backend, alarm_name, *args, **given)
                if alarm is None or before is None or alarm.rule is not None:
                    return
                change = self._changed(alarm, before)
            if change.after.value != before.value:
                self._actions.run(change)

        return replace(
            [
                (CloudWatchBackend, "put_metric_alarm", put_metric_alarm),
                (CloudWatchBackend, "set_alarm_state", set_alarm_state),
            ]
        )

    def run(self) -> list[dict[str, str]]:
        """Evaluates every metric alarm once: the name of each whose state changed, `from` what `to` what."""
        changes = self._round()
        for change in changes:
            self._actions.run(change)
        return [
            {"alarm": change.alarm.name, "from": change.before.value, "to": change.after.value}
            for change in changes
        ]

    def close(self) -> None:
        self._closing.set()
        self._timer.join()

    def _wait(self) -> None:
        while not self._closing.wait(self._seconds):
            try:
                self.run()
            except Exception as error:  # noqa: BLE001 - the next round must come whatever befell this one
                self._log(f"a round of alarms failed: {type(error).__name__}: {error}")

    def _round(self) -> list[Change]:
        with self._states:
            now, changes, seen = self._clock(), list[Change](), set[str]()
            for region, alarms in self._regions():
                recorder = self._recorders.setdefault(region, Recorder(self._account, region))
                readable = [alarm for alarm in alarms if self._is_readable(alarm)]
                recorder.take((metric for alarm in readable for metric in metrics_of(alarm)), now)
                changes += [
                    change
                    for alarm in readable
                    if (change := self._evaluated(alarm, recorder, now)) is not None
                ]
                seen |= {alarm.alarm_arn for alarm in alarms}
            self._said = {arn: said for arn, said in self._said.items() if arn in seen}
            return changes

    def _regions(self) -> Iterator[tuple[str, list[Alarm]]]:
        for region, backend in list(cloudwatch_backends[self._account].items()):
            held = list(backend.alarms.values())
            yield region, [a for a in held if a.rule is None and not a.name.startswith(_OF_SCALING)]

    def _is_readable(self, alarm: Alarm) -> bool:
        try:
            metrics_of(alarm)
        except Exception as error:  # noqa: BLE001 - what moto took and CloudWatch would not
            self._report(alarm, f"cannot be evaluated: {type(error).__name__}: {error}")
            return False
        return True

    def _evaluated(self, alarm: Alarm, recorder: Recorder, now: datetime) -> Change | None:
        try:
            found = judge(alarm, recorder, now)
            self._said.pop(alarm.alarm_arn, None)
        except BadExpression as error:
            self._report(alarm, f"cannot be evaluated: {error}")
            found = Verdict("INSUFFICIENT_DATA", f"Cannot be evaluated: {error}"[:LONGEST_CHARACTERS], "{}")
            if alarm.state_value == found.state:
                alarm.state_reason = found.reason
        except Exception as error:  # noqa: BLE001 - one bad alarm must not stop the others
            self._report(alarm, f"cannot be evaluated: {type(error).__name__}: {error}")
            return None
        if found is None or found.state == alarm.state_value:
            return None
        before = situation(alarm)
        alarm.update_state(found.reason, found.data, found.state)
        return self._changed(alarm, before)

    def _changed(self, alarm: Alarm, before: Situation) -> Change:
        """moto holds times without a zone, in UTC."""
        alarm.state_updated_timestamp = self._clock().astimezone(UTC).replace(tzinfo=None)
        del alarm.history[:-_MOST_HISTORY]
        return Change(alarm, before, situation(alarm))

    def _report(self, alarm: Alarm, sentence: str) -> None:
        if self._said.get(alarm.alarm_arn) != sentence:
            self._said[alarm.alarm_arn] = sentence
            self._log(f"{alarm.alarm_arn}: {sentence}")


def _begin(made: Alarm, before: Alarm | None) -> None:
    """A new alarm is in INSUFFICIENT_DATA, an updated one in the state that it was in; moto says OK for both.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    """
    if made.rule is not None:
        return
    if before is None or before.rule is not None:
        made.state_value = "INSUFFICIENT_DATA"
        return
    made.history = before.history
    made.state_value, made.state_updated_timestamp = before.state_value, before.state_updated_timestamp
    made.state_reason, made.state_reason_data = before.state_reason, before.state_reason_data
