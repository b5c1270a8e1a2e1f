"""Secrets, fetched when they are needed and not before."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from agent_runtime.errors import SecretNotDeclared, SecretUnavailable

if TYPE_CHECKING:
    from types_boto3_secretsmanager.client import SecretsManagerClient

_log = logging.getLogger("agent_runtime.secrets")
MAX_AGE_SECONDS: Final = 60.0
"""A rotated value reaches a warm process within a minute, at one call a minute (Secrets Manager bills by
call).
"""


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
    """The agent's declared secrets. `arns` gives each name's exact ARN; `clock` is monotonic, in seconds."""

    def __init__(
        self,
        client: "SecretsManagerClient",
        arns: Mapping[str, str],
        *,
        clock: Callable[[], float] = time.monotonic,
        max_age_seconds: float = MAX_AGE_SECONDS,
    ) -> None:
        self._client = client
        self._arns = dict(arns)
        self._clock = clock
        self._max_age = max_age_seconds
        self._cache: dict[str, tuple[float, SecretValue]] = {}

    def get(self, name: str, *, run_id: str = "", refresh: bool = False) -> SecretValue:
        """The current value; `refresh` bypasses the cache, for a key that was just refused.

        Raises `SecretNotDeclared` and `SecretUnavailable`. Every access is logged, the value never.
        """
        arn = self._arns.get(name)
        if arn is None:
            declared = ", ".join(sorted(self._arns)) or "none"
            raise SecretNotDeclared(f"secret {name!r} is not declared by the agent; declared: {declared}")
        cached = self._cache.get(name)
        is_cached = not refresh and cached is not None and self._clock() - cached[0] < self._max_age
        _log.info("secret read", extra={"secret": name, "run_id": run_id, "cached": is_cached})
        if cached is not None and is_cached:
            return cached[1]
        value = self._fetch(name, arn)
        self._cache[name] = (self._clock(), value)
        return value

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
