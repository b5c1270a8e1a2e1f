"""Refuses to take a release away that takes runs, or that one would go back to."""

import json
from typing import Any, Final
from weakref import WeakKeyDictionary

import pulumi

from agent_hosting._lookups import control_item
from agent_runtime.rollout.record import ITEM, Phase, Record, record_from

HOOK: Final = "agent-hosting-release-is-drained"
"""One for all agents of a program: an agent that leaves the program whole would take its own one along."""


class _Guard:
    """The hook of one run of a program, and the agents that it declares."""

    def __init__(self) -> None:
        self.agents: dict[str, pulumi.Resource] = {}
        self.hook = pulumi.ResourceHook(HOOK, self._before_delete)

    async def _before_delete(self, args: pulumi.ResourceHookArgs) -> None:
        """Raises `RunError` with what to do. Nothing is refused where all of an agent goes: its component is
        no longer declared then, or its traffic record is gone before its releases are."""
        old: Any = args.old_inputs
        item = json.loads(old["item"])
        agent, bundle_id = item["agent"]["S"], item["item"]["S"].split("#")[1]
        if agent not in self.agents:
            return
        found = await control_item(old["tableName"], agent, ITEM, self.agents[agent])
        if found is not None and (reason := refusal(agent, bundle_id, record_from(found))) is not None:
            raise pulumi.RunError(reason)


_guards: "WeakKeyDictionary[Any, _Guard]" = WeakKeyDictionary()


def make_known() -> _Guard | None:
    """The guard of the program that runs. Pulumi deletes nothing whose hook it does not know, so that each
    component that can outlive an agent makes it known. None where the components are hosted for another
    language: hooks belong to the program."""
    stack = pulumi.runtime.get_root_resource()
    if stack is None:
        return None
    if stack not in _guards:
        _guards[stack] = _Guard()
    return _guards[stack]


def guard(agent: str, component: pulumi.Resource, *, binds: bool) -> pulumi.ResourceHookBinding | None:
    """Declares an agent; binds the items of its releases to the hook, where the traffic record rules."""
    known = make_known()
    if known is None:
        return None
    known.agents[agent] = component
    return pulumi.ResourceHookBinding(before_delete=[known.hook]) if binds else None


def refusal(agent: str, bundle_id: str, record: Record) -> str | None:
    """Why a release cannot be taken away, and the command that lets it go; None where it can."""
    named, command = f"release {bundle_id} of agent {agent}", "agent-hosting release"
    points = record.shares.get(bundle_id)
    if points is None:
        if record.phase is not Phase.WATCH or bundle_id != record.previous:
            return None
        return (
            f"{named} is what {record.stable} goes back to while that is watched, so it cannot be taken "
            f"away. List it again until the watch is over: {command} status {agent}"
        )
    taken = f"{named} takes {points / 100:g} % of new runs, so it cannot be taken away. List it again, and"
    if bundle_id == record.candidate:
        return f"{taken} drain it first: {command} rollback {agent} --why TEXT"
    if record.candidate is not None:
        return f"{taken} let {record.candidate} take its place first: {command} promote {agent} --why TEXT"
    if record.previous is not None:
        return (
            f"{taken} send its runs to {record.previous} first: {command} rollback {agent} --why TEXT; or "
            f"deploy a release that takes its place"
        )
    return (
        f"{taken} deploy a release that takes its place first; {command} status {agent} shows how far it is"
    )
