"""Amazon DynamoDB: a conditional write is atomic, and a read sees whole writes. moto judges a condition and
writes in two moments, between which another request's thread may write, and copies items while they change.

A transaction costs what its items cost. moto copies each table that it names, so that a table of a thousand
runs takes a second; here only the items that it names are kept aside.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
"""

import copy
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler

from embedded_aws.patches import Replacement

_in_transaction = threading.local()


def replacements() -> list[Replacement]:
    answer, one_at_a_time = DynamoHandler.call_action, threading.Lock()
    write_all = DynamoDBBackend.transact_write_items

    def call_action(handler: DynamoHandler) -> Any:
        with one_at_a_time:
            return answer(handler)

    def transact_write_items(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
        kept = [_Kept(backend, operation) for part in transact_items for operation in part.values()]
        try:
            with _tables_are_not_copied():
                write_all(backend, transact_items)
        except Exception:
            for one in kept:
                one.put_back()
            raise

    return [
        (DynamoHandler, "call_action", call_action),
        (DynamoDBBackend, "transact_write_items", transact_write_items),
        (Table, "__deepcopy__", _copied),
    ]


class _Kept:
    """One item as it was before a transaction."""

    def __init__(self, backend: DynamoDBBackend, operation: dict[str, Any]) -> None:
        self._table = backend.tables.get(operation.get("TableName", ""))
        given = operation.get("Key") or operation.get("Item") or {}
        names = [] if self._table is None else [self._table.hash_key_attr, self._table.range_key_attr]
        self._path = [DynamoType(given[name]) for name in names if name and name in given]
        self._item = copy.deepcopy(self._found())

    def put_back(self) -> None:
        """Undo whatever the transaction made of it."""
        if self._table is None or not self._path:
            return
        *above, last = self._path
        held: Any = self._table.items[above[0]] if above else self._table.items
        if self._item is None:
            held.pop(last, None)
        else:
            held[last] = self._item

    def _found(self) -> Any:
        held: Any = None if self._table is None or not self._path else self._table.items
        for part in self._path:
            held = held.get(part) if held is not None else None
        return held


@contextmanager
def _tables_are_not_copied() -> Generator[None]:
    _in_transaction.now = True
    try:
        yield
    finally:
        _in_transaction.now = False


def _copied(table: Table, memo: dict[int, Any]) -> Any:
    if getattr(_in_transaction, "now", False):
        return table
    made: Any = object.__new__(Table)
    memo[id(table)] = made
    vars(made).update(copy.deepcopy(vars(table), memo))
    return made
