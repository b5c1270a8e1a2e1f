"""Packs agents and system functions as zips that are the same bytes for the same sources."""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from importlib import resources
from pathlib import Path

import pulumi

from agent_runtime.bundle import bundle_files
from agent_runtime.gateway.declared import FILE as GATEWAY_FILE

_MACHINES = {"aarch64": "arm64", "arm64": "arm64", "x86_64": "x86_64", "AMD64": "x86_64"}
_UV_PLATFORMS = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}
"""Amazon Linux 2023, on which Lambda's Python 3.13 runs, has glibc 2.34:
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html"""
_LAMBDA_PYTHON = "3.13"
"""Newest but one of Lambda's: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html"""


class Architecture(str, Enum):
    """Processor that a function runs on."""

    ARM64 = "arm64"
    X86_64 = "x86_64"
    THIS_MACHINE = "this-machine"


ARCHITECTURES_WAY_OUT = "Omit it for arm64, a fifth cheaper than x86_64."


@dataclass(frozen=True)
class Target:
    """What a package is built for."""

    architecture: str
    """`arm64` or `x86_64`."""
    python: str
    """Such as `3.13`."""
    here: bool
    """Built for the machine that builds, as the embedded cloud runs it."""

    @property
    def runtime(self) -> str:
        return f"python{self.python}"

    @staticmethod
    def of(architecture: str | None) -> "Target":
        if architecture == Architecture.THIS_MACHINE.value:
            machine = _MACHINES.get(platform.machine(), "x86_64")
            return Target(machine, f"{sys.version_info.major}.{sys.version_info.minor}", here=True)
        return Target(Architecture(architecture or "arm64").value, _LAMBDA_PYTHON, here=False)


@lru_cache(maxsize=1)
def runtime_files() -> Mapping[str, bytes]:
    """The runtime that is packed beside each agent, by path in the zip."""
    root = Path(str(resources.files("agent_runtime")))
    found = sorted(p for p in root.rglob("*") if p.suffix in (".py", ".lock"))
    return {f"agent_runtime/{p.relative_to(root).as_posix()}": p.read_bytes() for p in found}


@lru_cache(maxsize=1)
def runtime_fingerprint() -> str:
    """SHA-256 of the runtime and of the lock of its packages."""
    digest = hashlib.sha256()
    for name, content in runtime_files().items():
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def runtime_archive() -> tuple[Path, str]:
    """(path, SHA-256) of a zip with the runtime alone, for functions that need no packages."""
    return _archive(f"runtime-{runtime_fingerprint()[:12]}", runtime_files(), None)


def functions_archive(target: Target) -> tuple[Path, str]:
    """(path, SHA-256) of a zip with the runtime and its locked packages, for functions that hold no agent."""
    name = f"functions-{runtime_fingerprint()[:12]}-{target.architecture}-{target.python}"
    return _archive(name, runtime_files(), _packages(None, target))


def agent_archive(
    bundle_id: str, bundle_json: str, folder: Path, files: list[str], requirements: str | None, target: Target
) -> tuple[Path, str]:
    """(path, SHA-256) of the zip of one bundle: the agent's files, the runtime, locked packages,
    bundle.json."""
    content = {name: (folder / name).read_bytes() for name in files} | dict(runtime_files())
    content["bundle.json"] = bundle_json.encode()
    packages = _packages(folder / requirements if requirements else None, target)
    return _archive(_bundle_name(bundle_id, target), content, packages)


def gateway_archive(rules: str, target: Target) -> tuple[Path, str]:
    """(path, SHA-256) of the zip of a tool gateway: the runtime, its packages and MCP's, and the rules."""
    lock = Path(str(resources.files("agent_runtime"))) / "gateway" / "requirements.lock"
    packages = _packages(lock, target)
    version = hashlib.sha256(f"{runtime_fingerprint()}{rules}{packages}".encode()).hexdigest()[:12]
    content = dict(runtime_files()) | {GATEWAY_FILE: rules.encode()}
    return _archive(f"gateway-{version}-{target.architecture}-{target.python}", content, packages)


def tools_archive(folder: Path, target: Target) -> tuple[Path, str]:
    """(path, SHA-256) of the zip of a gateway's tools: their files, the runtime, and locked packages."""
    content = {name: (folder / name).read_bytes() for name in bundle_files(folder)}
    wanted = folder / "requirements.txt"
    packages = _packages(wanted if wanted.is_file() else None, target)
    content |= runtime_files()
    digest = hashlib.sha256(str(packages).encode())
    for name in sorted(content):
        digest.update(f"{name}\0{len(content[name])}\0".encode() + content[name])
    return _archive(
        f"tools-{digest.hexdigest()[:12]}-{target.architecture}-{target.python}", content, packages
    )


def packed_before(bundle_id: str, target: Target) -> Path:
    """Where this machine keeps the zip of a bundle that it packed."""
    return _cache() / f"{_bundle_name(bundle_id, target)}.zip"


def _bundle_name(bundle_id: str, target: Target) -> str:
    return f"bundle-{bundle_id}-{target.architecture}-{target.python}"


def _packages(requirements: Path | None, target: Target) -> Path:
    """Folder with the locked packages for `target`, installed once for each lock and target."""
    lock = Path(str(resources.files("agent_runtime"))) / "requirements.lock"
    wanted = lock.read_bytes() + (requirements.read_bytes() if requirements else b"")
    key = hashlib.sha256(wanted + repr(target).encode()).hexdigest()[:16]
    folder = _cache() / f"packages-{key}"
    if folder.exists():
        return folder
    command = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "--quiet",
        "--no-config",
        "--only-binary",
        ":all:",
    ]
    if target.here:
        command += ["--python", sys.executable]
    else:
        command += [
            "--python-version",
            target.python,
            "--python-platform",
            _UV_PLATFORMS[target.architecture],
        ]
    sets = [["--require-hashes", "--requirement", str(lock)]]
    sets += [["--requirement", str(requirements)]] if requirements else []
    with tempfile.TemporaryDirectory(dir=_cache()) as made:
        for chosen in sets:
            done = subprocess.run(
                [*command, "--target", made, *chosen],
                capture_output=True,
                text=True,
                timeout=600,
                check=False,
            )
            if done.returncode != 0:
                raise pulumi.RunError(
                    f"the packages of {chosen[-1]} cannot be installed for {target}: {done.stderr.strip()}"
                )
        shutil.rmtree(Path(made) / "bin", ignore_errors=True)  # scripts name this machine's interpreter
        try:
            Path(made).rename(folder)
        except OSError:
            if not folder.exists():  # else another process was faster, with the same packages
                raise
        else:
            Path(made).mkdir()
    return folder


def _archive(name: str, content: Mapping[str, bytes], packages: Path | None) -> tuple[Path, str]:
    path = _cache() / f"{name}.zip"
    if not path.exists():
        files = dict(content)
        if packages is not None:
            kept = (
                p for p in packages.rglob("*") if p.is_file() and p.suffix != ".pyc" and p.name != ".lock"
            )
            files = {p.relative_to(packages).as_posix(): p.read_bytes() for p in kept} | files
        with tempfile.NamedTemporaryFile(dir=_cache(), delete=False) as partial:
            write_zip(Path(partial.name), files)
        Path(partial.name).replace(path)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def write_zip(path: Path, files: Mapping[str, bytes]) -> None:
    """A zip without dates, owners or order of its own: the same files give the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name])


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(base) / "agent-hosting" / "packages"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
