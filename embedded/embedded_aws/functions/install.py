"""Puts the executor where moto would start a container, and keeps the settings that moto drops."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from moto.awslambda.models import LambdaBackend, LambdaFunction
from moto.events import notifications as events_notifications
from moto.events.models import Rule
from moto.s3 import notifications as s3_notifications
from moto.sns.models import Subscription

from embedded_aws.functions.eventbridge import send_to_functions
from embedded_aws.functions.invocation import Invocation
from embedded_aws.functions.sns_record import sns_event
from embedded_aws.patches import replace

_KEPT = ("DeadLetterConfig", "LoggingConfig")


class Invoker(Protocol):
    def invoke(
        self,
        region: str,
        function: str,
        qualifier: str | None,
        payload: bytes,
        *,
        invocation_type: str = "RequestResponse",
        log_tail: bool = False,
    ) -> Invocation: ...


def install(functions: Invoker) -> Callable[[], None]:
    """Every path by which moto invokes a function leads to `functions`; call the result to undo it."""

    def by_name(
        backend: LambdaBackend,
        function_name: str,
        qualifier: str | None,
        body: Any,
        headers: Any,
        response_headers: Any,
    ) -> bytes:
        """The Invoke API and secret rotation: both wait for the answer."""
        kind = _invocation_type(headers) or "RequestResponse"
        region = backend.region_name
        result = functions.invoke(region, function_name, qualifier, _bytes(body), invocation_type=kind)
        _tell(result, response_headers)
        return result.payload

    def by_object(function: LambdaFunction, body: Any, request_headers: Any, response_headers: Any) -> bytes:
        """Streams, log subscriptions and InvokeAsync: nobody waits for the answer."""
        kind = _invocation_type(request_headers) or "Event"
        name, number = function.function_name, str(function.version)
        result = functions.invoke(function.region, name, number, _bytes(body), invocation_type=kind)
        _tell(result, response_headers)
        # moto drops a DynamoDB stream's records only after an answer that is not empty.
        return result.payload or b"{}"

    def from_events(_account_id: str, fn_arn: str, event: Any) -> None:
        _send(functions, fn_arn, event)

    def from_s3(_account_id: str, event_body: Any, fn_arn: str, _region_name: str) -> None:
        _send(functions, fn_arn, event_body)

    def from_rule(rule: Rule, original_event: Any, transform_input: bool = True) -> None:
        others = send_to_functions(rule, original_event, lambda arn, event: _send(functions, arn, event))
        send_to_targets(others, original_event, transform_input)

    def from_topic(subscription: Subscription, message: str, message_id: str, **more: Any) -> None:
        if subscription.protocol == "lambda":
            _send_notification(functions, subscription, message, message_id, **more)
        else:
            publish(subscription, message, message_id, **more)

    def create(
        function: LambdaFunction, account_id: str, spec: dict[str, Any], *args: Any, **more: Any
    ) -> None:
        init(function, account_id, spec, *args, **more)
        _keep(function, spec)

    def configure(function: LambdaFunction, config_updates: dict[str, Any]) -> dict[str, Any]:
        _keep(function, config_updates)
        return update(function, config_updates)

    def describe(function: LambdaFunction, on_create: bool = False) -> dict[str, Any]:
        return {**configuration(function, on_create), **getattr(function, "kept_settings", {})}

    init, update = LambdaFunction.__init__, LambdaFunction.update_configuration
    configuration, publish, send_to_targets = (
        LambdaFunction.get_configuration,
        Subscription.publish,
        Rule.send_to_targets,
    )
    replaced: list[tuple[Any, str, Any]] = [
        (LambdaBackend, "invoke", by_name),
        (LambdaFunction, "invoke", by_object),
        (LambdaFunction, "__init__", create),
        (LambdaFunction, "update_configuration", configure),
        (LambdaFunction, "get_configuration", describe),
        (events_notifications, "_invoke_lambda", from_events),
        (s3_notifications, "_invoke_awslambda", from_s3),
        (Rule, "send_to_targets", from_rule),
        (Subscription, "publish", from_topic),
    ]
    return replace(replaced)


def _send(functions: Invoker, arn: str, event: Any) -> None:
    functions.invoke(arn.split(":")[3], arn, None, json.dumps(event).encode(), invocation_type="Event")


def _send_notification(
    functions: Invoker,
    subscription: Subscription,
    message: str,
    message_id: str,
    *,
    subject: str | None = None,
    message_attributes: dict[str, Any] | None = None,
    message_structure: str | None = None,
    **_fifo: Any,
) -> None:
    matcher = subscription._filter_policy_matcher
    if matcher is not None and not matcher.matches(message_attributes, message):
        return
    if message_structure == "json":
        message = subscription._parse_message_structure(message, subscription.protocol)
    event = sns_event(
        topic_arn=subscription.topic_arn,
        subscription_arn=subscription.arn,
        message_id=message_id,
        message=message,
        subject=subject,
        attributes=message_attributes,
    )
    _send(functions, subscription.endpoint, event)


def _keep(function: LambdaFunction, given: Mapping[str, Any]) -> None:
    """A new dict each time: a published version shares the old one, and must keep it."""
    found = {name: given[name] for name in _KEPT if given.get(name)}
    function.kept_settings = {**getattr(function, "kept_settings", {}), **found}  # type: ignore[attr-defined]


def _tell(result: Invocation, response_headers: Any) -> None:
    response_headers.update({name.lower(): value for name, value in result.headers.items()})


def _invocation_type(headers: Any) -> str | None:
    return next((v for k, v in (headers or {}).items() if k.lower() == "x-amz-invocation-type"), None)


def _bytes(body: Any) -> bytes:
    return body if isinstance(body, bytes) else str(body or "").encode()
