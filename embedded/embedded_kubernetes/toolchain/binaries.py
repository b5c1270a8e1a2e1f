"""The programs of a Kubernetes cluster, built from Go modules whose sums are committed beside this file."""

import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from embedded_aws.toolchain.cache import Say, built, cache_folder, digest
from embedded_aws.toolchain.go import BuildFailed, build, go, module_folder, run

HERE = Path(__file__).parent
KUBERNETES = "1.34.1"


@dataclass(frozen=True)
class Patch:
    """One place of a dependency's sources that is built otherwise than it is written."""

    path: str
    """The Go module."""
    file: str
    before: str
    after: str


@dataclass(frozen=True)
class Tool:
    """One Go module of this folder and the programs built from it."""

    module: str
    version: str
    packages: Mapping[str, str]
    """Program -> Go package."""
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    patch: Patch | None = None

    @property
    def folder(self) -> Path:
        return HERE / self.module

    @property
    def cached(self) -> str:
        """The folder of the cache: another pin is another folder."""
        said = hashlib.sha256(repr((sorted(self.packages.items()), self.patch)).encode()).hexdigest()[:6]
        return f"{self.module}-{self.version}-{digest(self.folder / 'go.mod', self.folder / 'go.sum')}{said}"


@dataclass(frozen=True)
class Binaries:
    """Where the programs lie."""

    etcd: Path
    kube_apiserver: Path
    kube_controller_manager: Path
    kube_scheduler: Path
    kwok: Path
    rollouts_controller: Path


def _kubernetes() -> Tool:
    major, minor, _ = KUBERNETES.split(".")
    said = {"gitVersion": f"v{KUBERNETES}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    places = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    programs = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
    return Tool(
        "kubernetes",
        KUBERNETES,
        {program: f"k8s.io/kubernetes/cmd/{program}" for program in programs},
        {f"{place}.{name}": value for place in places for name, value in said.items()},
    )


TOOLS = (
    Tool("etcd", "3.6.4", {"etcd": "go.etcd.io/etcd/server/v3"}),
    _kubernetes(),
    Tool("kwok", "0.7.0", {"kwok": "sigs.k8s.io/kwok/cmd/kwok"}),
    Tool(
        "argo-rollouts",
        "1.8.3",
        {"rollouts-controller": "github.com/argoproj/argo-rollouts/cmd/rollouts-controller"},
        # It has no option for the address, and nothing here listens beyond the loopback interface.
        patch=Patch(
            "github.com/argoproj/argo-rollouts", "controller/controller.go", '"0.0.0.0:%d"', '"127.0.0.1:%d"'
        ),
    ),
)


def binaries(say: Say, clock: Callable[[], float] = time.monotonic) -> Binaries:
    """The programs, built where they are missing: some minutes on two cores, once."""
    found: dict[str, Path] = {}
    began, missing = clock(), [tool for tool in TOOLS if not (cache_folder() / tool.cached).exists()]
    for tool in TOOLS:
        folder = built(tool.cached, lambda folder, tool=tool: _build(tool, folder, say, clock))
        found |= {program.replace("-", "_"): folder / program for program in tool.packages}
    if missing:
        say(f"built {', '.join(tool.module for tool in missing)} in {clock() - began:.0f} s")
    return Binaries(**found)


def _build(tool: Tool, folder: Path, say: Say, clock: Callable[[], float]) -> None:
    command = go(say)
    for program, package in tool.packages.items():
        say(f"building {program} {tool.version} from pinned Go modules")
        began = clock()
        with _patched(command, tool) as modfile:
            build(command, tool.folder, package, folder / program, variables=tool.variables, modfile=modfile)
        say(f"built {program} in {clock() - began:.0f} s")


@contextmanager
def _patched(command: Path, tool: Tool) -> Generator[Path | None]:
    """A go.mod that takes the patched dependency from a copy: Go lets nobody change its own."""
    patch = tool.patch
    if patch is None:
        yield None
        return
    original = module_folder(command, tool.folder, patch.path)
    with tempfile.TemporaryDirectory() as temporary:
        copied, modfile = Path(temporary) / "copied", Path(temporary) / "go.mod"
        # By content alone: the originals are read-only.
        shutil.copytree(original, copied, copy_function=shutil.copyfile)
        for file in ("go.mod", "go.sum"):
            shutil.copyfile(tool.folder / file, modfile.with_name(file))
        for folder in (copied, *(one for one in copied.rglob("*") if one.is_dir())):
            folder.chmod(0o755)
        text = (copied / patch.file).read_text()
        if text.count(patch.before) != 1:
            raise BuildFailed(f"{original / patch.file} no longer holds {patch.before} once: mend the patch")
        (copied / patch.file).write_text(text.replace(patch.before, patch.after))
        run([str(command), "mod", "edit", f"-replace={patch.path}={copied}", str(modfile)], tool.folder)
        yield modfile
