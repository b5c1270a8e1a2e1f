"""What the tests of the components share."""

import warnings
from pathlib import Path

import pytest

with warnings.catch_warnings():
    # pulumi_aws deprecates names of its own while it is imported.
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    from agent_hosting import _manifests, _packaging

from tests.components.samples import agent_folder


@pytest.fixture(scope="session")
def _kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _no_packages_are_installed(_kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Zips go to a folder of the tests' own, and hold one small package instead of the locked ones."""
    packages = _kept / "site"
    (packages / "locked_package").mkdir(parents=True, exist_ok=True)
    (packages / "locked_package" / "__init__.py").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(_kept))
    monkeypatch.setattr(_packaging, "_packages", lambda requirements, target: packages)


@pytest.fixture(autouse=True)
def _time_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs of one program leave the same manifest."""
    monkeypatch.setattr(_manifests, "time", lambda: 1_800_000_000.0)


@pytest.fixture
def source(tmp_path: Path) -> str:
    """Folder of an agent that needs the secret `api-key` and has the tool `search`."""
    return str(agent_folder(tmp_path / "agent"))
