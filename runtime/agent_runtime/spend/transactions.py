"""Transactions of the ledger, sent again until they are known to be written or known to be refused.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
"""

import random
import time
from collections.abc import Callable
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import CheckpointUnavailable

TRIES: Final = 12
"""Of one transaction. Two that meet on an item are both told to try again."""
_PAUSE_SECONDS: Final = 0.01


class Transactions:
    """On one table, and what others are named in them. `sleep` and `jitter`, 0 to 1, are injected."""

    def __init__(
        self,
        table: CheckpointTable,
        *,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._table, self._sleep, self._jitter = table, sleep, jitter

    def write(self, parts: list[dict[str, Any]]) -> list[str] | None:
        """None once all parts are written, else the reasons why none is. Raises `CheckpointUnavailable`."""
        client = self._table.client
        for attempt in range(TRIES):
            try:
                client.transact_write_items(TransactItems=parts)  # type: ignore[arg-type]
                return None
            except client.exceptions.TransactionCanceledException as error:
                reasons = [str(r.get("Code")) for r in error.response.get("CancellationReasons", [])]
                if "ConditionalCheckFailed" in reasons:
                    return reasons
                if not set(reasons) & {"TransactionConflict", "ThrottlingError"}:
                    raise CheckpointUnavailable(f"table {self._table.name} refused: {reasons}") from error
            except HTTPClientError:
                pass  # the answer may be lost: sent again, it finds the hold as it is
            except (ClientError, BotoCoreError) as error:
                raise CheckpointUnavailable(
                    f"table {self._table.name} refused: {type(error).__name__}"
                ) from error
            self._sleep(self._jitter() * _PAUSE_SECONDS * 2 ** min(attempt, 6))
        raise CheckpointUnavailable(f"table {self._table.name} does not answer")
