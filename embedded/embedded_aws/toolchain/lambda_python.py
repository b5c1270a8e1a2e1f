"""The interpreter that functions run under: AWS's runtime client and boto3, as in Lambda's own image, and
no more."""

import sys
from pathlib import Path

from embedded_aws.toolchain.cache import Say, built, digest
from embedded_aws.toolchain.go import HERE, run


def lambda_python(say: Say) -> Path:
    """Path of the interpreter, of the same version as this one."""
    lock = HERE / "lambda-python.lock"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"

    def make(folder: Path) -> None:
        say(f"installing AWS's Lambda runtime client for Python {version} (once)")
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

    return (
        built(f"lambda-python-{version}-{digest(lock, Path(sys.executable).resolve())}", make)
        / "bin"
        / "python"
    )
