"""Which releases of an agent have workers, and the image of each."""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

import pulumi

from agent_hosting._lookups import control_item, recorded_release
from agent_hosting._packaging import Target, packed_before
from agent_hosting._releases import Newest, by_bundle, newest
from agent_hosting._traffic import ITEM, Traffic, kept_beside
from agent_hosting._validation import Inputs
from agent_hosting._weights import STABLE, mistake_in
from agent_hosting.hosting import Host
from agent_runtime.bundle import Bundle

FIELDS = ("source", "bundle_id", "archive", "image")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,127}")
COMPONENTS = {Host.ECS: "EcsAgent", Host.EKS: "EksAgent"}
"""Who says what is wrong."""
_UNSAID = {"checkpoint_version": "", "labels": "{}"}
"""What the item of a release holds where the release says nothing."""
_PINNED = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class WorkerRelease:
    """A release as a container runs it."""

    bundle_id: str
    image: pulumi.Input[str]
    """Pinned by its digest."""
    archive: str | None = None
    """Zip on this machine that stands for the image."""
    checkpoint_version: pulumi.Input[str] = ""
    """Of its steps; empty where the manifest declares none."""
    labels: pulumi.Input[str] = "{}"
    """What it is made of, as a JSON object of short digests by part."""


def newest_release(name: str, args: Any, inputs: Inputs, target: Target) -> tuple[Newest, WorkerRelease]:
    """The last of `releases`, read or packed, and as a container runs it."""
    found = newest(args, inputs, target, FIELDS)
    entries = list(args["releases"])
    for index, entry in enumerate(entries):
        image = entry.get("image")
        if image is not None and not _PINNED.fullmatch(image):
            raise inputs.refuse(
                f"releases[{index}].image",
                image,
                "an image is pinned by its digest: a tag can be moved to other code",
                "Write repository@sha256:… as the registry printed it when the image was pushed.",
            )
    image = entries[-1].get("image")
    if image is None and not target.here:
        raise inputs.refuse(
            f"releases[{len(entries) - 1}].image",
            None,
            "a container needs an image",
            "Build one from the release's zip, push it, and give repository@sha256:…; "
            "with the architecture this-machine the embedded cloud runs the zip itself.",
        )
    return found, WorkerRelease(
        found.bundle.bundle_id,
        image or f"this-machine/{name}@sha256:{found.archive_sha256}",
        found.archive if target.here else None,
        str(found.bundle.checkpoint_version or ""),
        version_labels(found.bundle),
    )


def version_labels(bundle: Bundle) -> str:
    """Short digest of each part of a bundle, so that two releases show at a glance what differs."""
    held = bundle.model_dump(mode="json")
    if bundle.models:
        held["model"] = [held["models"], held["routing"]]
    parts = {name: held.get(name) for name in ("prompts", "model", "tools", "code", "memory")}
    texts = {name: json.dumps(part, sort_keys=True) for name, part in parts.items()}
    return json.dumps({name: hashlib.sha256(text.encode()).hexdigest()[:12] for name, text in texts.items()})


def check_shares(args: Any, release: Newest, inputs: Inputs) -> dict[str, float] | None:
    """The declared shares by bundle id or `stable`; None where the rollout controller owns them."""
    if not args.get("shares"):
        return None
    shares = by_bundle(args, release)
    older = [entry["bundle_id"] for entry in list(args["releases"])[:-1]]
    labels = [*([STABLE] if STABLE in shares else []), *older, release.bundle.bundle_id]
    if mistake := mistake_in(shares, labels):
        raise inputs.refuse(*mistake)
    return shares


