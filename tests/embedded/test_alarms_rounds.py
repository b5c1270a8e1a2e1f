"""A round goes over all metric alarms, whatever one of them is like."""

import json
import threading
import urllib.request
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from moto.cloudwatch.models import CloudWatchBackend, cloudwatch_backends

from embedded_aws.alarms import Alarms
from tests.embedded.alarms_world import NEVER_SECONDS, Noting, World, alarms_world, arn_of
from tests.embedded.functions_world import ACCOUNT, PATIENCE_SECONDS, REGION
from tests.embedded.further_services import moto_cloud
from tests.embedded.provider_world import RunningCloud


@pytest.fixture
def aws() -> Iterator[World]:
    with alarms_world() as made:
        yield made


def expression(text: str) -> Any:
    return [{"Id": "e", "Expression": text, "Period": 60, "ReturnData": True}]


def test_alarms_that_cannot_be_evaluated_do_not_stop_the_others(aws: World) -> None:
    aws.alarm("0-unknown", Metrics=expression("METRICS()"))
    aws.alarm("1-no-period", Period=None)
    aws.alarm("2-trimmed", Metrics=expression("1"), Threshold=0)
    cloudwatch_backends[ACCOUNT][REGION].alarms["2-trimmed"].evaluation_periods = "many"  # type: ignore[assignment]
    aws.alarm("3-good")
    aws.put(9)
    assert aws.run() == [("3-good", "INSUFFICIENT_DATA", "ALARM")]
    assert [
        f"{arn_of(name)}: cannot be evaluated" in line
        for name, line in zip(("0-unknown", "1-no-period", "2-trimmed"), aws.log, strict=True)
    ] == [True] * 3


def test_what_cannot_be_evaluated_is_logged_once(aws: World) -> None:
    aws.alarm(Metrics=expression("METRICS()"))
    for _ in range(3):
        aws.run(minutes=1)
    assert len(aws.log) == 1


def test_bands_of_an_anomaly_detection_are_not_emulated(aws: World) -> None:
    metric = {"Metric": {"Namespace": "Own", "MetricName": "Load"}, "Period": 60, "Stat": "Average"}
    aws.alarm(
        Metrics=[
            {"Id": "m1", "MetricStat": metric, "ReturnData": True},
            {"Id": "band", "Expression": "ANOMALY_DETECTION_BAND(m1, 2)", "ReturnData": True},
        ],
        ThresholdMetricId="band",
        Threshold=None,
        ComparisonOperator="GreaterThanUpperThreshold",
    )
    aws.set_state("OK")
    aws.put(9)
    assert aws.run() == [("load", "OK", "INSUFFICIENT_DATA")]
    assert "bands of an anomaly detection are not emulated" in aws.held()["StateReason"]


def test_alarms_of_target_tracking_and_composite_ones_are_left_alone(aws: World) -> None:
    aws.alarm("TargetTracking-service/agents/worker-AlarmHigh")
    aws.alarm("both")
    cloudwatch_backends[ACCOUNT][REGION].alarms["both"].rule = 'ALARM("one")'
    aws.put(9)
    assert aws.run() == []


def test_history_holds_a_bounded_number_of_changes(aws: World) -> None:
    aws.alarm()
    for number in range(300):
        aws.set_state("OK" if number % 2 else "ALARM")
    assert len(cloudwatch_backends[ACCOUNT][REGION].alarms["load"].history) == 200


def test_undo_gives_moto_its_own_methods_back() -> None:
    def methods() -> list[Any]:
        return [CloudWatchBackend.put_metric_alarm, CloudWatchBackend.set_alarm_state]

    before = methods()
    with alarms_world():
        assert all(ours != own for ours, own in zip(methods(), before, strict=True))
    assert methods() == before


def test_the_timer_runs_rounds_without_being_asked_and_goes_on_after_one_that_fails() -> None:
    asked = threading.Semaphore(0)
    log: list[str] = []

    def clock() -> datetime:
        asked.release()
        raise RuntimeError("no time")

    with moto_cloud():
        alarms = Alarms(account=ACCOUNT, functions=Noting(), log=log.append, clock=clock, seconds=0)
        assert all(asked.acquire(timeout=PATIENCE_SECONDS) for _ in range(3))
        alarms.close()
    assert log[0] == "a round of alarms failed: RuntimeError: no time"


def test_closing_does_not_wait_for_the_next_round() -> None:
    with moto_cloud():
        Alarms(account=ACCOUNT, functions=Noting(), log=print, seconds=NEVER_SECONDS).close()


def test_a_round_can_be_run_at_once(provider_cloud: RunningCloud) -> None:
    client, name = provider_cloud.client("cloudwatch"), f"load-{uuid.uuid4().hex[:8]}"
    metric = {"Namespace": name, "MetricName": "Load"}
    client.put_metric_alarm(
        AlarmName=name,
        **metric,
        Statistic="Maximum",
        Period=86400,
        EvaluationPeriods=1,
        ComparisonOperator="GreaterThanThreshold",
        Threshold=5,
    )
    client.put_metric_data(
        Namespace=name, MetricData=[{"MetricName": "Load", "Value": 9, "Timestamp": datetime.now(UTC)}]
    )
    url = f"{provider_cloud.endpoint_url}/_embedded/alarms/run"
    answers: list[Any] = []
    # The cloud's own timer may come before one of them.
    for _ in range(3):
        client.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="to be changed")
        with urllib.request.urlopen(
            urllib.request.Request(url, method="POST"), timeout=PATIENCE_SECONDS
        ) as answer:
            answers += json.load(answer)["changed"]
    assert {"alarm": name, "from": "OK", "to": "ALARM"} in answers
    (held,) = client.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert held["StateValue"] == "ALARM"
