"""The functions in front of a queue, as callers reach them."""

import json
from collections.abc import Callable
from typing import Any

from agent_runtime.blobs import BlobStore
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.control import ControlReader
from agent_runtime.hosts.http import respond
from agent_runtime.hosts.queue import senders
from agent_runtime.hosts.reading import RunReader
from agent_runtime.hosts.submit import SubmitHost
from agent_runtime.sessions import Sessions
from agent_runtime.spend.caps import SpendCaps
from agent_runtime.spend.room import Room
from tests.runtime.faulty import FaultyClient

STABLE, CANDIDATE = "aaaaaaaaaaaa", "bbbbbbbbbbbb"
Reply = tuple[int, dict[str, Any], dict[str, str]]
"""Status, body and headers."""


class Context:
    """Lambda's context object."""

    def get_remaining_time_in_millis(self) -> int:
        return 29_000


class Door:
    """Submit and status function of one agent. Clients count their calls; the clock moves when told."""

    def __init__(self, aws: Any, http_event: Callable[..., dict[str, Any]]) -> None:
        self.aws, self._event = aws, http_event
        self.dynamodb, self.s3 = FaultyClient(aws.dynamodb), FaultyClient(aws.s3)
        self.sqs = FaultyClient(aws.sqs)
        self.url = aws.queue().url
        send = senders(self.sqs, {STABLE: self.url, CANDIDATE: self.url})
        blobs = BlobStore(self.s3, "checkpoint-blobs")
        self.store = CheckpointStore(self.dynamodb, "checkpoints", blobs, agent="answers", clock=aws.clock)
        self._send = send
        self.submit = self._submit(None)
        self._status_routes = RunReader(self.store, send).routes()

    def sessions(self, bundle_id: str) -> Sessions:
        """As a release of an agent with memory has them."""
        table, clock = self.store.table, self.aws.clock
        return Sessions(table, agent="answers", bundle_id=bundle_id, owner="worker", clock=clock)

    def has_memory(self) -> None:
        """From now on the submit function is that of an agent with memory."""
        self.submit = self._submit(self.sessions(""))

    def has_caps(self, **caps: Any) -> None:
        """From now on the submit function knows these caps."""
        given, clock = SpendCaps.model_validate(caps), self.aws.clock
        room = Room(self.store.table, "answers", given, clock=clock, monotonic=clock)
        self.submit = self._submit(None, room)

    def _submit(self, sessions: Sessions | None, room: Room | None = None) -> SubmitHost:
        return SubmitHost(
            self.store,
            ControlReader(self.dynamodb, "control", "answers", clock=self.aws.clock),
            self._send,
            bundles=frozenset({STABLE, CANDIDATE}),
            uploads=self.s3,
            bucket="checkpoint-blobs",
            sessions=sessions,
            room=room,
        )

    def post(self, body: Any, *, path: str = "/runs", key: str | None = None, tenant: str = "acme") -> Reply:
        """Call the submit function."""
        headers = {} if key is None else {"Idempotency-Key": key}
        event = self._event("POST", path, body, claims={"tenant": tenant, "sub": "ann"}, headers=headers)
        return _reply(self.submit.handle(event, Context()))

    def status(
        self, method: str, path: str, body: Any = None, *, tenant: str = "acme", **query: str
    ) -> Reply:
        """Call the status function."""
        claims = {"tenant": tenant, "sub": "ann"}
        event = self._event(method, path, body, claims=claims, queryStringParameters=query)
        return _reply(respond(event, self._status_routes, None))

    def set_traffic(self, **changes: dict[str, Any] | None) -> None:
        """Write the traffic record; an attribute that is None is left out."""
        item = {
            "agent": {"S": "answers"},
            "item": {"S": "traffic"},
            "schema_version": {"N": "1"},
            "stable": {"S": STABLE},
            "version": {"N": "1"},
        }
        given = {name: value for name, value in (item | changes).items() if value is not None}
        self.aws.dynamodb.put_item(TableName="control", Item=given)

    def messages(self) -> list[dict[str, Any]]:
        """Bodies of all messages in the queue."""
        found = self.aws.queue().receive(10, 0, 0)
        return [json.loads(received.body) for received in found]

    def calls(self) -> dict[str, int]:
        """Calls to AWS since the last time this was asked."""
        counted: dict[str, int] = {}
        for client in (self.dynamodb, self.sqs, self.s3):
            counted |= client.calls
            client.calls.clear()
        return counted


def _reply(response: dict[str, Any]) -> Reply:
    return response["statusCode"], json.loads(response["body"]), response["headers"]
