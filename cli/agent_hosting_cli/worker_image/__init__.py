"""Builds the container image of a release from its zip, and pushes it."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from agent_hosting_cli.project import UserError

BUILD_SECONDS: Final = 1800
_PLATFORMS: Final = {"arm64": "linux/arm64", "x86_64": "linux/amd64"}
_HERE: Final = Path(__file__).parent


def pushed_image(
    archive: Path, repository: str, bundle_id: str, architecture: str, say: Callable[[str], None]
) -> str:
    """`repository@sha256:…` of the image that holds `archive`. Raises `UserError` where Docker is missing,
    or does not build or push."""
    if shutil.which("docker") is None:
        raise UserError(
            "an image is built by `docker buildx`, and there is no docker on PATH. Build it elsewhere from "
            f"{archive} and {_HERE / 'Dockerfile'}, and give `--image repository@sha256:…`"
        )
    with tempfile.TemporaryDirectory() as folder:
        context, told = Path(folder, "context"), Path(folder, "metadata.json")
        context.mkdir()
        shutil.copyfile(archive, context / "release.zip")
        for name in ("Dockerfile", "requirements.lock"):
            shutil.copyfile(_HERE / name, context / name)
        tag = f"{repository}:{bundle_id}"
        say(f"building and pushing {tag}")
        options = ["--platform", _PLATFORMS[architecture], "--tag", tag, "--metadata-file", str(told)]
        # Attestations would put an index around the image, and ECS wants to be told the image itself.
        options += ["--provenance=false", "--sbom=false", "--push"]
        try:
            done = subprocess.run(
                ["docker", "buildx", "build", *options, str(context)],
                capture_output=True,
                text=True,
                timeout=BUILD_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise UserError(f"docker did not build {tag} within {BUILD_SECONDS} s") from None
        if done.returncode != 0:
            last = "\n".join(done.stderr.strip().splitlines()[-20:])
            raise UserError(f"docker could not build and push {tag}:\n{last}")
        digest = json.loads(told.read_text())["containerimage.digest"]
    return f"{repository}@{digest}"
