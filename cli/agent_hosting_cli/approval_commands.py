"""`agent-hosting approvals …`: each reads its words, calls one function and prints what came back."""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from agent_hosting_cli.progress import console
from agent_hosting_cli.project import UserError, find_project
from agent_hosting_cli.run_commands import Json, OfAgent, OfTenant, Stack

approvals = typer.Typer(no_args_is_help=True, help="What runs ask people, and the answers.")
Asked = Annotated[str, typer.Argument(metavar="ID", help="Id of the question, as `approvals list` shows it.")]


@approvals.command("list")
def pending(
    agent: OfAgent = None, tenant: OfTenant = None, stack: Stack = "local", as_json: Json = False
) -> None:
    """List the questions of all agents that wait for an answer, the most urgent first."""
    from agent_hosting_cli.approving import as_line
    from agent_runtime.open_runs import Wanted

    found = sorted(
        _approving(stack, agent).pending(Wanted(tenant=tenant)), key=lambda pair: pair[1].expires_at
    )
    lines = [as_line(one, question) for one, question in found]
    if as_json:
        console.print_json(data=lines)
        return
    if not lines:
        console.print("no run asks anything")
        return
    table = Table("agent", "tenant", "kind", "what will happen", "until", box=None)
    table.add_column("id", no_wrap=True, min_width=39)
    for line in lines:
        texts = (line["agent"], line["tenant"], line["kind"], line["summary"], _when(line["expires_at"]))
        table.add_row(*texts, line["approval_id"])
    console.print(table)


@approvals.command()
def show(asked: Asked, tenant: OfTenant = None, stack: Stack = "local", as_json: Json = False) -> None:
    """Show one question: what will happen, in whose name, until when, and what was decided."""
    line = _approving(stack, None).show(asked, tenant)
    if as_json:
        console.print_json(data=line)
        return
    told = {
        "question": line["name"],
        "what will happen": line["summary"],
        "in whose name": f"tenant {line['tenant']}, by agent {line['agent']} ({line['bundle_id']})",
        "run": f"{line['run_id']} ({line['run_status']})",
        "until": f"{_when(line['expires_at'])}; silence is a no",
        "decided": "-" if line["verdict"] == "PENDING" else f"{line['verdict']} by {line['decided_by']}",
    }
    for name, value in told.items():
        console.print(f"{name:<16} {value}", markup=False)


@approvals.command()
def approve(asked: Asked, tenant: OfTenant = None, stack: Stack = "local", as_json: Json = False) -> None:
    """Let it happen. The first answer counts."""
    _answer(asked, tenant, "approve", None, stack, as_json=as_json)


@approvals.command()
def deny(asked: Asked, tenant: OfTenant = None, stack: Stack = "local", as_json: Json = False) -> None:
    """Do not let it happen. The first answer counts."""
    _answer(asked, tenant, "deny", None, stack, as_json=as_json)


@approvals.command()
def settle(
    asked: Asked,
    happened: Annotated[
        bool, typer.Option("--happened/--retry", help="Whether the effect happened, or is to be tried again.")
    ],
    result: Annotated[str | None, typer.Option(help="With --happened: what it gave, as JSON.")] = None,
    tenant: OfTenant = None,
    stack: Stack = "local",
    as_json: Json = False,
) -> None:
    """Say what became of an effect whose worker died in it."""
    if result is not None and not happened:
        raise UserError("--result says what an effect gave that happened: leave it out with --retry")
    try:
        given: Any = None if result is None else json.loads(result)
    except ValueError as error:
        raise UserError(f"--result is no JSON: {error}") from None
    _answer(asked, tenant, "happened" if happened else "retry", given, stack, as_json=as_json)


def _answer(asked: str, tenant: str | None, verdict: str, result: Any, stack: str, *, as_json: bool) -> None:
    done = _approving(stack, None).decide(asked, tenant, verdict, result)
    if as_json:
        console.print_json(data=done)
        return
    console.print(f"{verdict}: it reaches the run {done['reaches_the_run']}", markup=False)


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _approving(stack: str, agent: str | None) -> Any:
    from agent_hosting_cli.approving import Approving
    from agent_hosting_cli.runs import Runs
    from agent_hosting_cli.stack_agents import agents_of

    return Approving(Runs.of(agents_of(find_project(Path.cwd()), stack, agent)))
