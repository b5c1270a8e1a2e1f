"""Packs an agent's working tree as an immutable release and lists it in a stack's YAML."""

import shutil
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from agent_hosting._packaging import Target, agent_archive
from agent_hosting._validation import InputError, Inputs
from agent_hosting.agent_bundle import bundle_files, read_bundle
from agent_hosting_cli.project import Project, UserError

_AGENTS = "agent-hosting:agents"


def new_release(project: Project, agent: str, stack: str) -> tuple[str, Path]:
    """(bundle id, archive). Packing the same working tree again changes nothing."""
    path = project.stack_file(stack)
    yaml = YAML()
    yaml.preserve_quotes = True
    held = _read(yaml, path)
    entry = held["config"].get(_AGENTS, {}).get(agent)
    if entry is None:
        raise UserError(
            f"{path}: {_AGENTS} has no agent {agent!r}; it has {', '.join(held['config'].get(_AGENTS, {}))}"
        )
    if entry.get("source"):
        raise UserError(
            f"{path}: {agent} is deployed from its working tree ({entry['source']}); it needs no release"
        )
    source = project.root / _source(project, agent)
    try:
        model: Any = dict(entry["model"]) if entry.get("model") else None
        bundle = read_bundle(source, model, Inputs("Agent", agent, {}))
    except InputError as error:
        raise UserError(str(error)) from None
    architecture = held["config"].get("agent-hosting:architecture", "arm64")
    packed, _ = agent_archive(
        bundle.bundle_id,
        bundle.canonical_json(),
        source,
        bundle_files(source),
        bundle.requirements,
        Target.of(architecture),
    )
    store = project.root / held["config"].get("agent-hosting:release_store", "releases") / agent
    store.mkdir(parents=True, exist_ok=True)
    archive = store / f"{bundle.bundle_id}.zip"
    shutil.copyfile(packed, archive)
    releases = list(entry.get("releases") or [])
    if releases[-1:] != [bundle.bundle_id]:
        entry["releases"] = [r for r in releases if r != bundle.bundle_id] + [bundle.bundle_id]
        yaml.dump(held, path)
    return bundle.bundle_id, archive


def _source(project: Project, agent: str) -> str:
    """The agent's folder, as the stacks that deploy the working tree name it."""
    for stack in ("local", "dev"):
        path = project.stack_file(stack)
        if path.is_file():
            entry = (_read(YAML(), path)["config"].get(_AGENTS) or {}).get(agent) or {}
            if entry.get("source"):
                return str(entry["source"])
    raise UserError(
        f"neither stacks/Pulumi.local.yaml nor stacks/Pulumi.dev.yaml names the source of {agent!r}"
    )


def _read(yaml: YAML, path: Path) -> Any:
    try:
        return yaml.load(path.read_text())
    except OSError:
        raise UserError(
            f"{path} is missing; the stacks are "
            f"{', '.join(sorted(p.stem for p in path.parent.glob('*.yaml')))}"
        ) from None
