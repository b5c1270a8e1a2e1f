"""Amazon CloudWatch: alarms and dashboards."""

from typing import Any

from embedded_aws.provider.rows import AutoName, Client, Recorded, Row
from embedded_aws.provider.values import Properties
from embedded_aws.tables.common import ACCOUNT, REGION, tagging


def _alarm(client: Client, name: str, _state: Properties) -> Any:
    return next(iter(client.describe_alarms(AlarmNames=[name])["MetricAlarms"]), None)


def _outputs(found: Any) -> Properties:
    held: Properties = {
        "arn": found["AlarmArn"],
        "name": found["AlarmName"],
        "comparisonOperator": found["ComparisonOperator"],
        "evaluationPeriods": found["EvaluationPeriods"],
        "threshold": found.get("Threshold"),
        "metricName": found.get("MetricName"),
        "namespace": found.get("Namespace"),
        "period": found.get("Period"),
        "statistic": found.get("Statistic"),
        "extendedStatistic": found.get("ExtendedStatistic"),
        "alarmDescription": found.get("AlarmDescription"),
        "alarmActions": found.get("AlarmActions"),
        "okActions": found.get("OKActions"),
        "treatMissingData": found.get("TreatMissingData"),
        "dimensions": _dimensions(found),
        "metricQueries": [_query_outputs(q) for q in found.get("Metrics", [])],
    }
    return {k: v for k, v in held.items() if v not in (None, "", [], {})}


def _dimensions(metric: Any) -> Properties:
    return {d["Name"]: d["Value"] for d in metric.get("Dimensions", [])}


def _query_outputs(found: Any) -> Properties:
    names = {"id": "Id", "expression": "Expression", "label": "Label", "returnData": "ReturnData"}
    query = {name: found.get(member) for name, member in {**names, "period": "Period"}.items()}
    how = found.get("MetricStat")
    if how:
        metric = how["Metric"]
        query["metric"] = {
            "metricName": metric["MetricName"],
            "namespace": metric["Namespace"],
            "dimensions": _dimensions(metric),
            "period": how["Period"],
            "stat": how["Stat"],
        } | ({"unit": how["Unit"]} if how.get("Unit") else {})
    return {k: v for k, v in query.items() if v not in (None, "")}


def _prepare(properties: Properties) -> Properties:
    given = dict(properties)
    given["metrics"] = [_query(q) for q in given.pop("metricQueries", None) or []]
    return {k: v for k, v in given.items() if v != []}


def _query(given: Properties) -> Properties:
    """A metric query as CloudWatch nests it: the metric apart from how it is read."""
    query = {k: v for k, v in given.items() if k != "metric"}
    metric = given.get("metric")
    if isinstance(metric, dict):
        named = {k: metric[k] for k in ("metricName", "namespace", "dimensions") if metric.get(k)}
        how = {k: metric[k] for k in ("period", "stat", "unit") if metric.get(k)}
        query["metricStat"] = {"metric": named, **how}
    return query


ROWS = (
    Row(
        token="aws:cloudwatch/metricAlarm:MetricAlarm",
        service="cloudwatch",
        create="PutMetricAlarm",
        id="{name}",
        update="PutMetricAlarm",
        find=_alarm,
        renames={"name": "AlarmName"},
        prepare=_prepare,
        prepared=frozenset({"metricQueries"}),
        updates=frozenset({"metricQueries"}),
        outputs=_outputs,
        name=AutoName(longest=255),
        replaces=frozenset({"name"}),
        settings=(
            tagging(
                *("tag_resource", "untag_resource", "list_tags_for_resource"),
                arn=lambda _id, p: str(p["arn"]),
                member="ResourceARN",
            ),
        ),
        before_delete=lambda client, name, _state: client.delete_alarms(AlarmNames=[name]),
        defaults={"actionsEnabled": True, "treatMissingData": "missing"},
    ),
    Row(
        token="aws:cloudwatch/dashboard:Dashboard",
        service="cloudwatch",
        create="PutDashboard",
        id="{dashboardName}",
        read="GetDashboard",
        update="PutDashboard",
        key={"DashboardName": "{id}"},
        before_delete=lambda client, name, _state: client.delete_dashboards(DashboardNames=[name]),
        replaces=frozenset({"dashboardName"}),
        outputs=lambda d: {"dashboardArn": d["DashboardArn"], "dashboardBody": d["DashboardBody"]},
    ),
    Recorded(
        token="aws:cloudwatch/compositeAlarm:CompositeAlarm",
        id="{alarmName}",
        outputs=lambda p: {"arn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{p['alarmName']}"},
    ),
)
