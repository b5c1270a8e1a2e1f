"""Which releases an agent has, and the bundle of the newest."""

import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws
from pydantic import ValidationError

from agent_hosting._draining import guard
from agent_hosting._lookups import release_item
from agent_hosting._models import check_models
from agent_hosting._packaging import Target, agent_archive
from agent_hosting._tools import WAY_OUT, check_versions, unmet
from agent_hosting._validation import Inputs
from agent_hosting._weights import NEWEST
from agent_hosting.agent_bundle import bundle_files, read_bundle
from agent_hosting.agent_platform import PlatformReference
from agent_hosting.hosting import Host
from agent_runtime.bundle import BUNDLE_FILE, Bundle


class Release(TypedDict):
    """One release: a working tree by `source`, or a packed bundle by `bundle_id`."""

    source: NotRequired[str]
    """Folder of the agent. For the newest release only: older ones are what was published."""
    bundle_id: NotRequired[str]
    """Id of a packed bundle."""
    archive: NotRequired[str]
    """Zip of that bundle, as `agent-hosting release new` writes it. Needed for the newest release."""
    image: NotRequired[str]
    """Container image of that bundle, pinned by its digest (`…@sha256:…`), for an agent on ECS. Omit it for
    an older release, whose image is remembered, and for the architecture `this-machine`."""


@dataclass(frozen=True)
class Newest:
    """The release that `up` publishes."""

    bundle: Bundle
    archive: str
    archive_sha256: str


def newest(args: Any, inputs: Inputs, target: Target, fields: Sequence[str]) -> Newest:
    """Reads or packs the last of `releases`; refuses what is no release. `fields` are those of a release that
    the host uses."""
    releases = [
        dict(release) for release in inputs.required("releases", "List one at least, the newest last.")
    ]
    if not releases:
        raise inputs.refuse(
            "releases", releases, "an agent has one release at least", "Give {'source': folder}."
        )
    for index, release in enumerate(releases):
        where, last = f"releases[{index}]", index == len(releases) - 1
        for key in release.keys() - set(fields):
            raise inputs.refuse(
                f"{where}.{key}",
                release[key],
                "there is no such field",
                f"Known are {', '.join(fields)}.",
            )
        if bool(release.get("source")) == bool(release.get("bundle_id")):
            raise inputs.refuse(
                where,
                release,
                "a release has either a `source` or a `bundle_id`",
                "A release without a bundle cannot be told apart.",
            )
        if release.get("source") and not last:
            raise inputs.refuse(
                where,
                release,
                "only the newest release can be a working tree",
                "Name older ones by bundle_id.",
            )
    ids = [release["bundle_id"] for release in releases if release.get("bundle_id")]
    if len(ids) != len(set(ids)):
        raise inputs.refuse("releases", ids, "a bundle is listed twice", "List each once, oldest first.")
    chosen = releases[-1]
    if chosen.get("source"):
        source = Path(chosen["source"])
        bundle = read_bundle(source, args.get("model"), inputs, args.get("models"))
        path, sha256 = agent_archive(
            bundle.bundle_id,
            bundle.canonical_json(),
            source,
            bundle_files(source),
            bundle.requirements,
            target,
        )
        found = Newest(bundle, str(path), sha256)
    else:
        found = _packed(chosen, f"releases[{len(releases) - 1}]", inputs)
    _check_environment(args, found.bundle, inputs)
    return found


def _packed(release: dict[str, Any], where: str, inputs: Inputs) -> Newest:
    path = Path(release.get("archive") or "")
    if not path.is_file():
        raise inputs.refuse(
            f"{where}.archive",
            release.get("archive"),
            "the newest release needs its zip",
            "Make it with: agent-hosting release new AGENT",
        )
    try:
        with zipfile.ZipFile(path) as archive:
            bundle = Bundle.model_validate_json(archive.read(BUNDLE_FILE))
    except (zipfile.BadZipFile, KeyError, ValidationError):
        raise inputs.refuse(
            f"{where}.archive",
            str(path),
            "the zip holds no bundle.json that this version knows",
            "Pack it anew.",
        ) from None
    if bundle.bundle_id != release["bundle_id"]:
        raise inputs.refuse(
            f"{where}.archive",
            str(path),
            f"the zip holds bundle {bundle.bundle_id}, not {release['bundle_id']}",
            "Name the right zip.",
        )
    return Newest(bundle, str(path), hashlib.sha256(path.read_bytes()).hexdigest())


def _check_environment(args: Any, bundle: Bundle, inputs: Inputs) -> None:
    """What the environment gives must be what the bundle asks for."""
    for secret in args.get("secrets") or {}:
        if secret not in bundle.secrets:
            raise inputs.refuse(
                f"secrets.{secret}",
                "…",
                f"the manifest declares {', '.join(bundle.secrets) or 'no secret'}",
                "Declare it in agent.yaml, or drop it.",
            )
    tools = [tool.name for tool in bundle.tools]
    for tool in args.get("tools") or []:
        if tool not in tools:
            raise inputs.refuse(
                "tools",
                tool,
                f"the manifest has {', '.join(tools) or 'no tool'}",
                "Add it to agent.yaml, or drop it.",
            )
    offered = args.get("tool_versions") or {}
    check_versions(inputs, offered)
    serves = any((args.get("shares") or {}).get(release) for release in (NEWEST, bundle.bundle_id))
    if serves and (missing := unmet(bundle.tools, offered, args.get("tools") or ())) is not None:
        raise inputs.refuse(
            "tool_versions", offered, f"`shares` gives it runs at once, but {missing}", WAY_OUT
        )
    check_models(args, bundle, inputs)


def record(
    name: str,
    bundle_id: str,
    host: Host,
    fields: Mapping[str, pulumi.Input[str]],
    platform: PlatformReference,
    parent: pulumi.Resource,
    *,
    is_guarded: bool,
) -> aws.dynamodb.TableItem:
    """Writes what is deployed of a release into the control table. One that `is_guarded` cannot be taken away
    while the traffic record sends it runs."""
    item = pulumi.Output.json_dumps(
        {
            "agent": {"S": name},
            "item": {"S": release_item(bundle_id, host)},
            **{field: {"S": value} for field, value in fields.items()},
            "schema_version": {"N": "1"},
        }
    )
    return aws.dynamodb.TableItem(
        f"{name}-release-{bundle_id}",
        table_name=platform["control_table_name"],
        hash_key="agent",
        range_key="item",
        item=item,
        opts=pulumi.ResourceOptions(parent=parent, hooks=guard(name, parent, binds=is_guarded)),
    )


def by_bundle(args: Any, release: Newest) -> dict[str, float]:
    """The declared shares with `newest` as the bundle id that it stands for."""
    return {(release.bundle.bundle_id if r == NEWEST else r): share for r, share in args["shares"].items()}
