"""What an agent is: the manifest in its folder, and the immutable bundle made from that folder.

Imports pydantic, its own parts and the error tree, nothing else of the runtime: the Pulumi components use
these models too.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from agent_runtime.errors import ManifestError
from agent_runtime.guard_spec import GuardSpec
from agent_runtime.model_routing import ONLY_TIER, RoutingRule, TierName
from agent_runtime.model_spec import ModelSpec, SecretName
from agent_runtime.model_tiers import called_models, check_models
from agent_runtime.tool_spec import ToolSpec

MANIFEST_FILE = "agent.yaml"
BUNDLE_FILE = "bundle.json"
_IGNORED_FOLDERS = {"__pycache__"}
_FILES_OUTSIDE = {BUNDLE_FILE, "gates.yaml"}
_FOLDERS_OUTSIDE = {"evaluation"}
"""At the top alone. The identity cannot hold itself, and what an agent is measured by is no part of it."""
_IGNORED_SUFFIXES = {".pyc"}
_ENTRYPOINT = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MemorySpec(_Frozen):
    """How a session's long-term memory is kept."""

    snapshots: int = Field(default=20, ge=1, le=100)
    """Versions of it that are kept, the present one among them. Defaults to 20."""
    snapshot_days: int = Field(default=30, ge=1, le=365)
    """Days for which a version that is no longer the present one is kept. Defaults to 30."""


class AgentManifest(_Frozen):
    """agent.yaml of an agent's folder."""

    entrypoint: str = Field(pattern=_ENTRYPOINT)
    """`module:function`, the function that takes a `Run` and returns a dict."""
    model: ModelSpec | None = None
    """The one model that is called. Needed without `models`."""
    models: dict[TierName, ModelSpec] = Field(default_factory=dict)
    """Models by the name of their tier, in place of `model`."""
    routing: tuple[RoutingRule, ...] = ()
    """Which tier is called: the first rule that holds. The last one has no condition."""
    prompts: tuple[str, ...] = ("prompts/**/*",)
    """Globs of the prompt files, relative to the folder. A glob written out must match at least one file."""
    tools: tuple[ToolSpec, ...] = ()
    secrets: tuple[SecretName, ...] = ()
    """Names of the secrets the agent may read."""
    knowledge: str | None = None
    """Folder of the documents the agent answers from, relative to the agent's folder."""
    knowledge_version: str | None = Field(default=None, min_length=1, max_length=256)
    """Version of knowledge that lies outside the folder, such as the id of an index: another one is another
    bundle. Defaults to one made from the documents."""
    max_steps: int = Field(default=50, ge=1, le=10_000)
    """Steps in one run. Defaults to 50: a loop ends before it costs much."""
    max_model_calls: int = Field(default=20, ge=0, le=10_000)
    """Model calls in one run. Defaults to 20."""
    requirements: str | None = None
    """Requirements file of packages that are installed beside the agent."""
    checkpoint_version: int | None = Field(default=None, ge=1)
    """Version of what the steps of a run mean: bundles with the same one can go on with each other's runs.
    Defaults to none, and then a bundle goes on with its own alone."""
    memory: MemorySpec | None = None
    """What `run.memory` keeps of each session. Defaults to none; `memory: {}` takes the defaults."""
    guards: GuardSpec | None = None
    """When the run is taken to go in circles. Defaults to the defaults of each."""

    @model_validator(mode="after")
    def _is_consistent(self) -> "AgentManifest":
        check_models(self.model, self.models, self.routing, self.secrets)
        for path in (*self.prompts, self.knowledge, self.requirements):
            if path is not None and (not path or path.startswith(("/", "\\")) or ".." in Path(path).parts):
                raise ValueError(f"{path!r} must be a path inside the agent's folder")
        return self


