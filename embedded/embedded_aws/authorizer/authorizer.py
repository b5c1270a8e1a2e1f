"""Allows or refuses each AWS call by the policies that are deployed."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import UTC, datetime
from pathlib import Path

from embedded_aws.authorizer import sources
from embedded_aws.authorizer.needs import ACCOUNT, Need
from embedded_aws.authorizer.policy import Decision, Request, decide
from embedded_aws.authorizer.principals import Principal
from embedded_aws.authorizer.refusals import ACCESS_DENIED, UNKNOWN_CALLER, UNSIGNED, Refusal, refuse
from embedded_aws.authorizer.refused_calls import RefusalLog, RefusedCall, read_log
from embedded_aws.authorizer.request import ApiCall, parse, signature
from embedded_aws.authorizer.resources import needs_of
from embedded_aws.authorizer.sessions import Credentials, Session, Sessions

__all__ = ["Authorizer", "Credentials", "Refusal", "RefusedCall", "read_log"]

_NOT_AWS = ("/moto-api", "/_embedded")
_MOST_COUNTED = 10_000


def _now() -> datetime:
    return datetime.now(UTC)


class Authorizer:
    """One for the whole embedded cloud; safe to call from any thread."""

    def __init__(
        self,
        log_path: Path,
        *,
        clock: Callable[[], datetime] = _now,
        admin: Set[str] = frozenset({"embedded"}),
    ) -> None:
        """`admin` are access key ids that no policy limits: Pulumi must be able to manage what it deploys."""
        self._log, self._clock, self._admin = RefusalLog(log_path), clock, frozenset(admin)
        self._sessions = Sessions()
        self._allowed: OrderedDict[tuple[str, str, str], int] = OrderedDict()
        self._lock = threading.Lock()

    def issue(self, role_arn: str, session_name: str) -> Credentials:
        return self._sessions.issue(role_arn, session_name)

    def register_assumed_role(
        self,
        access_key_id: str,
        session_token: str,
        role_arn: str,
        session_name: str,
        *,
        session_policies: Sequence[str] = (),
        secret_access_key: str = "",
    ) -> None:
        """For credentials that STS handed out: to be called with its answer to AssumeRole."""
        policies = tuple(session_policies)
        session = Session(role_arn, session_name, session_token, policies, secret_access_key)
        self._sessions.add(access_key_id, session)

    def session(self, access_key_id: str, session_token: str | None) -> Session | None:
        """Whose session these credentials are of."""
        return self._sessions.find(access_key_id, session_token)

    def refusal(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> Refusal | None:
        """None when the call is allowed.

        `path` is percent-encoded, as it came: once decoded, a slash in a model's ARN looks like a separator.
        """
        if path in _NOT_AWS or path.startswith(tuple(f"{place}/" for place in _NOT_AWS)):
            return None
        headers = {name.lower(): value for name, value in headers.items()}
        signed = signature(query, headers)
        if signed is not None and signed.access_key_id in self._admin:
            return None
        if signed is None:
            self._note("nobody", "-", path, "because the request is not signed")
            return refuse(
                UNSIGNED,
                "Request is missing Authentication Token",
                service="s3",
                protocol="json" if "x-amz-target" in headers else "rest-xml",
                method=method,
                query_mode=False,
            )
        call = parse(method, path, query, headers, body, signed)
        session = self._sessions.find(signed.access_key_id, signed.session_token)
        if session is None:
            action = f"{call.service}:{call.operation}"
            self._note(signed.access_key_id, action, "*", "because the credentials are not known")
            message = "The security token included in the request is invalid."
            return self._refuse(UNKNOWN_CALLER, message, call, method, headers)
        return self._judge(session, call, method, headers)

    def allowed_calls(self) -> Mapping[tuple[str, str, str], int]:
        """How often each (role ARN, action, statement of its policies) was allowed: the last 10,000. The
        statement is empty where the resource's own policy allows."""
        with self._lock:
            return dict(self._allowed)

    def _judge(
        self, session: Session, call: ApiCall, method: str, headers: Mapping[str, str]
    ) -> Refusal | None:
        role = sources.role(session.role_arn)
        who = Principal(ACCOUNT, role.arn, session.session_name, role.role_id, role.tags)
        around = self._surroundings(call)
        allowed: list[tuple[str, str, str]] = []
        for need in needs_of(call):
            decision = self._decide(who, role, session, need, around)
            if not decision.allowed:
                about = f"{need.action} on resource: {need.resource} {decision.reason}"
                self._note(who.arn, need.action, need.resource, decision.reason, decision.statement)
                message = f"User: {who.arn} is not authorized to perform: {about}"
                return self._refuse(ACCESS_DENIED, message, call, method, headers)
            allowed.append((role.arn, need.action, decision.statement or ""))
        self._count(allowed)
        return None

    @staticmethod
    def _decide(
        who: Principal,
        role: sources.Role,
        session: Session,
        need: Need,
        around: Mapping[str, tuple[str, ...]],
    ) -> Decision:
        return decide(
            role.policies,
            role.boundary,
            sources.resource_policies(need.resource),
            Request(who, need.action, need.resource, {**around, **need.context}),
            session_policies=session.session_policies,
        )

    def _surroundings(self, call: ApiCall) -> dict[str, tuple[str, ...]]:
        """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html

        On AWS these calls would come by TLS; here the loopback interface takes its place.
        """
        now = self._clock().astimezone(UTC)
        return {
            "aws:currenttime": (now.strftime("%Y-%m-%dT%H:%M:%SZ"),),
            "aws:epochtime": (str(int(now.timestamp())),),
            "aws:requestedregion": (call.region,),
            "aws:resourceaccount": (ACCOUNT,),
            "aws:securetransport": ("true",),
            "aws:sourceip": ("127.0.0.1",),
            "aws:viaawsservice": ("false",),
        }

    @staticmethod
    def _refuse(code: str, message: str, call: ApiCall, method: str, headers: Mapping[str, str]) -> Refusal:
        query_mode = headers.get("x-amzn-query-mode", "").lower() == "true"
        return refuse(
            code, message, service=call.service, protocol=call.protocol, method=method, query_mode=query_mode
        )

    def _count(self, allowed: Sequence[tuple[str, str, str]]) -> None:
        with self._lock:
            for one in allowed:
                self._allowed[one] = self._allowed.pop(one, 0) + 1
            while len(self._allowed) > _MOST_COUNTED:
                self._allowed.popitem(last=False)

    def _note(
        self, principal: str, action: str, resource: str, reason: str, statement: str | None = None
    ) -> None:
        at = self._clock().astimezone(UTC).isoformat(timespec="milliseconds")
        self._log.write(RefusedCall(at, principal, action, resource, reason, statement))
