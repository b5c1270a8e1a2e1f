"""The credentials of a container's role, as an SDK asks for them: kept for a while, then new ones.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from embedded_aws.functions.sandbox import Issue

CREDENTIALS_SECONDS = 3600.0
"""AWS rotates a task's credentials hours before they end; an SDK asks again in the last quarter hour."""


@dataclass
class RoleCredentials:
    role_arn: str
    session_name: str
    issue: Issue
    clock: Callable[[], float]
    _held: dict[str, str] | None = None
    _renew_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self) -> dict[str, str]:
        with self._lock:
            now = self.clock()
            if self._held is None or now >= self._renew_at:
                role = self.issue(self.role_arn, self.session_name)
                self._held = {
                    "RoleArn": self.role_arn,
                    "AccessKeyId": role.access_key_id,
                    "SecretAccessKey": role.secret_access_key,
                    "Token": role.session_token,
                    "Expiration": utc(datetime.fromtimestamp(now + CREDENTIALS_SECONDS, UTC)),
                }
                self._renew_at = now + CREDENTIALS_SECONDS / 2
            return self._held


def utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
