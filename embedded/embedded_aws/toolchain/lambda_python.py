"""The interpreters that functions and containers run under: what Lambda's own image has, or a worker's, and
no more."""

import sys
from pathlib import Path

from embedded_aws.toolchain.cache import Say, built, digest
from embedded_aws.toolchain.go import HERE, run


def lambda_python(say: Say) -> Path:
    """Path of the interpreter of functions: AWS's runtime client and boto3."""
    return _interpreter("lambda-python", "AWS's Lambda runtime client", say)


def container_python(say: Say) -> Path:
    """Path of the interpreter of containers: what the image of a worker has beside its release."""
    return _interpreter("container-python", "what a worker's image has", say)


def _interpreter(name: str, what: str, say: Say) -> Path:
    """Of the same version as this one, with the packages of its lock."""
    lock = HERE / f"{name}.lock"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"

    def make(folder: Path) -> None:
        say(f"installing {what} for Python {version} (once)")
        uv = [sys.executable, "-m", "uv"]
        # Relocatable, since the folder gets its name only when it is complete.
        run(
            [
                *uv,
                "venv",
                "--quiet",
                "--no-config",
                "--relocatable",
                "--allow-existing",
                "--python",
                sys.executable,
                str(folder),
            ],
            HERE,
        )
        python = str(folder / "bin" / "python")
        run(
            [*uv, "pip", "sync", "--quiet", "--no-config", "--require-hashes", "--python", python, str(lock)],
            HERE,
        )

    return built(f"{name}-{version}-{digest(lock, Path(sys.executable).resolve())}", make) / "bin" / "python"
