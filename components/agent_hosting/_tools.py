"""Whether an environment offers the tools that a bundle needs, in versions that will do."""

from collections.abc import Iterable, Mapping
from typing import Any

import pulumi
from semver import Version

from agent_hosting._lookups import control_item
from agent_hosting._manifests import stored
from agent_hosting._traffic import ITEM
from agent_hosting._validation import Inputs
from agent_hosting.agent_platform import PlatformReference
from agent_runtime.bundle import Bundle
from agent_runtime.tool_spec import ToolSpec

WAY_OUT = "Offer that version, or take a release that can do with what there is."


def check_versions(inputs: Inputs, offered: Mapping[str, str]) -> None:
    """Raises `InputError` for what is no version."""
    for tool, version in offered.items():
        if not (isinstance(version, str) and Version.is_valid(version)):
            raise inputs.refuse(
                f"tool_versions.{tool}",
                version,
                "a semantic version is needed: MAJOR.MINOR.PATCH",
                "Write it as the tool's server tells it, such as '1.4.2'.",
            )


def unmet(tools: Iterable[ToolSpec], offered: Mapping[str, str], allowed: Iterable[str] = ()) -> str | None:
    """Which tools are not there as they are needed, in words, or None.

    `offered` is version by tool. A tool that is not among `allowed` is not used here, and so not missed; with
    none allowed by name all are.
    """
    used = set(allowed)
    missing: list[str] = []
    for tool in tools:
        if tool.version is None or (used and tool.name not in used):
            continue
        version = offered.get(tool.name)
        if version is None:
            missing.append(
                f"tool {tool.name} is needed in {tool.version}, and tool_versions does not name it"
            )
        elif not all(Version.parse(version).match(comparison) for comparison in tool.version.split()):
            missing.append(f"tool {tool.name} is needed in {tool.version}, and {version} is offered here")
    return "; ".join(missing) or None


def unfit(
    name: str, args: Any, newest: Bundle, platform: PlatformReference, parent: pulumi.Resource
) -> pulumi.Output[dict[str, str]]:
    """Why a listed release may get no run here, by bundle id. Of older ones the manifests are looked up: what
    they need is known, if they were deployed since manifests are kept."""
    older = [release["bundle_id"] for release in list(args["releases"])[:-1]]

    def missing(bundle: Bundle) -> str | None:
        return unmet(bundle.tools, args.get("tool_versions") or {}, args.get("tools") or ())

    async def find(table: str) -> dict[str, str]:
        found = [await stored(table, name, bundle_id, parent) for bundle_id in older]
        bundles = [bundle for bundle in (*found, newest) if bundle is not None]
        reasons = {b.bundle_id: reason for b in bundles if (reason := missing(b)) is not None}
        if newest.bundle_id in reasons and await control_item(table, name, ITEM, parent) is None:
            raise pulumi.RunError(
                f"{name}: {reasons[newest.bundle_id]}. It is the first release here, and would take every "
                f"run. {WAY_OUT}"
            )
        return reasons

    return pulumi.Output.from_input(platform["control_table_name"]).apply(find)
