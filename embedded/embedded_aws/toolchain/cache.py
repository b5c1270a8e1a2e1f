"""A folder for what was built, keyed by version: built once, never again without need."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

Say = Callable[[str], None]
"""Tells the user what is being waited for."""


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(base) / "agent-hosting" / "tools"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def digest(*files: Path) -> str:
    """First 12 hexadecimal digits over the contents of `files`."""
    return hashlib.sha256(b"\0".join(f.read_bytes() for f in files)).hexdigest()[:12]


def built(name: str, make: Callable[[Path], None]) -> Path:
    """The folder `name` of the cache, made by `make` if it is not there.

    A build that dies leaves nothing behind that looks finished, and two at a time make one.
    """
    folder = cache_folder() / name
    if folder.exists():
        return folder
    with _alone(name):
        if not folder.exists():
            partial = Path(tempfile.mkdtemp(dir=cache_folder(), prefix=f".{name}-"))
            try:
                make(partial)
                partial.rename(folder)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    return folder


@contextmanager
def _alone(name: str) -> Generator[None]:
    with (cache_folder() / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
