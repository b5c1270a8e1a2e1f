"""A small AWS whose queues are polled for its functions, and functions that ask the test what to answer."""

import json
import queue
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from moto.sqs.models import Queue, sqs_backends
from werkzeug.wrappers import Request, Response

from embedded_aws.functions import install
from embedded_aws.moto_gaps import fill
from embedded_aws.pollers import Pollers
from tests.embedded.functions_world import ACCOUNT, PATIENCE_SECONDS, REGION, Gateway, World, world
from tests.embedded.gaps_world import QueueOf

RAISE = "raise"
"""The answer to a function that shall fail."""

ASKS = """
import json, os, urllib.request
def handler(event, context):
    told = {"event": event, "version": context.function_version}
    url = os.environ["AWS_ENDPOINT_URL"] + "/_asked"
    answer = json.loads(urllib.request.urlopen(url, json.dumps(told).encode()).read())
    if answer == "raise": raise ValueError("as the test wishes")
    return answer
"""


@dataclass
class Call:
    """A function that waits for `answer`."""

    event: Any
    version: str
    answer: Callable[[Any], None]

    @property
    def records(self) -> list[Any]:
        return self.event["Records"]

    @property
    def bodies(self) -> list[str]:
        return [record["body"] for record in self.records]

    def ids(self, *bodies: str) -> list[str]:
        return [record["messageId"] for record in self.records if record["body"] in bodies]


@dataclass
class AskingGateway(Gateway):
    calls: "queue.SimpleQueue[Call]" = field(default_factory=queue.SimpleQueue)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] != "/_asked":
            return super().__call__(environ, start_response)
        answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.calls.put(Call(**json.loads(Request(environ).get_data()), answer=answers.put))
        return Response(json.dumps(answers.get(timeout=PATIENCE_SECONDS)))(environ, start_response)


@dataclass
class Polled:
    aws: World
    gateway: AskingGateway
    pollers: Pollers

    def function(self, **settings: Any) -> str:
        return self.aws.function(ASKS, **settings)

    def queue(self, *, fifo: bool = False) -> QueueOf:
        sqs, name = self.aws.client("sqs"), f"q-{uuid.uuid4().hex[:8]}" + (".fifo" if fifo else "")
        given = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if fifo else {}
        return QueueOf(sqs, sqs.create_queue(QueueName=name, Attributes=given)["QueueUrl"])

    def mapping(self, queue: QueueOf, function: str, **settings: Any) -> str:
        made = self.aws.client("lambda").create_event_source_mapping(
            EventSourceArn=queue.arn, FunctionName=function, **settings
        )
        return made["UUID"]

    def update(self, mapping: str, **settings: Any) -> None:
        self.aws.client("lambda").update_event_source_mapping(UUID=mapping, **settings)

    def called(self) -> Call:
        return self.gateway.calls.get(timeout=PATIENCE_SECONDS)

    def settled(self, mapping: str) -> None:
        """Waits until no batch of the mapping is being delivered."""
        poller = self.pollers._pollers[mapping]
        with poller._changed:
            assert poller._changed.wait_for(lambda: not poller._delivering, PATIENCE_SECONDS)

    def result(self, mapping: str) -> str | None:
        return self.aws.client("lambda").get_event_source_mapping(UUID=mapping).get("LastProcessingResult")


def end_visibility(queue: QueueOf) -> None:
    """Ends the visibility timeout of all that is in flight, as time would."""
    held: Queue = sqs_backends[ACCOUNT][REGION].queues[queue.url.rsplit("/", 1)[1]]
    with held._messages_lock:
        for message in held._messages:
            message.visible_at = 0.0
        held._messages_lock.notify_all()


@contextmanager
def polled(
    gateway: AskingGateway, problem: Callable[[str, str], str | None] | None = None
) -> Iterator[Polled]:
    """A fresh executor and fresh pollers; `problem` judges the roles, which may all poll without it."""
    with world(gateway) as aws:
        judge = problem or (lambda _role, _queue: None)
        pollers = Pollers(invoke=aws.functions.invoke, problem=judge, log=aws.log.append)
        undo = (install(aws.functions), fill(), pollers.install())
        try:
            yield Polled(aws, gateway, pollers)
        finally:
            pollers.stop()
            aws.functions.close()
            pollers.join()
            for one in undo:
                one()
