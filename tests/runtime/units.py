"""Write units by AWS's published rule.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

from collections.abc import Mapping
from typing import Any


def item_bytes(item: Mapping[str, Mapping[str, Any]]) -> int:
    """Size of an item of texts and numbers: names and texts in UTF-8, a number 1 byte for each two digits
    and 1 more."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def write_units(item: Mapping[str, Mapping[str, Any]], *, is_transactional: bool = False) -> int:
    """One for each started KB, two in a transaction, where a condition check counts as a write does."""
    return -(-item_bytes(item) // 1024) * (2 if is_transactional else 1)


def _value_bytes(value: Mapping[str, Any]) -> int:
    ((kind, given),) = value.items()
    if kind == "S":
        return len(given.encode())
    assert kind == "N", kind
    return (len(given.strip("-0.")) + 1) // 2 + 1
