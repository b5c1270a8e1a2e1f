"""botocore's files, each read once in this process: every session would read anew what all others hold."""

from collections import defaultdict
from collections.abc import Callable
from functools import cache
from typing import Any

from botocore.loaders import JSONFileLoader, Loader

from embedded_aws.patches import replace


class _Once(JSONFileLoader):
    def __init__(self) -> None:
        self._read = cache(super().load_file)

    def load_file(self, file_path: str) -> Any:
        return self._read(file_path)


def read_once() -> Callable[[], None]:
    """Concerns the sessions that are made from now on, so it comes before moto is imported; call the result
    to undo it."""
    # A loader merges additions into what it reads, and moto's loader has others than botocore's.
    files: defaultdict[type[Loader], JSONFileLoader] = defaultdict(_Once)

    def files_of(loader: Loader) -> JSONFileLoader:
        return files[type(loader)]

    return replace([(Loader, "FILE_LOADER_CLASS", files_of)])
