"""Zips that are the same bytes for the same sources."""

import hashlib
import os
import platform
import subprocess
import sys
import zipfile
from importlib import resources
from pathlib import Path
from typing import Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_hosting import _packaging
from agent_hosting._packaging import (
    Target,
    agent_archive,
    functions_archive,
    packed_before,
    runtime_archive,
    runtime_files,
    write_zip,
)
from agent_runtime.bundle import bundle_files
from tests.components.samples import agent_folder

HERE = Target.of("this-machine")
REALLY_INSTALL = _packaging._packages
"""Taken before the tests replace it: one test builds as a deployment does."""
UV_CACHE = os.environ.get("UV_CACHE_DIR") or str(
    Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uv"
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own: nothing is taken from an earlier build."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def build(folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The zip of an agent's folder, packed with an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    path, sha256 = agent_archive("0" * 12, "{}", folder, bundle_files(folder), None, HERE)
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    return path.read_bytes()


def test_an_unchanged_source_gives_the_same_bytes_whatever_its_age_and_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = agent_folder(tmp_path / "one"), tmp_path / "other"
    for path in sorted((p for p in one.rglob("*") if p.is_file()), reverse=True):
        copy = other / path.relative_to(one)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
        copy.chmod(0o600)
        os.utime(copy, (1_000_000_000, 1_000_000_000))
    assert build(one, tmp_path / "a", monkeypatch) == build(other, tmp_path / "b", monkeypatch)


@pytest.mark.parametrize("file", ["agent.py", "agent.yaml", "prompts/system.md"])
def test_one_changed_byte_gives_another_zip(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = agent_folder(tmp_path / "agent")
    before = build(folder, tmp_path / "a", monkeypatch)
    (folder / file).write_bytes((folder / file).read_bytes() + b"\n")
    assert build(folder, tmp_path / "b", monkeypatch) != before


@given(st.dictionaries(st.text("abc/", min_size=1, max_size=5), st.binary(max_size=20), max_size=5))
def test_the_order_of_files_is_no_part_of_a_zip(files: dict[str, bytes]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        one, other = Path(folder, "one"), Path(folder, "other")
        write_zip(one, files)
        write_zip(other, dict(reversed(files.items())))
        assert one.read_bytes() == other.read_bytes()
        with zipfile.ZipFile(one) as archive:
            assert {name: archive.read(name) for name in archive.namelist()} == files


def test_a_zip_tells_no_date_and_lets_everyone_read_its_files(tmp_path: Path) -> None:
    write_zip(tmp_path / "it.zip", {"a.py": b"1"})
    with zipfile.ZipFile(tmp_path / "it.zip") as archive:
        (entry,) = archive.infolist()
    assert entry.date_time == (1980, 1, 1, 0, 0, 0)
    assert entry.external_attr >> 16 == 0o644


def test_the_zip_holds_the_agent_the_runtime_its_identity_and_the_packages(
    tmp_path: Path, cache: Path
) -> None:
    folder = agent_folder(tmp_path / "agent")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "agent.pyc").write_bytes(b"")
    (folder / ".env").write_text("SECRET=1")
    path, _ = agent_archive("0" * 12, '{"it": 1}', folder, bundle_files(folder), None, HERE)
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        assert archive.read("bundle.json") == b'{"it": 1}'
        assert archive.read("agent.py") == (folder / "agent.py").read_bytes()
    assert {
        "agent.yaml",
        "prompts/system.md",
        "agent_runtime/hosts/lambda_.py",
        "agent_runtime/brake.py",
    } <= names
    assert "locked_package/__init__.py" in names
    assert not [name for name in names if name.endswith(".pyc") or ".env" in name]


def test_an_agent_cannot_put_its_own_files_in_the_runtimes_place(tmp_path: Path, cache: Path) -> None:
    folder = agent_folder(tmp_path / "agent")
    (folder / "agent_runtime").mkdir()
    (folder / "agent_runtime" / "brake.py").write_text("# never brakes")
    path, _ = agent_archive("0" * 12, "{}", folder, bundle_files(folder), None, HERE)
    with zipfile.ZipFile(path) as archive:
        assert archive.read("agent_runtime/brake.py") == runtime_files()["agent_runtime/brake.py"]


def test_the_zip_of_a_system_function_is_the_runtime_alone(cache: Path) -> None:
    path, sha256 = runtime_archive()
    assert path.is_relative_to(cache)
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    with zipfile.ZipFile(path) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == runtime_files()


def test_the_zip_of_an_agents_functions_is_the_runtime_and_the_packages(cache: Path) -> None:
    path, sha256 = functions_archive(HERE)
    assert path.is_relative_to(cache)
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    with zipfile.ZipFile(path) as archive:
        assert set(archive.namelist()) == {*runtime_files(), "locked_package/__init__.py"}
    assert functions_archive(Target.of("arm64"))[0] != functions_archive(Target.of("x86_64"))[0]


def test_the_zip_of_a_bundle_that_was_packed_here_is_found_again(tmp_path: Path, cache: Path) -> None:
    folder = agent_folder(tmp_path / "agent")
    path, _ = agent_archive("0" * 12, "{}", folder, bundle_files(folder), None, HERE)
    assert packed_before("0" * 12, HERE) == path
    assert not packed_before("1" * 12, HERE).exists()


def test_zips_for_two_processors_do_not_take_each_others_place(tmp_path: Path, cache: Path) -> None:
    folder = agent_folder(tmp_path / "agent")
    made = {
        agent_archive("0" * 12, "{}", folder, bundle_files(folder), None, Target.of(architecture))[0]
        for architecture in ("arm64", "x86_64")
    }
    assert len(made) == 2


@pytest.mark.parametrize(
    ("architecture", "machine", "python"),
    [(None, "arm64", "3.13"), ("arm64", "arm64", "3.13"), ("x86_64", "x86_64", "3.13")],
)
def test_a_target_on_aws_has_awss_python(architecture: str | None, machine: str, python: str) -> None:
    target = Target.of(architecture)
    assert (target.architecture, target.python, target.here) == (machine, python, False)
    assert target.runtime == f"python{python}"


@pytest.mark.parametrize(
    ("machine", "architecture"),
    [("aarch64", "arm64"), ("arm64", "arm64"), ("x86_64", "x86_64"), ("AMD64", "x86_64")],
)
def test_a_target_on_this_machine_has_its_processor_and_its_python(
    machine: str, architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    target = Target.of("this-machine")
    assert (target.architecture, target.here) == (architecture, True)
    assert target.python == f"{sys.version_info.major}.{sys.version_info.minor}"


def _installer(asked: list[list[str]], code: int = 0) -> Any:
    def run(command: list[str], **more: Any) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        target = Path(command[command.index("--target") + 1])
        (target / "package.py").write_text("")
        (target / "bin").mkdir(exist_ok=True)
        return subprocess.CompletedProcess(command, code, "", "no such version")

    return run


@pytest.mark.parametrize(
    ("target", "chosen"),
    [
        (Target.of("arm64"), ["--python-version", "3.13", "--python-platform", "aarch64-manylinux_2_28"]),
        (Target.of("x86_64"), ["--python-version", "3.13", "--python-platform", "x86_64-manylinux_2_28"]),
        (HERE, ["--python", sys.executable]),
    ],
)
def test_packages_are_the_locked_ones_for_the_target_as_wheels_alone(
    target: Target, chosen: list[str], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", _installer(asked))
    folder = REALLY_INSTALL(None, target)
    (command,) = asked
    assert [command[command.index(chosen[0]) + n] for n in range(len(chosen))] == chosen
    assert command[command.index("--only-binary") + 1] == ":all:"
    assert "--require-hashes" in command
    assert command[-1].endswith("requirements.lock")
    assert {path.name for path in folder.iterdir()} == {
        "package.py"
    }  # scripts name this machine's interpreter


def test_packages_are_installed_once_for_each_lock_and_target(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", _installer(asked))
    own = tmp_path / "requirements.txt"
    own.write_text("one==1\n")
    first = REALLY_INSTALL(own, HERE)
    assert REALLY_INSTALL(own, HERE) == first
    assert len(asked) == 2  # the runtime's lock and the agent's own
    own.write_text("one==2\n")
    assert REALLY_INSTALL(own, HERE) != first
    assert REALLY_INSTALL(None, HERE) not in (first, REALLY_INSTALL(None, Target.of("arm64")))


def test_packages_that_cannot_be_installed_are_told_by_lock_and_target_and_leave_nothing(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", _installer([], code=1))
    with pytest.raises(
        pulumi.RunError, match=r"the packages of .*requirements\.lock cannot be installed for .*arm64"
    ):
        REALLY_INSTALL(None, Target.of("arm64"))
    assert list((cache / "agent-hosting" / "packages").iterdir()) == []


def test_an_agent_built_for_this_machine_is_imported_from_its_zip_alone(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one test that really builds: packages come from uv's cache or from the package registry."""
    monkeypatch.setattr(_packaging, "_packages", REALLY_INSTALL)
    monkeypatch.setenv("UV_CACHE_DIR", UV_CACHE)
    folder = agent_folder(tmp_path / "agent")
    path, _ = agent_archive("0" * 12, "{}", folder, bundle_files(folder), None, HERE)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "task")
    lock = (Path(str(resources.files("agent_runtime"))) / "requirements.lock").read_text()
    locked = {
        line.split("==")[0].strip().replace("-", "_").lower() for line in lock.splitlines() if "==" in line
    }
    held = {name.split("-")[0].lower() for name in names if ".dist-info/" in name}
    assert locked - held == set()
    assert not [name for name in names if name.startswith("bin/") or name.endswith(".pyc")]
    program = (
        "import agent, agent_runtime.bundle, pydantic; print(pydantic.__file__)"  # boto3 is Lambda's own
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        env={"PYTHONPATH": str(tmp_path / "task"), "PATH": os.environ["PATH"]},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path / "task"))
