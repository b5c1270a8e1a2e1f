"""`agent-hosting memory …`: each reads its words, calls one function and prints what came back."""

import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from agent_hosting_cli.progress import console
from agent_hosting_cli.project import UserError, find_project

memory = typer.Typer(no_args_is_help=True, help="What sessions remember, version by version.")
Agent = Annotated[str, typer.Argument(help="Name of the agent in the stack's YAML.")]
Session = Annotated[str, typer.Option(help="Whose memory.")]
Tenant = Annotated[str, typer.Option(help="Tenant of the session.")]
Stack = Annotated[str, typer.Option(help="Stack that the agent is deployed in.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


@memory.command("list")
def versions(
    agent: Agent, session: Session, tenant: Tenant = "demo", stack: Stack = "local", as_json: Json = False
) -> None:
    """Show the versions of a session's memory that are kept, the newest first."""
    found = memories(agent, stack).versions(tenant, session)
    if as_json:
        console.print_json(data=found)
        return
    table = Table("version", "when", "release", "run", "bytes", "sha256", "why", box=None)
    for kept in found:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(kept["created_at"] / 1000))
        hashed = kept["sha256"][:12]
        texts = (kept["version"], when, kept["bundle_id"], kept["run_id"], kept["bytes"], hashed, kept["why"])
        table.add_row(*map(str, texts))
    console.print(table)


@memory.command("show")
def show(
    agent: Agent,
    session: Session,
    tenant: Tenant = "demo",
    version: Annotated[int | None, typer.Option(help="Defaults to the present one.")] = None,
    stack: Stack = "local",
) -> None:
    """Print what a session remembers, or remembered in a version, as JSON."""
    found = memories(agent, stack).content(tenant, session, version)
    sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=2) + "\n")


@memory.command("restore")
def restore(
    agent: Agent,
    session: Session,
    version: Annotated[int, typer.Option(help="Whose content comes back.")],
    why: Annotated[str, typer.Option(help="Why; it is kept with the new version.")],
    tenant: Tenant = "demo",
    stack: Stack = "local",
    as_json: Json = False,
) -> None:
    """Give a session the content of an older version, as a new version: nothing is lost."""
    done = memories(agent, stack).restore(tenant, session, version, why)
    if as_json:
        console.print_json(data=done)
        return
    if done["outcome"] == "gone":
        raise UserError(f"session {session!r} of tenant {tenant!r} has expired, or never was")
    said = f"version {done['version']} has the content of version {version}"
    console.print(said if done["version"] else f"version {version} is the present one", markup=False)


@memory.command("compare")
def compare(
    agent: Agent,
    release: Annotated[list[str], typer.Option(help="Bundle ids: the one before, then the one after.")],
    hours: Annotated[float, typer.Option(min=0.1, max=336, help="Of the time until now.")] = 24,
    stack: Stack = "local",
    as_json: Json = False,
) -> None:
    """Compare what runs of two releases make of their sessions' memory: name --release twice."""
    if len(release) != 2:
        raise UserError(f"{len(release)} releases were named, and two are compared: --release A --release B")
    found = memories(agent, stack).compare(release[0], release[1], hours)
    if as_json:
        console.print_json(data=found)
        return
    if not found:
        console.print("no run of either changed a memory in that time")
        return
    table = Table("metric", release[0], release[1], "verdict", "reason", box=None)
    for drift in found:
        figures = ["" if drift[name] is None else f"{drift[name]:.4g}" for name in ("first", "last")]
        table.add_row(drift["metric"], *figures, drift["verdict"], drift["reason"])
    console.print(table)


def memories(agent: str, stack: str) -> Any:
    from agent_hosting_cli.deployed import deployed
    from agent_hosting_cli.memories import Memories

    return Memories(deployed(find_project(Path.cwd()), stack, agent))


def show_taken_back(report: dict[str, Any]) -> None:
    """For people: what became of the sessions that a release wrote to."""
    counts = ", ".join(f"{count} {outcome}" for outcome, count in report["counts"].items() if count)
    console.print(f"memories that {report['release']} wrote: {counts or 'none'}", markup=False)
    for done in report["sessions"]:
        if done["outcome"] != "restored":
            console.print(f"  {done['outcome']}: {done['tenant']} {done['session']}", markup=False)
