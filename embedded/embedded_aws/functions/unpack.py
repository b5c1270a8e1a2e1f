"""Unpacks a version's zip once, for all the processes that run it."""

import hashlib
import io
import shutil
import stat
import tempfile
import threading
import zipfile
from pathlib import Path

from moto.backends import get_backend

from embedded_aws.functions.versions import Version

UNPACKED_LIMIT_BYTES = 250 * 1024 * 1024
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 250 MB unzipped."""


class BadPackage(Exception):
    """The zip cannot become a task root."""


class Packages:
    """Task roots and layer roots under one temporary directory, which `close` removes."""

    def __init__(self, account: str) -> None:
        self._account = account
        self._home = Path(tempfile.mkdtemp(prefix="embedded-lambda-"))
        self._lock = threading.Lock()

    def task_root(self, version: Version) -> Path:
        key = f"{version.region}/{version.name}/{version.version}/{_digest(version.code)}"
        return self._unpacked(key, version.code)

    def layer_roots(self, version: Version) -> list[Path]:
        layers = get_backend("lambda")[self._account][version.region]
        found = (layers.layers_versions_by_arn(arn) for arn in version.layers)
        codes = [layer.code_bytes for layer in found if layer]
        return [self._unpacked(f"layers/{_digest(code)}", code) for code in codes]

    def temporary(self) -> Path:
        """A directory of its own for each process, as each Lambda environment has its own `/tmp`."""
        (self._home / "tmp").mkdir(exist_ok=True)
        return Path(tempfile.mkdtemp(dir=self._home / "tmp"))

    def close(self) -> None:
        shutil.rmtree(self._home, ignore_errors=True)

    def _unpacked(self, key: str, code: bytes) -> Path:
        root = self._home / "code" / key
        # One lock for all: unpacking is rare and short, and nobody may see a root half unpacked.
        with self._lock:
            if not root.exists():
                partial = Path(tempfile.mkdtemp(dir=self._home))
                _extract(code, partial)
                root.parent.mkdir(parents=True, exist_ok=True)
                partial.rename(root)
        return root


def _extract(code: bytes, root: Path) -> None:
    try:
        package = zipfile.ZipFile(io.BytesIO(code))
    except zipfile.BadZipFile as error:
        raise BadPackage("Could not unzip uploaded file. Please check your file, then try again.") from error
    with package:
        if sum(entry.file_size for entry in package.infolist()) > UNPACKED_LIMIT_BYTES:
            raise BadPackage(f"Unzipped size must be smaller than {UNPACKED_LIMIT_BYTES} bytes")
        for entry in package.infolist():
            # `extract` keeps every entry inside `root`, whatever its name says.
            path = Path(package.extract(entry, root))
            permissions = stat.S_IMODE(entry.external_attr >> 16)
            # A zip made by `writestr` carries no read bits for others; Lambda needs 0644 and 0755.
            path.chmod(permissions | (0o755 if path.is_dir() else 0o644))


def _digest(code: bytes) -> str:
    return hashlib.sha256(code).hexdigest()
