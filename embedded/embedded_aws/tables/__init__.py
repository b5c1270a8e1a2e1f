"""One table for each AWS service: rows that say how Pulumi's resource types are made with its API."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import lru_cache

from embedded_aws.provider.rows import AnyRow


@lru_cache(maxsize=1)
def all_rows() -> Mapping[str, AnyRow]:
    """Token of a resource type -> its row, from every table of this package."""
    rows: dict[str, AnyRow] = {}
    for module in pkgutil.iter_modules(__path__):
        table = importlib.import_module(f"{__name__}.{module.name}")
        for row in getattr(table, "ROWS", ()):
            assert row.token not in rows, f"two rows for {row.token}"
            rows[row.token] = row
    return rows
