"""What the programs are built from is pinned, and a build that changes its sources says where they moved."""

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from embedded_aws.toolchain.go import BuildFailed
from embedded_kubernetes.toolchain import definitions
from embedded_kubernetes.toolchain.binaries import HERE, KUBERNETES, TOOLS, Tool, _patched

MODULES = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kubernetes": "k8s.io/kubernetes",
    "kwok": "sigs.k8s.io/kwok",
    "argo-rollouts": "github.com/argoproj/argo-rollouts",
}


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.module)
def test_the_version_that_is_named_is_the_one_that_is_pinned(tool: Tool) -> None:
    text = (tool.folder / "go.mod").read_text()
    assert re.search(rf"\s{re.escape(MODULES[tool.module])} v{re.escape(tool.version)}\b", text)
    assert all(f"\t{package}\n" in text or f"tool {package}\n" in text for package in tool.packages.values())


def test_kubernetes_takes_all_of_its_staging_modules_at_its_own_version() -> None:
    text = (HERE / "kubernetes" / "go.mod").read_text()
    replaced = re.findall(r"^\s(k8s\.io/\S+) => (\S+) (\S+)$", text, re.MULTILINE)
    assert len(replaced) > 25
    assert {(name == target, version) for name, target, version in replaced} == {
        (True, f"v0{KUBERNETES.removeprefix('1')}")
    }


def test_another_patch_is_another_folder_of_the_cache() -> None:
    tool = TOOLS[-1]
    assert tool.patch is not None
    changed = replace(tool, patch=replace(tool.patch, after='"[::1]:%d"'))
    assert changed.cached != tool.cached


def test_a_patch_whose_place_has_gone_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = TOOLS[-1]
    assert tool.patch is not None
    source = tmp_path / tool.patch.file
    source.parent.mkdir()
    source.write_text("package controller\n")
    found: Callable[..., Path] = lambda *_: tmp_path  # noqa: E731
    monkeypatch.setattr(sys.modules[_patched.__module__], "module_folder", found)
    with pytest.raises(BuildFailed, match=r"controller.go no longer holds .* once: mend the patch"):
        _patched(Path("go"), tool).__enter__()


def test_definitions_of_every_operator_are_kept_as_yaml() -> None:
    names = [file.name for file in definitions(print).glob("*.yaml")]
    for part in (
        "rollout-crd",
        "keda.sh_scaledobjects",
        "httproutes",
        "x-k8s.io_sandboxes",
        "externalsecrets",
    ):
        assert any(part in name for name in names), part
