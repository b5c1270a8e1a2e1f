"""Interpreters with the packages of a peer, whose pins must not decide which versions we use."""

import subprocess
import sys
from pathlib import Path

from embedded_aws.toolchain.cache import Say, built, digest
from embedded_aws.toolchain.go import BuildFailed, run

PROGRAMS = Path(__file__).parent / "peer_programs"
_VISIBILITY = {
    "celery": "from kombu.transport.SQS import Channel as C; print(C.default_visibility_timeout)",
    "dramatiq": (
        "import inspect, dramatiq_sqs as d; "
        "print(inspect.signature(d.SQSBroker).parameters['visibility_timeout'].default)"
    ),
}


def peer_python(name: str, say: Say) -> Path | None:
    """The interpreter with what `peer_programs/{name}.lock` pins; None where it cannot be had.

    Why not is then the last thing said, as `not available: …`.
    """
    lock = PROGRAMS / f"{name}.lock"

    def make(folder: Path) -> None:
        say(f"installing the peer {name} (seconds, once)")
        uv = [sys.executable, "-m", "uv"]
        # Relocatable, since the folder gets its name only when it is complete.
        options = ["--quiet", "--no-config", "--relocatable", "--allow-existing", "--python", sys.executable]
        run([*uv, "venv", *options, str(folder)], PROGRAMS)
        options = ["--quiet", "--no-config", "--require-hashes", "--python", str(folder / "bin" / "python")]
        run([*uv, "pip", "sync", *options, str(lock)], PROGRAMS)

    try:
        return built(f"peer-{name}-{digest(lock, Path(sys.executable).resolve())}", make) / "bin" / "python"
    except BuildFailed as error:
        say(f"not available: {error}")
        return None


def visibility_seconds(name: str, python: Path) -> int:
    """How long a message stays with a worker that died, by default: read from the code of the peer `name`,
    which `python` has."""
    command = [str(python), "-c", _VISIBILITY[name]]
    return int(subprocess.run(command, stdout=subprocess.PIPE, timeout=60, check=True).stdout)
