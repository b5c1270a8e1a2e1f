"""A tool that a release still needs is not taken away while that release takes runs."""

from collections.abc import Iterable, Mapping

import pulumi

from agent_hosting._lookups import control_item
from agent_hosting._manifests import stored
from agent_hosting._traffic import ITEM, Traffic
from agent_runtime.bundle import Bundle
from agent_runtime.tool_spec import ToolSpec


def missing_tools(tools: Iterable[ToolSpec], offered: Iterable[str]) -> list[str]:
    """Tools that a bundle calls by the gateway, and that it has not."""
    return sorted({t.name for t in tools if t.destination == "gateway"} - set(offered))


def refusal(agent: str, bundle_id: str, share: float, missing: list[str]) -> str:
    named = ", ".join(missing)
    return (
        f"tool {named} cannot be taken away: release {bundle_id} of agent {agent} needs it and takes "
        f"{100 * share:g} % of new runs. Keep it declared, and drain it first: deploy a release that does "
        f"without it, wait until that serves alone (agent-hosting release status {agent}), then take it away"
    )


async def check_drained(
    control_table: str, agents: Iterable[str], offered: Iterable[str], parent: pulumi.Resource
) -> None:
    """Raises `RunError` for a tool that is gone from the declaration while a release that takes runs, or that
    one would go back to, needs it."""
    offered = set(offered)
    for agent in agents:
        traffic = Traffic.of(await control_item(control_table, agent, ITEM, parent))
        if traffic is None:
            continue
        shares: Mapping[str, float] = dict.fromkeys(traffic.warm, 0.0) | traffic.shares
        for bundle_id, share in shares.items():
            bundle: Bundle | None = await stored(control_table, agent, bundle_id, parent)
            if bundle is not None and (missing := missing_tools(bundle.tools, offered)):
                raise pulumi.RunError(refusal(agent, bundle_id, share, missing))
