"""What all tests share."""

import os
import sys

import pytest

if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
    # As in the Makefile: without its cache each process that a test starts compiles some thousand modules.
    sys.dont_write_bytecode = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files begin first, so that both workers end together."""
    items.sort(key=lambda item: item.get_closest_marker("end_to_end") is None)
