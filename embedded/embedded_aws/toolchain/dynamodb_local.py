"""DynamoDB Local, AWS's own stand-in for DynamoDB: a second opinion for tests that write to a table.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/DynamoDBLocal.html
"""

import platform
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from embedded_aws.toolchain.cache import Say, built
from embedded_aws.toolchain.go import BuildFailed

VERSION = "2.6.1"
_OLDEST_JAVA = 17
"""What the classes of `VERSION` are compiled for."""
_MACHINES = ("x86_64", "AMD64")
"""What its native SQLite is published for."""
_DOWNLOAD_SECONDS = 600
_START_SECONDS = 60
_SERVER: Final = Path(__file__).with_name("LoopbackServer.java")
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>agent-hosting</groupId>
  <artifactId>dynamodb-local</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>com.amazonaws</groupId>
      <artifactId>DynamoDBLocal</artifactId>
      <version>{VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""


def dynamodb_local(say: Say) -> Path | None:
    """The folder of its classes and libraries, from Maven Central; None where it cannot be had.

    Why not is then the last thing said, as `not available: …`.
    """
    try:
        _check_machine()
        return built(f"dynamodb-local-{VERSION}", lambda folder: _download(folder, say))
    except BuildFailed as error:
        say(f"not available: {error}")
        return None


@contextmanager
def running(folder: Path) -> Generator[str]:
    """A server without tables, in memory, from the `folder` of `dynamodb_local`, for as long as the block
    runs; gives its URL.

    Tables are kept apart by region and access key, which may hold letters and digits alone. Raises
    `BuildFailed` where it does not start.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # It lives for seconds: the quick compiler alone, and a heap that leaves room for several of them.
    flags = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m", "-cp", str(folder / "*")]
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(
            ["java", *flags, str(_SERVER), "-inMemory", "-disableTelemetry", "-port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            _await_answer(process, port, said)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def _check_machine() -> None:
    java = _java_version()
    if java < _OLDEST_JAVA:
        found = f"Java {java}" if java else "none"
        raise BuildFailed(f"it needs Java {_OLDEST_JAVA}, and there is {found}")
    if platform.machine() not in _MACHINES:
        raise BuildFailed(f"it has no SQLite for {platform.machine()}")


def _java_version() -> int:
    if shutil.which("java") is None:
        return 0
    said = subprocess.run(
        ["java", "-version"], capture_output=True, text=True, timeout=60, check=False
    ).stderr
    found = re.search(r'version "(\d+)', said)
    return int(found[1]) if found else 0


def _download(folder: Path, say: Say) -> None:
    if shutil.which("mvn") is None:
        raise BuildFailed("there is no `mvn` to get it with")
    say(f"getting DynamoDB Local {VERSION} with Maven (seconds to a minute, once)")
    with tempfile.NamedTemporaryFile("w", suffix=".xml") as pom:
        pom.write(_POM)
        pom.flush()
        command = ["mvn", "--batch-mode", "--quiet", "--strict-checksums", "--file", pom.name]
        try:
            done = subprocess.run(
                [*command, _COPY, f"-DoutputDirectory={folder}"],
                capture_output=True,
                text=True,
                timeout=_DOWNLOAD_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise BuildFailed(f"Maven took more than {_DOWNLOAD_SECONDS} s") from error
    if done.returncode != 0:
        raise BuildFailed(f"Maven failed:\n{(done.stdout + done.stderr).strip()[:500]}")


def _await_answer(process: "subprocess.Popen[bytes]", port: int, said: IO[str]) -> None:
    ends = time.monotonic() + _START_SECONDS
    while time.monotonic() < ends:
        try:
            process.wait(0.05)
            break
        except subprocess.TimeoutExpired:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
    said.seek(0)
    raise BuildFailed(f"DynamoDB Local does not start:\n{said.read().strip()[-2000:]}")
