"""Images that this machine can run: zips named by their digest, each unpacked once."""

import hashlib
import re
import shutil
import stat
import tempfile
import threading
import zipfile
from pathlib import Path

from embedded_aws.tasks.container import ARCHIVE_LABEL, Container
from embedded_aws.tasks.errors import NotStarted

UNPACKED_LIMIT_BYTES = 10 * 1024**3
"""https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-storage.html: 20 GiB hold the
image compressed and unpacked."""
_IMAGE = re.compile(r"this-machine/[a-z0-9._/-]+@sha256:([0-9a-f]{64})")


class Images:
    """Roots and temporary directories of containers under one directory, which `close` removes."""

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="embedded-ecs-"))
        self._lock = threading.Lock()

    def root(self, container: Container) -> Path:
        """The folder of the container's image. Raises NotStarted, worded as AWS does it."""
        named = _IMAGE.fullmatch(container.image)
        if named is None:
            raise _cannot_pull(
                container,
                "the embedded cloud runs only images of the form this-machine/NAME@sha256:HEX, whose "
                f"container has the docker label {ARCHIVE_LABEL} with the path of a zip",
            )
        root = self._home / "images" / named[1]
        # One lock for all: unpacking is rare, and nobody may see a root half unpacked.
        with self._lock:
            if not root.exists():
                self._unpack(container, named[1], root)
        return root

    def temporary(self) -> Path:
        """A directory of its own for each container, as each has its own file system."""
        (self._home / "tmp").mkdir(exist_ok=True)
        return Path(tempfile.mkdtemp(dir=self._home / "tmp"))

    def close(self) -> None:
        shutil.rmtree(self._home, ignore_errors=True)

    def _unpack(self, container: Container, digest: str, root: Path) -> None:
        partial = Path(tempfile.mkdtemp(dir=self._home))
        try:
            with Path(container.archive or "").open("rb") as archive:
                found = hashlib.file_digest(archive, "sha256").hexdigest()
                if found != digest:
                    raise _cannot_pull(container, f"{container.archive} has the digest sha256:{found}")
                _extract(zipfile.ZipFile(archive), partial)
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise _cannot_pull(container, str(error)) from error
        root.parent.mkdir(exist_ok=True)
        partial.rename(root)


def _extract(archive: zipfile.ZipFile, root: Path) -> None:
    if sum(entry.file_size for entry in archive.infolist()) > UNPACKED_LIMIT_BYTES:
        raise ValueError(f"unpacked, it takes more than {UNPACKED_LIMIT_BYTES} bytes")
    for entry in archive.infolist():
        # `extract` keeps every entry inside `root`, whatever its name says.
        path = Path(archive.extract(entry, root))
        if not path.is_dir():
            # Tasks share the files, so none may change them; folders stay open to Python's own cache.
            path.chmod(stat.S_IMODE(entry.external_attr >> 16) & ~0o222 | 0o444)


def _cannot_pull(container: Container, reason: str) -> NotStarted:
    return NotStarted(f"CannotPullContainerError: pull image manifest {container.image}: {reason}.")
