"""What is declared of an agent's telemetry, checked before anything is made of it."""

import json
from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws
from pydantic import ValidationError

from agent_hosting import statements
from agent_hosting._validation import Inputs
from agent_hosting.agent_watch import AgentWatch, WatchAlarmsArgs
from agent_runtime.telemetry.spec import XRAY, ObserveSpec

_WAY_OUT = "See docs/observability.md for what each field takes."


class TracesArgs(TypedDict):
    endpoint: str
    """Address that takes OTLP over HTTP as JSON, such as `https://otlp.example.com/v1/traces`, or `xray` for
    X-Ray's own in the agent's region, which needs Transaction Search in the account."""
    headers_secret: NotRequired[str]
    """Name of a secret of the agent with the headers that the address wants, as `name=value,name=value`.
    Defaults to none."""
    share: NotRequired[float]
    """Share of the runs that are traced, 0 to 1, each wholly or not at all. Defaults to 1."""


class ObserveArgs(TypedDict):
    alarms: NotRequired[WatchAlarmsArgs]
    """When people are told. Defaults to the defaults of each field."""
    dashboard: NotRequired[bool]
    """Whether the agent has a dashboard. Defaults to true; beyond three in an account each costs 3 US dollars
    a month."""
    redact: NotRequired[Sequence[str]]
    """Regular expressions of what is taken out of logs, spans and events, beside keys, tokens and e-mail
    addresses. Defaults to none."""
    tenant_metrics: NotRequired[bool]
    """Whether metrics are also kept for each tenant, at about 3 US dollars a month and tenant; needs
    `tenants`, which bounds them. Defaults to false."""
    traces: NotRequired[TracesArgs]
    """Where spans go. Defaults to nowhere."""


def check_observe(args: Any, inputs: Inputs, host: str) -> ObserveSpec:
    """What the runtime is told. Refuses what it would refuse, and what would cost without bound."""
    given: dict[str, Any] = dict(args.get("observe") or {})
    if given:
        inputs.inside("observe").known(ObserveArgs.__annotations__)
    fields = ("redact", "tenant_metrics", "traces")
    told = {field: given[field] for field in fields if given.get(field) is not None}
    try:
        spec = ObserveSpec.model_validate({**told, "host": host})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        at = ".".join(("observe", *(str(part) for part in first["loc"])))
        raise inputs.refuse(at, first["input"], first["msg"], _WAY_OUT) from None
    if spec.tenant_metrics and not args.get("tenants"):
        limit = "each tenant that calls would make metrics that cost money"
        raise inputs.refuse("observe.tenant_metrics", True, limit, "Name the `tenants` that are let in.")
    return spec


def observe_variables(spec: ObserveSpec) -> dict[str, str]:
    """What every program of the agent is told of it."""
    return {"AGENT_OBSERVE": json.dumps(spec.told(), sort_keys=True)}


def secrets_of(spec: ObserveSpec, names: Sequence[str]) -> list[str]:
    """The agent's secrets, with the one that its spans need."""
    headers = spec.traces.headers_secret if spec.traces else ""
    return [*names, *([headers] if headers and headers not in names else [])]


def watch(
    name: str,
    args: Any,
    spec: ObserveSpec,
    environment: str,
    role_name: pulumi.Input[str],
    topic_arn: pulumi.Input[str],
    tags: Any,
    parent: pulumi.Resource,
) -> AgentWatch:
    """The agent's alarms and dashboard, and its right to send spans to X-Ray, where they go there."""
    opts = pulumi.ResourceOptions(parent=parent)
    if spec.traces is not None and spec.traces.endpoint == XRAY:
        aws.iam.RolePolicy(
            f"{name}-spans", role=role_name, policy=statements.policy([statements.send_spans()]), opts=opts
        )
    given = args.get("observe") or {}
    return AgentWatch(
        f"{name}-watch",
        {
            "agent_name": name,
            "alarm_topic_arn": topic_arn,
            "dashboard_name": f"{name}-{environment}" if given.get("dashboard", True) else "",
            "tags": tags,
            **({"alarms": given["alarms"]} if given.get("alarms") else {}),  # type: ignore[typeddict-item]
        },
        opts=opts,
    )
