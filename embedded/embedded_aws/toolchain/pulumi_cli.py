"""Pulumi's command line: from PATH, else the official download, else built from pinned Go modules."""

import platform
import re
import shutil
import subprocess
import tarfile
import tempfile
import urllib.request
from pathlib import Path

from embedded_aws.toolchain.cache import Say, built, cache_folder, digest
from embedded_aws.toolchain.go import HERE, build, go, module_folder

VERSION = "3.220.0"
_OLDEST = (3, 200)
_DOWNLOAD = "https://get.pulumi.com/releases/sdk/pulumi-v{version}-{system}-{machine}.tar.gz"
_DOWNLOAD_SECONDS = 5
"""How long the official download may take to answer; its absence is no error."""
_SCRIPTS = (
    "python/cmd/pulumi-language-python-exec",
    "python/dist/pulumi-analyzer-policy-python",
    "python/dist/pulumi-resource-pulumi-python",
)


def pulumi_folder(say: Say) -> Path:
    """The folder that holds `pulumi` and its language host, to be put on PATH."""
    found = shutil.which("pulumi")
    if found and shutil.which("pulumi-language-python") and _version(found) >= _OLDEST:
        return Path(found).parent
    sums = [HERE / module / "go.sum" for module in ("pulumi", "pulumi-language-python")]
    own, official = f"pulumi-{VERSION}-{digest(*sums)}", cache_folder() / f"pulumi-{VERSION}-official"
    if not (cache_folder() / own).exists() and (official.exists() or _downloaded(official, say)):
        return official
    return built(own, lambda folder: _build(folder, say))


def _downloaded(folder: Path, say: Say) -> bool:
    machine = {"x86_64": "x64", "AMD64": "x64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine())
    if machine is None:
        return False
    url = _DOWNLOAD.format(version=VERSION, system=platform.system().lower(), machine=machine)
    say(f"asking for the official Pulumi {VERSION} (at most {_DOWNLOAD_SECONDS} s to answer)")
    try:
        with (
            urllib.request.urlopen(url, timeout=_DOWNLOAD_SECONDS) as answer,
            tempfile.TemporaryDirectory(dir=cache_folder()) as partial,
        ):
            say(f"downloading Pulumi {VERSION}")
            with tarfile.open(fileobj=answer, mode="r|gz") as archive:
                archive.extractall(partial, filter="data")
            (Path(partial) / "pulumi").rename(folder)
    except (OSError, tarfile.TarError):
        return False
    return True


def _build(folder: Path, say: Say) -> None:
    command = go(say)
    say(f"building Pulumi {VERSION} from pinned Go modules (one to four minutes, once)")
    build(
        command,
        HERE / "pulumi",
        "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
        folder / "pulumi",
        variables={"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": f"v{VERSION}"},
    )
    say("building Pulumi's Python language host (seconds)")
    host = "pulumi-language-python"
    build(command, HERE / host, f"github.com/pulumi/pulumi/sdk/v3/python/cmd/{host}", folder / host)
    sources = module_folder(command, HERE / "pulumi", "github.com/pulumi/pulumi/sdk/v3")
    for script in _SCRIPTS:
        copied = folder / Path(script).name
        shutil.copyfile(sources / script, copied)
        copied.chmod(0o755)


def _version(command: str) -> tuple[int, int]:
    said = subprocess.run(
        [command, "version"], capture_output=True, text=True, timeout=60, check=False
    ).stdout
    found = re.search(r"v(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)
