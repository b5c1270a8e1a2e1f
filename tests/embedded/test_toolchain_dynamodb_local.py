"""DynamoDB Local is got once where Java and Maven are at hand, and does without where they are not."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from agent_hosting_cli import local
from embedded_aws.toolchain import cache
from embedded_aws.toolchain import dynamodb_local as toolchain
from embedded_aws.toolchain.go import BuildFailed

Command = Callable[[str, str], None]


@pytest.fixture(autouse=True)
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Puts a command that is a few lines of shell on PATH, which is otherwise empty."""
    folder = tmp_path / "bin"
    folder.mkdir()
    shell = shutil.which("sh")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(toolchain.platform, "machine", lambda: "x86_64")

    def write(name: str, lines: str) -> None:
        (folder / name).write_text(f"#!{shell}\n{lines}\n")
        (folder / name).chmod(0o755)

    return write


@pytest.fixture
def said() -> list[str]:
    return []


def _java(version: str) -> str:
    return f"echo 'openjdk version \"{version}\" 2025-04-15' >&2"


_MAVEN = """\
while [ $# -gt 0 ]; do
  case "$1" in
    --file) shift; read -r content < "$1"; : "${content:?}" ;;
    -DoutputDirectory=*) echo jar > "${1#*=}/DynamoDBLocal.jar" ;;
  esac
  shift
done"""


def test_it_is_got_with_maven_once(command: Command, said: list[str]) -> None:
    command("java", _java("17.0.15"))
    command("mvn", _MAVEN)
    folder = toolchain.dynamodb_local(said.append)
    assert folder is not None
    assert [p.name for p in folder.iterdir()] == ["DynamoDBLocal.jar"]
    assert len(said) == 1
    command("mvn", "exit 1")
    assert toolchain.dynamodb_local(said.append) == folder
    assert len(said) == 1


def test_without_java_it_is_not_available(command: Command, said: list[str]) -> None:
    command("mvn", _MAVEN)
    assert toolchain.dynamodb_local(said.append) is None
    assert said == ["not available: it needs Java 17, and there is none"]


@pytest.mark.parametrize(("version", "found"), [("11.0.2", "Java 11"), ("1.8.0_292", "Java 1")])
def test_an_older_java_is_not_enough(command: Command, said: list[str], version: str, found: str) -> None:
    command("java", _java(version))
    command("mvn", _MAVEN)
    assert toolchain.dynamodb_local(said.append) is None
    assert said == [f"not available: it needs Java 17, and there is {found}"]


def test_a_java_that_only_offers_to_be_installed_is_none(command: Command, said: list[str]) -> None:
    command("java", "echo 'The operation needs a Java Runtime.' >&2; exit 1")
    assert toolchain.dynamodb_local(said.append) is None
    assert said == ["not available: it needs Java 17, and there is none"]


def test_a_machine_that_its_sqlite_does_not_know_cannot_run_it(
    command: Command, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command("java", _java("21"))
    monkeypatch.setattr(toolchain.platform, "machine", lambda: "aarch64")
    assert toolchain.dynamodb_local(said.append) is None
    assert said == ["not available: it has no SQLite for aarch64"]


def test_without_maven_it_is_not_available(command: Command, said: list[str]) -> None:
    command("java", _java("17.0.15"))
    assert toolchain.dynamodb_local(said.append) is None
    assert said == ["not available: there is no `mvn` to get it with"]


def test_a_download_that_fails_says_why_and_leaves_nothing(command: Command, said: list[str]) -> None:
    command("java", _java("17.0.15"))
    command("mvn", f"{_MAVEN}\necho 'Could not transfer artifact'; exit 1")
    assert toolchain.dynamodb_local(said.append) is None
    assert said[-1] == "not available: Maven failed:\nCould not transfer artifact"
    assert [p.name for p in cache.cache_folder().iterdir() if not p.name.endswith(".lock")] == []


def test_a_maven_that_hangs_is_given_up(
    command: Command, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command("java", _java("17.0.15"))
    command("mvn", "while :; do :; done")
    monkeypatch.setattr(toolchain, "_DOWNLOAD_SECONDS", 0.2)
    assert toolchain.dynamodb_local(said.append) is None
    assert said[-1] == "not available: Maven took more than 0.2 s"


def test_a_server_that_dies_is_an_error_with_its_last_words(command: Command, tmp_path: Path) -> None:
    command("java", "echo 'Address already in use' >&2; exit 3")
    with (
        pytest.raises(BuildFailed, match=r"does not start:\nAddress already in use"),
        toolchain.running(tmp_path),
    ):
        pass


def test_the_command_tools_gets_it(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    command("java", _java("17.0.15"))
    command("mvn", _MAVEN)
    local.stores()
    assert (cache.cache_folder() / f"dynamodb-local-{toolchain.VERSION}" / "DynamoDBLocal.jar").exists()
    assert "not available" not in capsys.readouterr().err


def test_the_command_tools_does_without_it(capsys: pytest.CaptureFixture[str]) -> None:
    local.stores()
    assert "not available: it needs Java 17, and there is none" in capsys.readouterr().err
