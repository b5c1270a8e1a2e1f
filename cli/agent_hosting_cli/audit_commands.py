"""`agent-hosting audit …`: each reads its words, calls one function and prints what came back."""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from agent_hosting_cli.progress import console, errors
from agent_hosting_cli.project import UserError, find_project

audit = typer.Typer(no_args_is_help=True, help="The audit trail: who did what, and whether it is whole.")
Agent = Annotated[
    str, typer.Argument(help="Name of the agent in the stack's YAML, or `tools` for the tool gateway.")
]
Stack = Annotated[str, typer.Option(help="Stack that the agent is deployed in.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


@audit.command("show")
def show(
    agent: Agent,
    run: Annotated[str | None, typer.Option(help="Of this run alone.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Of this tenant alone.")] = None,
    kind: Annotated[str | None, typer.Option(help="Of this kind alone, such as secret-read.")] = None,
    days: Annotated[int, typer.Option(min=1, max=3653, help="Of the last days.")] = 7,
    stack: Stack = "local",
    as_json: Json = False,
) -> None:
    """Show what was done, the oldest first."""
    from agent_hosting_cli.audits import Audits, Wanted
    from agent_hosting_cli.deployed import audited
    from agent_runtime.audit.trail import KINDS

    if kind is not None and kind not in KINDS:
        raise UserError(f"--kind is {kind!r}; it is one of {', '.join(sorted(KINDS))}")
    found = Audits(audited(find_project(Path.cwd()), stack, agent)).show(Wanted(run, tenant, kind, days))
    if as_json:
        console.print_json(data=found)
        return
    table = Table("when", "kind", "run", "step", "who", "what", "entry", box=None)
    for entry in found:
        table.add_row(*_row(entry))
    console.print(table)


@audit.command("verify")
def verify(agent: Agent, stack: Stack = "local", as_json: Json = False) -> None:
    """Find entries that were removed, altered, put in another order or cut off, in the log and in its locked
    copies.

    Ends with 1 when something is wrong, and with 2 when that cannot be told.
    """
    from agent_hosting_cli.audits import Audits
    from agent_hosting_cli.deployed import audited

    try:
        verdict = Audits(audited(find_project(Path.cwd()), stack, agent)).verify()
    except UserError as error:
        errors.print("[red]error[/red]:", end=" ")
        errors.print(str(error), markup=False)
        raise typer.Exit(2) from None
    told = verdict.as_dict()
    if as_json:
        console.print_json(data=told)
    else:
        for finding in told["findings"]:
            console.print("{entry} is {is} in the {where}: {reason}".format(**finding), markup=False)
        for note in told["notes"]:
            console.print(f"note: {note}", markup=False)
        counted = f"{told['entries']} entries in {told['chains']} chains, {told['exported']} of them locked"
        console.print(f"{'whole' if verdict.is_whole else 'NOT WHOLE'}: {counted}", markup=False)
    if not verdict.is_whole:
        raise typer.Exit(1)


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry["at"] / 1000))
    what = entry.get("altered") or json.dumps(entry.get("what", {}), ensure_ascii=False)[1:-1]
    words = ("kind", "run_id", "step", "who")
    return (when, *(str(entry.get(word, "")) for word in words), str(what), str(entry["entry"]))
