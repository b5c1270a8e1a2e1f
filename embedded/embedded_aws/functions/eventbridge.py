"""Functions as targets of an EventBridge rule: moto 5.2 raises for them."""

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from moto.events.models import Rule
from moto.events.utils import EventTemplateParser


def send_to_functions(rule: Rule, event: Any, send: Callable[[str, Any], None]) -> Rule:
    """Sends a matching event to the rule's functions; returns the rule with the targets left for moto."""
    others = copy.copy(rule)
    others.targets = [target for target in rule.targets if ":lambda:" not in target["Arn"]]
    if rule.state == "ENABLED" and rule.event_pattern.matches_event(event):
        for target in rule.targets:
            if ":lambda:" in target["Arn"]:
                send(target["Arn"], input_of(target, event))
    return others


def input_of(target: Any, event: Any) -> Any:
    """What a target gets of an event, by its Input, InputPath or InputTransformer.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Target.html
    """
    if target.get("Input"):
        return json.loads(target["Input"])
    proper = _as_aws_sends_it(event)
    if target.get("InputTransformer"):
        transformer = target["InputTransformer"]
        return EventTemplateParser.parse(
            transformer.get("InputTemplate"), transformer.get("InputPathsMap", {}), proper
        )
    if str(target.get("InputPath") or "$") != "$":
        value: Any = proper
        for key in str(target["InputPath"]).removeprefix("$.").split("."):
            value = value[key]
        return value
    return proper


def _as_aws_sends_it(event: Any) -> Any:
    """moto's event has its time in seconds and an ingestion time."""
    time = event.get("time")
    if isinstance(time, int | float):
        time = datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {**{key: value for key, value in event.items() if key != "ingestion-time"}, "time": time}
