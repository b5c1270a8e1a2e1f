"""Packs an agent's working tree as an immutable release and lists it in a stack's YAML."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from agent_hosting._packaging import Target, agent_archive
from agent_hosting._validation import InputError, Inputs
from agent_hosting.agent_bundle import bundle_files, read_bundle
from agent_hosting.hosting import Host, choose
from agent_hosting_cli.project import Project, UserError
from agent_hosting_cli.worker_image import pushed_image

_AGENTS = "agent-hosting:agents"


@dataclass(frozen=True)
class Release:
    """A release that was packed and listed."""

    bundle_id: str
    archive: Path
    image: str | None = None


def new_release(
    project: Project,
    agent: str,
    stack: str,
    *,
    image: str | None = None,
    repository: str | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Release:
    """Pack an agent and list it. Packing the same working tree again changes nothing.

    An agent in containers needs an `image` that was pushed, pinned by its digest, or a `repository` that it
    is built for and pushed to. Raises `UserError`.
    """
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
    source = project.root / source_of(project, agent)
    try:
        model: Any = dict(entry["model"]) if entry.get("model") else None
        bundle = read_bundle(source, model, Inputs("Agent", agent, {}), entry.get("models"))
    except InputError as error:
        raise UserError(str(error)) from None
    in_containers = _host(entry) is not Host.LAMBDA
    if not in_containers and (image or repository):
        raise UserError(f"{agent} runs on Lambda in the stack {stack}: it takes the zip and no image")
    target = Target.of(held["config"].get("agent-hosting:architecture", "arm64"))
    packed, _ = agent_archive(
        bundle.bundle_id,
        bundle.canonical_json(),
        source,
        bundle_files(source),
        bundle.requirements,
        target,
    )
    store = project.root / held["config"].get("agent-hosting:release_store", "releases") / agent
    store.mkdir(parents=True, exist_ok=True)
    archive = store / f"{bundle.bundle_id}.zip"
    shutil.copyfile(packed, archive)
    if repository is not None:
        image = pushed_image(archive, repository, bundle.bundle_id, target.architecture, say)
    if in_containers and image is None and not target.here:  # else the embedded cloud runs the zip itself
        raise UserError(
            f"packed {archive}, but {agent} runs in containers in the stack {stack} and is not listed "
            f"without an image. Say it again with `--push REPOSITORY` (docker builds it) or `--image "
            f"REPOSITORY@sha256:…`"
        )
    listed: Any = bundle.bundle_id if image is None else {"bundle": bundle.bundle_id, "image": image}
    releases = list(entry.get("releases") or [])
    if releases[-1:] != [listed]:
        entry["releases"] = [r for r in releases if _bundle_of(r) != bundle.bundle_id] + [listed]
        yaml.dump(held, path)
    return Release(bundle.bundle_id, archive, image)


def _host(entry: Any) -> Host:
    """Where the stack runs the agent."""
    profile: Any = dict(entry["run_profile"]) if entry.get("run_profile") else None
    if entry.get("host") or profile is None:
        return Host(entry.get("host") or Host.LAMBDA)
    return choose(profile).host


def _bundle_of(listed: Any) -> str:
    return listed if isinstance(listed, str) else str(listed["bundle"])


def source_of(project: Project, agent: str) -> str:
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