class Bundle(_Frozen):
    """The immutable identity of an agent: one changed byte in any part is another bundle."""

    schema_version: Literal[1] = 1
    entrypoint: str = Field(pattern=_ENTRYPOINT)
    model: ModelSpec
    """The model that is called, or with `models` that of the tier that takes whatever no rule does."""
    models: dict[TierName, ModelSpec] = Field(default_factory=dict)
    """Models by tier; empty for a bundle that has one."""
    routing: tuple[RoutingRule, ...] = ()
    prompts: dict[str, str]
    """SHA-256 of each prompt file, by its path with forward slashes."""
    tools: tuple[ToolSpec, ...] = ()
    secrets: tuple[SecretName, ...] = ()
    knowledge: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of each document."""
    knowledge_version: str | None = None
    """As agent.yaml has it, else the first 12 hex digits of the SHA-256 over paths and hashes of the
    documents; None without any."""
    code: dict[str, str]
    """SHA-256 of every other file, agent.yaml among them."""
    requirements: str | None = None
    max_steps: int
    max_model_calls: int
    checkpoint_version: int | None = None
    """Bundles with the same version can go on with each other's runs."""
    memory: MemorySpec | None = None
    """None for an agent that remembers nothing between the runs of a session."""
    guards: GuardSpec | None = None
    """None for the defaults."""
    runtime_fingerprint: str = Field(min_length=1)
    """Hash of the runtime packed beside the agent: a new runtime is another bundle too."""

    def canonical_json(self) -> str:
        """The bundle as JSON with sorted keys and no spaces: the same text for the same bundle,
        everywhere."""
        # What came after the first release is left out where it says nothing: ids are never made anew.
        absent = {name for name in ("memory", "models", "routing", "guards") if not getattr(self, name)}
        held = self.model_dump(mode="json", exclude=absent)
        return json.dumps(held, sort_keys=True, separators=(",", ":"))

    @property
    def tiers(self) -> Mapping[str, ModelSpec]:
        """Every model that may be called, by tier."""
        return self.models or {ONLY_TIER: self.model}

    @cached_property
    def bundle_id(self) -> str:
        """First 12 hex digits of the SHA-256 of `canonical_json()`."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()[:12]


def knowledge_version(documents: Mapping[str, str]) -> str | None:
    """Of hashes by path: 12 hex digits that change with any document; None where there is none."""
    if not documents:
        return None
    return hashlib.sha256(json.dumps(documents, sort_keys=True).encode()).hexdigest()[:12]


def load_manifest(folder: str | Path) -> AgentManifest:
    """Read agent.yaml. Raises `ManifestError` naming the file, the field, the value and what is allowed."""
    import yaml  # only where agents are built: the packed runtime has no YAML

    path = Path(folder) / MANIFEST_FILE
    try:
        content: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ManifestError(f"{path} does not exist, and every agent needs one") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    try:
        return AgentManifest.model_validate(content)
    except ValidationError as error:
        _refuse(path, error)


def bundle_from_folder(
    folder: str | Path,
    *,
    model: ModelSpec | None = None,
    models: Mapping[str, ModelSpec] | None = None,
    runtime_fingerprint: str,
) -> Bundle:
    """The bundle of the agent in `folder`; `model` replaces the manifest's own, all tiers of it, and `models`
    those tiers that it names.

    Hidden files, `__pycache__`, `*.pyc` and, at the top, `bundle.json`, `gates.yaml` and `evaluation/` do not
    count. Raises `ManifestError`, also for links that leave the folder: what they point to is not pinned.
    """
    root = Path(folder)
    manifest = load_manifest(root)
    called, tiers, routing = _models(root / MANIFEST_FILE, manifest, model, models or {})
    hashes = {path: hashlib.sha256((root / path).read_bytes()).hexdigest() for path in bundle_files(root)}
    prompts = {path for glob in manifest.prompts for path in _matches(root, glob, manifest) if path in hashes}
    knowledge = {
        p for p in hashes if manifest.knowledge and p.startswith(f"{manifest.knowledge.strip('/')}/")
    }
    for field, path in (("requirements", manifest.requirements), ("knowledge", manifest.knowledge)):
        if path is not None and not (root / path).exists():
            raise ManifestError(
                f"{root / MANIFEST_FILE}: {field} is {path!r}, and no such path is in the folder"
            )
    documents = {path: hashes[path] for path in sorted(knowledge - prompts)}
    return Bundle(
        entrypoint=manifest.entrypoint,
        model=called,
        models=tiers,
        routing=routing,
        prompts={path: hashes[path] for path in sorted(prompts)},
        tools=manifest.tools,
        secrets=manifest.secrets,
        knowledge=documents,
        knowledge_version=manifest.knowledge_version or knowledge_version(documents),
        code={path: hashes[path] for path in sorted(hashes.keys() - prompts - knowledge)},
        requirements=manifest.requirements,
        max_steps=manifest.max_steps,
        max_model_calls=manifest.max_model_calls,
        checkpoint_version=manifest.checkpoint_version,
        memory=manifest.memory,
        guards=manifest.guards,
        runtime_fingerprint=runtime_fingerprint,
    )


def _models(
    path: Path, manifest: AgentManifest, model: ModelSpec | None, models: Mapping[str, ModelSpec]
) -> tuple[ModelSpec, dict[str, ModelSpec], tuple[RoutingRule, ...]]:
    """The model that takes whatever no rule does, all by tier, and the rules."""
    try:
        found = called_models(manifest.model, manifest.models, manifest.routing, model, models)
        check_models(None if found[1] else found[0], found[1], found[2], manifest.secrets)
    except ValueError as error:
        raise ManifestError(f"{path}, with the models that are given in its place: {error}") from error
    return found


def bundle_files(folder: str | Path) -> list[str]:
    """Paths of the files that make the bundle, sorted, relative, with forward slashes: what goes into its
    zip.

    `gates.yaml` and the folder `evaluation/` at the top are left out: a sharper gate or one more case leaves
    the evidence and the release of an agent what they were.
    """
    root = Path(folder).resolve()
    found: list[str] = []
    for parent, folders, files in os.walk(root):
        folders[:] = [f for f in folders if not f.startswith(".") and f not in _IGNORED_FOLDERS]
        if Path(parent) == root:
            folders[:] = [f for f in folders if f not in _FOLDERS_OUTSIDE]
            files = [f for f in files if f not in _FILES_OUTSIDE]
        for name in [*folders, *files]:
            path = Path(parent, name)
            relative = path.relative_to(root).as_posix()
            if name.startswith(".") or path.suffix in _IGNORED_SUFFIXES:
                continue
            if path.is_symlink():
                target = path.resolve()
                if not target.is_relative_to(root) or not target.is_file():
                    raise ManifestError(
                        f"{relative} links to {target}; only links to files inside {root} are allowed"
                    )
            if path.is_file():
                found.append(relative)
    return sorted(found)


def _matches(root: Path, glob: str, manifest: AgentManifest) -> list[str]:
    found = [path.relative_to(root).as_posix() for path in root.glob(glob) if path.is_file()]
    if not found and "prompts" in manifest.model_fields_set:
        raise ManifestError(f"{root / MANIFEST_FILE}: prompts holds {glob!r}, and no file matches it")
    return found


def _refuse(path: Path, error: ValidationError) -> NoReturn:
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "the document"
    allowed = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        allowed = f"not a known field; known are {', '.join(sorted(AgentManifest.model_fields))}"
        if len(first["loc"]) > 1:
            allowed = "not a known field here"
    value = repr(first["input"])
    shown = value if len(value) <= 80 else f"{value[:77]}..."
    raise ManifestError(f"{path}: {field} is {shown}: {allowed}") from error
