"""The function that accepts runs for a queue: one write to the table, one message, and an answer at once."""

import base64
import logging
import os
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

from agent_runtime.blobs import Blob
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.control import ControlReader
from agent_runtime.errors import AgentRuntimeError, Braked, TrafficUnknown
from agent_runtime.hosts.http import Answer, LambdaContext, Route, respond
from agent_runtime.hosts.problems import Problem, problem_of
from agent_runtime.hosts.queue import RunMessage
from agent_runtime.hosts.requests import HttpCall, is_scheduled, json_fields, make_request, schedule_request
from agent_runtime.hosts.scheduled import by_schedule
from agent_runtime.records import RunRequest, RunStatus
from agent_runtime.sessions import Sessions
from agent_runtime.spend.room import Room, check_parent

_log = logging.getLogger("agent_runtime.hosts.submit")
_SHA256 = re.compile(r"[0-9a-f]{64}")
MOST_UPLOAD_BYTES: Final = 100 * 1024 * 1024
UPLOAD_SECONDS: Final = 600
"""Shorter than the shortest session of a function's role: a link cannot outlive who signed it."""


class SubmitHost:
    """Answers `POST /runs` and `POST /uploads`. `send` sends to the queue of a message's bundle."""

    def __init__(
        self,
        store: CheckpointStore,
        control: ControlReader,
        send: Callable[[RunMessage], None],
        *,
        bundles: frozenset[str],
        uploads: Any,
        bucket: str,
        tenants: frozenset[str] | None = None,
        sessions: Sessions | None = None,
        room: Room | None = None,
    ) -> None:
        """`uploads` is boto3's S3 client; `sessions` are those of an agent with memory; `room` knows who has
        anything left to spend."""
        self._store = store
        self._control = control
        self._send = send
        self._bundles = bundles
        self._uploads = uploads
        self._bucket = bucket
        self._tenants = tenants
        self._sessions = sessions
        self._room = room
        self._routes: Final = (
            Route("POST", re.compile("/runs"), self._post_run),
            Route("POST", re.compile("/uploads"), self._post_upload),
        )

    def handle(self, event: Mapping[str, Any], _context: LambdaContext) -> dict[str, Any]:
        """An HTTP response for an API Gateway event; for a schedule's call the run as it was accepted."""
        if is_scheduled(event):
            agent = self._store.heads.agent
            return by_schedule(lambda: self._accept(schedule_request(event, agent))[1])
        return respond(event, self._routes, self._tenants)

    def _post_run(self, call: HttpCall) -> Answer:
        agent = self._store.heads.agent
        fields = json_fields(call.body, {"input", "session", "parent", "upload"}, "`input` or `upload`")
        if (upload := fields.pop("upload", None)) is not None:
            if "input" in fields:
                raise Problem(400, "bad-request", "The input is given twice", "send `input` or `upload`")
            fields["input"] = self._uploaded(call.tenant, upload)
        request = make_request(
            agent,
            call.tenant,
            fields,
            call.headers.get("idempotency-key"),
            call.headers.get("traceparent"),
        )
        return self._accept(request)

    def _accept(self, request: RunRequest) -> Answer:
        agent = self._store.heads.agent
        try:
            bundle_id = self._release_for(request)
            submitted = self._store.submit(
                run_id=request.run_id,
                tenant=request.tenant,
                input=request.input,
                bundle_id=bundle_id,
                session=request.session,
                parent=request.parent,
                traceparent=request.traceparent,
            )
            if submitted.is_new:
                self._send(RunMessage(agent, request.run_id, request.tenant, bundle_id, request.session))
        except AgentRuntimeError as error:
            _log.warning("run not accepted", extra={"run_id": request.run_id}, exc_info=error)
            raise problem_of(error, request.run_id) from error
        except Exception as error:
            # The run is written, and the reaper sends what was not sent: the caller may ask again, or wait.
            _log.warning("run not sent", extra={"run_id": request.run_id}, exc_info=error)
            raise Problem(
                503, "queue-unavailable", "The queue does not answer", "ask again with the same key",
                retry_after=5, run_id=request.run_id,
            ) from error  # fmt: skip
        is_done = submitted.status is RunStatus.DONE
        body = {"run_id": request.run_id, "status": submitted.status.value, "bundle_id": submitted.bundle_id}
        return (200 if is_done else 202), {**body, "location": f"/runs/{request.run_id}"}

    def _release_for(self, request: RunRequest) -> str:
        """That of its session, if it is pinned to one that takes runs; else by the traffic record."""
        reason, traffic = self._control.read()
        if reason is not None:
            raise Braked(reason)
        if self._room is not None:
            self._room.check(request.tenant, request.parent)
        else:
            check_parent(self._store.heads.agent, None, request.parent)
        if self._sessions is not None and request.session is not None:
            known = self._sessions.find(request.tenant, request.session)
            if known is not None and known.bundle_id in self._bundles - traffic.rejected:
                return known.bundle_id
        bundle_id = traffic.bundle_for(request.session or request.run_id)
        if bundle_id not in self._bundles:
            raise TrafficUnknown(f"the traffic record names {bundle_id}, which has no queue here")
        return bundle_id

    def _post_upload(self, call: HttpCall) -> Answer:
        """A link that takes exactly the bytes with this hash, so that the run gets what was announced."""
        blob = self._blob(call.tenant, json_fields(call.body, {"sha256", "bytes"}, "`sha256` and `bytes`"))
        checksum = base64.b64encode(bytes.fromhex(blob.sha256)).decode()
        fields = {"x-amz-checksum-algorithm": "SHA256", "x-amz-checksum-sha256": checksum}
        link = self._uploads.generate_presigned_post(
            self._bucket,
            blob.key,
            Fields=fields,
            Conditions=[
                *({k: v} for k, v in fields.items()),
                ["content-length-range", blob.bytes, blob.bytes],
            ],
            ExpiresIn=UPLOAD_SECONDS,
        )
        upload = {"sha256": blob.sha256, "bytes": blob.bytes}
        return 201, {
            "upload": upload,
            "url": link["url"],
            "fields": link["fields"],
            "expires_in": UPLOAD_SECONDS,
        }

    def _uploaded(self, tenant: str, given: object) -> Blob:
        blob = self._blob(tenant, given)
        try:
            self._uploads.head_object(Bucket=self._bucket, Key=blob.key)
        except Exception as error:
            raise Problem(
                409, "not-uploaded", "The input is not there", "upload it to the link first"
            ) from error
        return blob

    def _blob(self, tenant: str, given: object) -> Blob:
        fields: Mapping[str, Any] = given if isinstance(given, dict) else {}
        sha256, size = fields.get("sha256"), fields.get("bytes")
        is_hash = isinstance(sha256, str) and _SHA256.fullmatch(sha256) is not None
        is_size = isinstance(size, int) and not isinstance(size, bool) and 0 < size <= MOST_UPLOAD_BYTES
        if not is_hash or not is_size:
            allowed = f"`sha256` as 64 hex digits and `bytes` from 1 to {MOST_UPLOAD_BYTES}"
            raise Problem(400, "bad-request", "The upload cannot be used", f"an upload has {allowed}")
        key = f"{self._store.heads.agent}/{quote(tenant, safe='')}/uploads/{sha256}.json"
        return Blob(key, str(sha256), int(str(size)))


def _start() -> SubmitHost:
    from agent_runtime.hosts.clients import client_of, lazily, store_of
    from agent_runtime.hosts.queue import senders
    from agent_runtime.logs import log_to
    from agent_runtime.settings import DoorSettings

    settings = DoorSettings.from_environment(os.environ)
    log_to(sys.stdout, settings.observe.redactor())
    dynamodb = client_of("dynamodb")
    store = store_of(settings, dynamodb)
    sessions = Sessions(store.table, agent=settings.agent_name, bundle_id="", owner="")
    return SubmitHost(
        store,
        ControlReader(dynamodb, settings.control_table, settings.agent_name),
        senders(client_of("sqs"), settings.queues),
        bundles=frozenset(settings.queues),
        uploads=lazily("s3"),
        bucket=settings.checkpoint_bucket,
        tenants=settings.tenants,
        sessions=sessions if settings.memory else None,
        room=None if settings.spend is None else Room(store.table, settings.agent_name, settings.spend),
    )


_host: SubmitHost | None = _start() if "AWS_LAMBDA_FUNCTION_NAME" in os.environ else None


def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """The function's handler: `agent_runtime.hosts.submit.handler`."""
    global _host
    if _host is None:
        _host = _start()
    return _host.handle(event, context)
