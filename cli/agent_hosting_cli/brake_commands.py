"""`agent-hosting brake …`: whether an agent's brake is engaged and why, and letting it go."""

from pathlib import Path
from typing import Annotated, Any

import typer

from agent_hosting_cli.progress import console
from agent_hosting_cli.project import UserError, find_project

brake = typer.Typer(no_args_is_help=True, help="The brake that stops an agent's spending.")
Agent = Annotated[str, typer.Argument(help="Name of the agent in the stack's YAML.")]
Stack = Annotated[str, typer.Option(help="Stack that the agent is deployed in.")]


@brake.command("show")
def brake_show(agent: Agent, stack: Stack = "local") -> None:
    """Show whether the brake is engaged, and why."""
    reason = _reason(_deployed(stack, agent))
    console.print(f"{agent} is braked: {reason}" if reason else f"{agent} takes runs", markup=False)


@brake.command("release")
def brake_release(
    agent: Agent,
    why: Annotated[str, typer.Option(help="Why; it is kept beside what engaged the brake.")],
    stack: Stack = "local",
) -> None:
    """Let an agent take runs again after its brake was engaged."""
    from agent_hosting_cli.deployed import told, who
    from agent_runtime.brake import release, utc_now

    if not why.strip():
        raise UserError("--why is empty; say what spent the money, and what is mended")
    found = _deployed(stack, agent)
    if _reason(found) is None:
        console.print(f"{agent} is not braked", markup=False)
        return
    by, client = told(lambda: who(found.client)), found.client("dynamodb")

    def let_go() -> None:
        found.trail.record("brake-released", who=by, why=why[:500])
        named = f"{by}: {why}"[:1000]
        release(client, found.control_table, agent, released_by=named, released_at=utc_now())

    told(let_go)
    console.print(f"{agent} takes runs again within five seconds", markup=False)


def _deployed(stack: str, agent: str) -> Any:
    from agent_hosting_cli.deployed import deployed

    return deployed(find_project(Path.cwd()), stack, agent)


def _reason(found: Any) -> str | None:
    """Why the agent is braked, as the table says now."""
    from agent_runtime.brake import BrakeReader

    return BrakeReader(found.client("dynamodb"), found.control_table, found.agent).reason()
