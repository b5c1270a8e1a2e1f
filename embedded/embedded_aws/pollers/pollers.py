"""The pollers of all mappings, kept in step with what the Lambda API says of them."""

import threading
from collections.abc import Callable
from typing import Any

from moto.awslambda.models import EventSourceMapping, LambdaBackend
from moto.sqs.models import Queue

from embedded_aws.patches import replace
from embedded_aws.pollers.delivery import Delivery, Invoke
from embedded_aws.pollers.mappings import check, is_of_queue, qualified_arn
from embedded_aws.pollers.poller import Poller


class Pollers:
    """`problem(role_arn, queue_arn)` says why a role may not poll a queue, or None.

    FilterCriteria are recorded and not applied, which the log says: every message reaches the function.
    """

    def __init__(
        self, *, invoke: Invoke, problem: Callable[[str, str], str | None], log: Callable[[str], None]
    ) -> None:
        self._problem = problem
        self._stopped = threading.Event()
        self._delivery, self._log = Delivery(invoke, self._stopped, log), log
        self._lock = threading.Lock()
        self._pollers: dict[str, Poller] = {}

    def install(self) -> Callable[[], None]:
        """Polls for every mapping that is made from now on; call the result to undo it."""
        create, update, delete, describe = (
            LambdaBackend.create_event_source_mapping,
            LambdaBackend.update_event_source_mapping,
            LambdaBackend.delete_event_source_mapping,
            EventSourceMapping.get_configuration,
        )

        def created(backend: LambdaBackend, spec: dict[str, Any]) -> EventSourceMapping:
            source, function = spec.get("EventSourceArn", ""), spec.get("FunctionName", "")
            of_queue = bool(source and function) and is_of_queue(source)
            if of_queue:
                check(backend, source, function, spec)
            mapping = create(backend, spec)
            if of_queue:
                mapping.function_arn = qualified_arn(function, mapping.region, mapping.account_id)
                self._begin(mapping)
            return mapping

        def updated(backend: LambdaBackend, uuid: str, spec: dict[str, Any]) -> EventSourceMapping | None:
            mapping = backend.get_event_source_mapping(uuid)
            if mapping is None or not is_of_queue(mapping.event_source_arn):
                return update(backend, uuid, spec)
            function = spec.get("FunctionName") or mapping.function_arn
            held = {
                "BatchSize": mapping.batch_size,
                "MaximumBatchingWindowInSeconds": mapping.max_batch_window,
                "ScalingConfig": mapping.scaling_config,
            }
            check(backend, mapping.event_source_arn, function, {**held, **spec})
            update(backend, uuid, spec)
            mapping.function_arn = qualified_arn(function, mapping.region, mapping.account_id)
            self._wake(uuid)
            return mapping

        def deleted(backend: LambdaBackend, uuid: str) -> EventSourceMapping | None:
            mapping = delete(backend, uuid)
            self._wake(uuid)
            with self._lock:
                self._pollers.pop(uuid, None)
            return mapping

        def described(mapping: EventSourceMapping) -> dict[str, Any]:
            said = getattr(mapping, "last_processing_result", None)
            return {**describe(mapping), **({"LastProcessingResult": said} if said else {})}

        return replace(
            [
                (LambdaBackend, "create_event_source_mapping", created),
                (LambdaBackend, "update_event_source_mapping", updated),
                (LambdaBackend, "delete_event_source_mapping", deleted),
                (EventSourceMapping, "get_configuration", described),
                # moto calls the functions of the mappings that a queue holds while a message is being sent.
                (
                    Queue,
                    "lambda_event_source_mappings",
                    property(lambda _queue: {}, lambda _queue, _held: None),
                ),
            ]
        )

    def stop(self) -> None:
        """No further batch is taken, and none that is throttled is tried again."""
        self._stopped.set()
        with self._lock:
            pollers = list(self._pollers.values())
        for poller in pollers:
            poller.wake()

    def join(self) -> None:
        """Waits for what is being delivered: to be called once the functions have ended."""
        with self._lock:
            pollers, self._pollers = list(self._pollers.values()), {}
        for poller in pollers:
            poller.join()

    def _begin(self, mapping: EventSourceMapping) -> None:
        if mapping.filter_criteria:
            self._log(f"{mapping.function_arn}: the filter of its event source is recorded, not applied")
        poller = Poller(mapping, self._delivery, self._problem, self._stopped)
        with self._lock:
            self._pollers[mapping.uuid] = poller
        poller.start()

    def _wake(self, uuid: str) -> None:
        with self._lock:
            poller = self._pollers.get(uuid)
        if poller is not None:
            poller.wake()
