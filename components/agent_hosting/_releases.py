"""Which releases a Lambda agent has, and under which versions they were published."""

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws
from pydantic import ValidationError

from agent_hosting._lookups import main_version, recorded_version
from agent_hosting._packaging import Target, agent_archive
from agent_hosting._validation import Inputs
from agent_hosting._weights import NEWEST, STABLE
from agent_hosting.agent_bundle import bundle_files, read_bundle
from agent_hosting.agent_platform import PlatformReference
from agent_runtime.bundle import BUNDLE_FILE, Bundle


class Release(TypedDict):
    """One release: a working tree by `source`, or a packed bundle by `bundle_id`."""

    source: NotRequired[str]
    """Folder of the agent. For the newest release only: older ones are what was published."""
    bundle_id: NotRequired[str]
    """Id of a packed bundle."""
    archive: NotRequired[str]
    """Zip of that bundle, as `agent-hosting release new` writes it. Needed for the newest release."""


@dataclass(frozen=True)
class Newest:
    """The release that `up` publishes."""

    bundle: Bundle
    archive: str
    archive_sha256: str


def newest(args: Any, inputs: Inputs, target: Target) -> Newest:
    """Reads or packs the last of `releases`; refuses what is no release."""
    releases = [
        dict(release) for release in inputs.required("releases", "List one at least, the newest last.")
    ]
    if not releases:
        raise inputs.refuse(
            "releases", releases, "an agent has one release at least", "Give {'source': folder}."
        )
    for index, release in enumerate(releases):
        where, last = f"releases[{index}]", index == len(releases) - 1
        for key in release.keys() - {"source", "bundle_id", "archive"}:
            raise inputs.refuse(
                f"{where}.{key}",
                release[key],
                "there is no such field",
                "Known are source, bundle_id, archive.",
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
        bundle = read_bundle(source, args.get("model"), inputs)
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
    if bundle.model.provider == "openai" and not args.get("model_endpoint"):
        raise inputs.refuse(
            "model_endpoint",
            None,
            "a model with the provider 'openai' needs its address",
            "Give the base URL, ending in /v1.",
        )


def versions(
    name: str,
    args: Any,
    release: Newest,
    function: aws.lambda_.Function,
    platform: PlatformReference,
    parent: pulumi.Resource,
) -> dict[str, pulumi.Input[str]]:
    """Published version by bundle id, oldest first; each is written to the release table."""
    found: dict[str, pulumi.Input[str]] = {}
    shares = args.get("shares") or {}
    if STABLE in shares:
        # An update of the function ends before this look-up, and the alias changes only after it.
        found[STABLE] = pulumi.Output.all(function.name, function.version).apply(lambda f: _stable(f, parent))
    for older in list(args["releases"])[:-1]:
        found[older["bundle_id"]] = pulumi.Output.from_input(platform["control_table_name"]).apply(
            lambda table, bundle_id=older["bundle_id"]: _published(table, name, bundle_id, parent)
        )
    found[release.bundle.bundle_id] = function.version
    for bundle_id, version in found.items():
        if bundle_id != STABLE:
            _record(name, bundle_id, version, platform, parent)
    return found


async def _stable(function: list[str], parent: pulumi.Resource) -> str:
    return await main_version(function[0], "live", parent) or function[1]


async def _published(table: str, name: str, bundle_id: str, parent: pulumi.Resource) -> str:
    version = await recorded_version(table, name, bundle_id, parent)
    if version is None:
        raise pulumi.RunError(
            f"LambdaAgent {name!r}: releases lists {bundle_id}, which was never published here, so "
            f"that there is no "
            f"version to send calls to. Deploy it as the newest release first, or take it off the list."
        )
    return version


def _record(
    name: str,
    bundle_id: str,
    version: pulumi.Input[str],
    platform: PlatformReference,
    parent: pulumi.Resource,
) -> None:
    item = pulumi.Output.json_dumps(
        {
            "agent": {"S": name},
            "item": {"S": f"release#{bundle_id}"},
            "version": {"S": version},
            "schema_version": {"N": "1"},
        }
    )
    aws.dynamodb.TableItem(
        f"{name}-release-{bundle_id}",
        table_name=platform["control_table_name"],
        hash_key="agent",
        range_key="item",
        item=item,
        opts=pulumi.ResourceOptions(parent=parent),
    )


def by_bundle(args: Any, release: Newest) -> dict[str, float]:
    """The declared shares with `newest` as the bundle id that it stands for."""
    return {(release.bundle.bundle_id if r == NEWEST else r): share for r, share in args["shares"].items()}
