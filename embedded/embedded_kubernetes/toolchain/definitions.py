"""Custom resource definitions of the operators that agents use, from pinned Go modules."""

import json
import shutil
from pathlib import Path

from embedded_aws.toolchain.cache import Say, built, digest
from embedded_aws.toolchain.go import BuildFailed, go, run

MODULE = Path(__file__).parent / "definitions"
FILES = {
    "github.com/argoproj/argo-rollouts": "manifests/crds/*-crd.yaml",
    "github.com/external-secrets/external-secrets": "config/crds/bases/external-secrets.io_*.yaml",
    "github.com/kedacore/keda/v2": "config/crd/bases/keda.sh_*.yaml",
    "sigs.k8s.io/agent-sandbox": "k8s/crds/*.yaml",
    "sigs.k8s.io/gateway-api": "config/crd/standard/gateway.networking.k8s.io_*.yaml",
}
"""Module -> its definitions, without what no agent declares (KEDA's cloud events, generators of
External Secrets), since every definition costs the API server memory."""


def definitions(say: Say) -> Path:
    """A folder with one YAML file for each definition."""
    pinned = digest(MODULE / "go.mod", MODULE / "go.sum", Path(__file__))
    return built(f"kubernetes-definitions-{pinned}", lambda folder: _copy(folder, say))


def _copy(folder: Path, say: Say) -> None:
    say("getting custom resource definitions from pinned Go modules")
    for module, pattern in FILES.items():
        said = run([str(go(say)), "mod", "download", "-json", module], MODULE)
        found = sorted(Path(json.loads(said)["Dir"]).glob(pattern))
        if not found:
            raise BuildFailed(f"{module} holds no file {pattern}; its pin in {MODULE / 'go.mod'} was moved?")
        for file in found:
            shutil.copyfile(file, folder / file.name)
