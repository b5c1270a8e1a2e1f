"""Secrets, fetched when they are needed and not before."""

import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from agent_runtime.audit.trail import NOT_KEPT, Trail
from agent_runtime.errors import SecretNotDeclared, SecretRefused, SecretUnavailable
from agent_runtime.scopes import current_scope

if TYPE_CHECKING:
    from types_boto3_secretsmanager.client import SecretsManagerClient

_log = logging.getLogger("agent_runtime.secrets")
MAX_AGE_SECONDS: Final = 60.0
"""A rotated value reaches a warm process within a minute, at one call a minute (Secrets Manager bills by
call).
"""
REFUSED_SECONDS: Final = 5.0
"""How long a value that was refused and fetched anew in vain is not fetched once more: a wrong key must not
become a flood of calls."""
_MOST_READERS: Final = 4_096
"""Pairs of run and secret that a process remembers; the next read of a forgotten one counts as first."""


class SecretValue:
    """A secret that shows itself only when asked by name."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself: hand it to the call that needs it, and keep it nowhere."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return "***"

    def __reduce__(self) -> str:
        raise TypeError("a secret cannot be pickled")


class SecretReader:
    """The agent's declared secrets. `arns` gives each name's exact ARN; `clock` is monotonic, in seconds.
    Safe for threads."""

    def __init__(
        self,
        client: "SecretsManagerClient",
        arns: Mapping[str, str],
        *,
        clock: Callable[[], float] = time.monotonic,
        max_age_seconds: float = MAX_AGE_SECONDS,
        audit: Trail = NOT_KEPT,
    ) -> None:
        self._client = client
        self._arns = dict(arns)
        self._clock = clock
        self._max_age = max_age_seconds
        self._audit = audit
        self._lock = Lock()
        self._cache: dict[str, tuple[float, SecretValue]] = {}
        self._refused: dict[str, float] = {}
        """When a value was last fetched anew in vain."""
        self._read: OrderedDict[tuple[str, str], None] = OrderedDict()

    def get(
        self,
        name: str,
        *,
        run_id: str = "",
        tenant: str = "",
        refresh: bool = False,
        refused: SecretValue | None = None,
    ) -> SecretValue:
        """The current value. `refused` is one that was not let in: unless another is known by now, the secret
        is fetched anew, once. `refresh` fetches it in any case.

        Raises `SecretNotDeclared`, `SecretUnavailable`, `SecretRefused` where the refused value is still the
        one in force, and `AuditUnavailable`. Every access is logged and on the trail, the value never.
        """
        arn = self._arns.get(name)
        if arn is None:
            declared = ", ".join(sorted(self._arns)) or "none"
            raise SecretNotDeclared(f"secret {name!r} is not declared by the agent; declared: {declared}")
        cached = self._cached(name, refused) if not refresh else None
        self._tell(name, run_id, tenant, is_cached=cached is not None, is_refused=refused is not None)
        return cached if cached is not None else self._fetched(name, arn, refused)

    def _fetched(self, name: str, arn: str, refused: SecretValue | None) -> SecretValue:
        with self._lock:  # those who were refused at the same moment fetch the new value once
            if refused is not None:
                if (known := self._cached(name, refused)) is not None:
                    return known
                if self._clock() - self._refused.get(name, -math.inf) < REFUSED_SECONDS:
                    raise _refused(name)
            value = self._fetch(name, arn)
            self._cache[name] = (self._clock(), value)
            if refused is not None and value.reveal() == refused.reveal():
                self._refused[name] = self._clock()
                raise _refused(name)
            return value

    def _cached(self, name: str, refused: SecretValue | None) -> SecretValue | None:
        held = self._cache.get(name)
        if held is None or self._clock() - held[0] >= self._max_age:
            return None
        return None if refused is not None and held[1].reveal() == refused.reveal() else held[1]

    def _tell(self, name: str, run_id: str, tenant: str, *, is_cached: bool, is_refused: bool) -> None:
        """Before the value is had. That the same run reads it again from the cache may be told later."""
        scope = current_scope.get()
        step = scope.name if scope is not None else ""
        said = {"secret": name, "run_id": run_id, "step": step, "cached": is_cached}
        _log.info("secret read", extra=said)
        reader = (run_id, name)
        is_again = is_cached and reader in self._read
        self._audit.record(
            "secret-read",
            run_id=run_id,
            tenant=tenant,
            step=step,
            secret=name,
            cached=is_cached,
            again=is_again,
            refused=is_refused,
        )
        with self._lock:
            self._read[reader] = None
            self._read.move_to_end(reader)
            if len(self._read) > _MOST_READERS:
                self._read.popitem(last=False)

    def _fetch(self, name: str, arn: str) -> SecretValue:
        try:
            # The stage is asked for by name: during a rotation it alone says which version is in force.
            reply = self._client.get_secret_value(SecretId=arn, VersionStage="AWSCURRENT")
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown")
            raise SecretUnavailable(f"secret {name!r} cannot be read: {code}") from error
        except BotoCoreError as error:
            raise SecretUnavailable(f"secret {name!r} cannot be read: {type(error).__name__}") from error
        if "SecretString" not in reply:
            raise SecretUnavailable(f"secret {name!r} is binary; only text is supported")
        return SecretValue(reply["SecretString"])


def _refused(name: str) -> SecretRefused:
    return SecretRefused(f"secret {name!r} was refused, and Secrets Manager has no other value in force")
