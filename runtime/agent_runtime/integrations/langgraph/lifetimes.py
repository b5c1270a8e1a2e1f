"""How long items stay, so that a thread in use never loses a part that a newer checkpoint leans on."""

from collections.abc import Callable
from typing import Final

_SLACK_SHARE: Final = 4


class Lifetimes:
    """Items live a quarter longer than `retention_days`, of which a checkpoint is seen for `retention_days`.

    What a checkpoint leans on, older values and writes, is written anew when a read finds half of that
    quarter gone. So what is written within the other half (3 days of 30) after a read outlives no part of it.
    """

    def __init__(self, retention_days: int, clock: Callable[[], float]) -> None:
        self._retention_seconds = retention_days * 86_400
        self._slack_seconds = self._retention_seconds // _SLACK_SHARE
        self._clock = clock

    def of_new(self) -> int:
        """When what is written now expires, in seconds since 1970."""
        return int(self._clock()) + self._retention_seconds + self._slack_seconds

    def is_visible(self, expires_at: int) -> bool:
        """Whether a checkpoint is within its retention."""
        return expires_at - self._slack_seconds > self._clock()

    def renew_before(self) -> int:
        """What expires before this, in seconds since 1970, is written anew when it is read."""
        return int(self._clock()) + self._retention_seconds + self._slack_seconds // 2
