"""Reads what a process prints, line by line, and can say when all that it printed so far is read."""

import contextlib
import os
import selectors
import threading
from collections.abc import Callable
from typing import IO

_CHUNK_BYTES = 65_536
_LINE_LIMIT_BYTES = 256 * 1024
"""CloudWatch's limit for one event: a longer line is cut into several."""


class Output:
    """Takes over `stream`, and closes it at its end."""

    def __init__(self, stream: IO[bytes], line: Callable[[str], None]) -> None:
        self._stream, self._line = stream, line
        self._partial = b""
        self._asked, self._ask = os.pipe()
        self._reads = threading.Condition()
        self._drains = 0
        self._closing = self._ended = False
        os.set_blocking(stream.fileno(), False)
        self._thread = threading.Thread(target=self._read, name="lambda-output", daemon=True)
        self._thread.start()

    def drain(self) -> None:
        """Returns when every byte that the process wrote before this call has become a line."""
        with self._reads:
            if self._ended:
                return
            before = self._drains
            os.write(self._ask, b".")
            self._reads.wait_for(lambda: self._drains > before or self._ended)

    def close(self) -> None:
        """Takes what is there and ends, even if something still holds the other end of the stream."""
        with self._reads:
            self._closing = True
            if not self._ended:
                os.write(self._ask, b".")
        self._thread.join()

    def _read(self) -> None:
        with selectors.DefaultSelector() as ready:
            ready.register(self._stream, selectors.EVENT_READ)
            ready.register(self._asked, selectors.EVENT_READ)
            while not self._ended:
                asked = any(key.fileobj == self._asked for key, _ in ready.select())
                ended = self._take_all()
                if asked:
                    os.read(self._asked, _CHUNK_BYTES)
                if asked or ended:
                    self._flush()
                with self._reads:
                    self._drains += asked
                    self._ended = ended or self._closing
                    self._reads.notify_all()
        with self._reads:
            self._stream.close()
            os.close(self._asked)
            os.close(self._ask)

    def _take_all(self) -> bool:
        """Reads until nothing is left; True at the end of the stream."""
        while True:
            try:
                chunk = os.read(self._stream.fileno(), _CHUNK_BYTES)
            except BlockingIOError:
                return False
            *lines, self._partial = (self._partial + chunk).split(b"\n")
            for line in lines:
                self._emit(line)
            if len(self._partial) > _LINE_LIMIT_BYTES:
                self._flush()
            if not chunk:
                return True

    def _flush(self) -> None:
        line, self._partial = self._partial, b""
        if line:
            self._emit(line)

    def _emit(self, line: bytes) -> None:
        # The runtime client joins the lines of one event with carriage returns.
        text = line.decode("utf-8", "replace").replace("\r", "\n")
        # Whatever a log group or a metric refuses, the pipe must be read on, or the function would block.
        with contextlib.suppress(Exception):
            self._line(text)
