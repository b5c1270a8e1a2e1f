"""Whose credentials are whose: temporary ones, as STS hands them out."""

import secrets
import string
import threading
from dataclasses import dataclass, field

_LETTERS = string.ascii_uppercase + string.digits


@dataclass(frozen=True)
class Credentials:
    """Credentials of a role's session, for a process that the embedded cloud starts."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)


@dataclass(frozen=True)
class Session:
    role_arn: str
    session_name: str
    session_token: str = field(repr=False)
    session_policies: tuple[str, ...] = ()
    secret_access_key: str = field(default="", repr=False)
    """For whoever must verify a signature: a token of EKS is nothing else."""


class Sessions:
    """Thread-safe: each entry is written once."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def issue(self, role_arn: str, session_name: str) -> Credentials:
        credentials = Credentials(
            access_key_id="ASIA" + "".join(secrets.choice(_LETTERS) for _ in range(16)),
            secret_access_key=secrets.token_urlsafe(30),
            session_token=secrets.token_urlsafe(48),
        )
        secret = credentials.secret_access_key
        session = Session(role_arn, session_name, credentials.session_token, secret_access_key=secret)
        self.add(credentials.access_key_id, session)
        return credentials

    def add(self, access_key_id: str, session: Session) -> None:
        with self._lock:
            self._sessions[access_key_id] = session

    def find(self, access_key_id: str, session_token: str | None) -> Session | None:
        """None for an unknown key, and for a known one with another token."""
        session = self._sessions.get(access_key_id)
        if session is None or not secrets.compare_digest(session.session_token, session_token or ""):
            return None
        return session