def check_secret_variables(args: Any, release: Newest, inputs: Inputs) -> dict[str, str]:
    """Declared secret by environment variable."""
    given: dict[str, str] = dict(args.get("secret_variables") or {})
    for variable, secret in given.items():
        if not _VARIABLE.fullmatch(variable) or variable.startswith(("AGENT_", "AWS_", "ECS_")):
            raise inputs.refuse(
                f"secret_variables.{variable}",
                secret,
                "a variable is upper-case letters, digits and '_', and none of AGENT_…, AWS_… or ECS_…",
                "Name it as the library that reads it does.",
            )
        if secret not in release.bundle.secrets:
            declared = ", ".join(release.bundle.secrets) or "no secret"
            raise inputs.refuse(
                f"secret_variables.{variable}",
                secret,
                f"the manifest declares {declared}",
                "Declare it in agent.yaml, or drop it.",
            )
    return given


def check_cluster(args: Any, inputs: Inputs) -> None:
    """A platform that was given must be one for containers."""
    for output in ("cluster_name", "cluster_arn", "subnet_ids", "security_group_ids"):
        if args.get("platform") and not args["platform"].get(output):
            raise inputs.refuse(
                f"platform.{output}",
                args["platform"].get(output),
                "workers need a cluster in a network",
                "Make the AgentPlatform with containers=True and pass all its outputs.",
            )


def older_releases(
    name: str, args: Any, host: Host, target: Target, table: pulumi.Input[str], parent: pulumi.Resource
) -> list[WorkerRelease]:
    """The other listed releases, oldest first; an image that is not given is the one that was deployed."""

    async def remembered(table_name: str, bundle_id: str, field: str) -> str:
        release = await recorded_release(table_name, name, bundle_id, host, parent)
        if field != "image":
            return release.get(field, _UNSAID[field])
        if "image" not in release:
            raise pulumi.RunError(
                f"{COMPONENTS[host]} {name!r}: releases lists {bundle_id} without an image, and none is "
                f"remembered, since it was never deployed here. Give its `image`, or take it off the list."
            )
        return release["image"]

    found: list[WorkerRelease] = []
    for entry in list(args["releases"])[:-1]:
        bundle_id = entry["bundle_id"]
        known = pulumi.Output.from_input(table)
        image = entry.get("image") or known.apply(lambda t, b=bundle_id: remembered(t, b, "image"))
        version, labels = (
            known.apply(lambda t, b=bundle_id, f=field: remembered(t, b, f)) for field in _UNSAID
        )
        archive = entry.get("archive") or str(packed_before(bundle_id, target))
        found.append(WorkerRelease(bundle_id, image, archive if target.here else None, version, labels))
    return found


async def kept_releases(
    name: str,
    listed: set[str],
    held: Traffic | None,
    host: Host,
    target: Target,
    table: str,
    parent: pulumi.Resource,
) -> list[WorkerRelease]:
    """What stays beside a working tree, so that there is something to go back to."""
    found: list[WorkerRelease] = []
    for bundle_id in kept_beside(listed, held):
        release = await recorded_release(table, name, bundle_id, host, parent)
        if "image" in release:
            archive = str(packed_before(bundle_id, target)) if target.here else None
            unsaid = (release.get(field, default) for field, default in _UNSAID.items())
            found.append(WorkerRelease(bundle_id, release["image"], archive, *unsaid))
    return found


async def held_traffic(
    name: str, table: str, listed: list[str] | None, host: Host, parent: pulumi.Resource
) -> Traffic | None:
    """The traffic record before this deployment. Refuses to take a release away that it sends runs to;
    `listed` is None beside a working tree, which keeps such releases by itself."""
    held = Traffic.of(await control_item(table, name, ITEM, parent))
    for bundle_id, share in held.shares.items() if held is not None and listed is not None else ():
        if bundle_id not in (listed or []):
            raise pulumi.RunError(
                f"{COMPONENTS[host]} {name!r}: release {bundle_id} still gets {share:.0%} of new runs and is "
                f"not listed. Its queue would go, and the runs in it. List it again, move its traffic to "
                f"another release (with `shares`, or with `agent-hosting release rollback {name}` or "
                f"`promote {name}`), wait until its queue is empty, and then take it off the list."
            )
    return held
