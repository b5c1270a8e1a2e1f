"""The commands. Each reads its words, calls one function and prints what came back."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from agent_hosting_cli import asking, local
from agent_hosting_cli.approval_commands import approvals
from agent_hosting_cli.audit_commands import audit
from agent_hosting_cli.brake_commands import brake
from agent_hosting_cli.export_command import export_plan
from agent_hosting_cli.memory_commands import memory
from agent_hosting_cli.progress import console, errors, step
from agent_hosting_cli.project import UserError, find_project
from agent_hosting_cli.release_commands import release
from agent_hosting_cli.run_commands import runs
from agent_hosting_cli.spend_commands import spend

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
bundle = typer.Typer(no_args_is_help=True, help="What releases are made of.")
app.add_typer(bundle, name="bundle")
app.add_typer(release, name="release")
app.add_typer(brake, name="brake")
app.add_typer(memory, name="memory")
app.add_typer(audit, name="audit")
app.add_typer(runs, name="runs")
app.add_typer(approvals, name="approvals")
app.command()(spend)
app.command("export-plan")(export_plan)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Agent = Annotated[str, typer.Argument(help="Name of the agent in the stack's YAML.")]
MOST_SAMPLES = 1_000
"""Those fit one page of DynamoDB's, which has 1 MB."""


@app.command()
def up(as_json: Json = False) -> None:
    """Deploy the stack `local` to the embedded cloud and ask its first agent a question."""
    answer = local.up(find_project(Path.cwd()))
    console.print_json(data=answer.facts) if as_json else asking.show(answer)


@app.command()
def down() -> None:
    """Destroy the stack `local` and stop the embedded cloud."""
    local.down(find_project(Path.cwd()))


@app.command()
def ask(
    agent: Agent,
    question: str,
    session: str | None = None,
    tenant: str = "demo",
    given: Annotated[str, typer.Option("--input", help="More fields of the input, as JSON.")] = "{}",
    as_json: Json = False,
) -> None:
    """Ask a deployed agent over HTTP, and follow a run that takes longer than an answer."""
    answer = asking.ask(
        find_project(Path.cwd()), agent, question, session=session, tenant=tenant, more=_fields(given)
    )
    console.print_json(data=answer.facts) if as_json else asking.show(answer)


@app.command()
def gate(
    agent: Agent,
    stack: Annotated[
        str | None, typer.Option(help="Stack whose model and endpoint it is evaluated with. Default: local.")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="The model's address, in place of the stack's.")
    ] = None,
    at_once: Annotated[int | None, typer.Option(min=1, max=64, help="Cases that run at a time.")] = None,
    timeout: Annotated[float, typer.Option(min=0.01, help="Seconds that a case may take.")] = 120.0,
    results: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Judge another tool's results instead of running.")
    ] = None,
    results_format: Annotated[
        str | None, typer.Option("--format", help="Of --results: pytest, promptfoo, deepeval or inspect.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where the evidence goes.")] = None,
    against: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Evidence of the stable bundle, to compare with.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Evaluate an agent's working tree on its evaluation set and judge it by its gates.yaml.

    Ends with 1 when a threshold is missed, and with 2 when something has to be put right first.
    """
    from agent_hosting_cli.evaluation import gating, showing  # the components take two seconds to import

    options = gating.Options(
        stack, endpoint, at_once, timeout, results, results_format, out=out, against=against
    )
    try:
        with step(f"evaluation of {agent}") as current:
            gated = gating.gate(find_project(Path.cwd()), agent, options, current.say)
    except UserError as error:
        errors.print("[red]error[/red]:", end=" ")
        errors.print(str(error), markup=False)
        raise typer.Exit(2) from None
    console.print_json(data=showing.as_json(gated)) if as_json else showing.show(gated, console)
    if not gated.passes:
        raise typer.Exit(1)


@app.command()
def samples(
    agent: Agent,
    stack: Annotated[str, typer.Option(help="Stack that the agent is deployed in.")] = "local",
    most: Annotated[int, typer.Option(min=1, max=MOST_SAMPLES, help="Runs at most, the newest.")] = 100,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the cases go. Default: standard output.")
    ] = None,
) -> None:
    """Write runs that were put aside as candidates for the evaluation set, one case a line.

    They hold what callers asked and what they were told: look at each before it is kept.
    """
    from agent_hosting_cli.deployed import deployed
    from agent_hosting_cli.samples import candidates, lines

    found = candidates(
        deployed(find_project(Path.cwd()), stack, agent),
        most,
        lambda line: errors.print(line, markup=False),
    )
    if output is None:
        sys.stdout.write(lines(found))
        return
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(lines(found), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{output} cannot be written: {error.strerror}") from None
    errors.print(f"{len(found)} candidates are in {output}; look at each before it is kept", markup=False)


@app.command()
def token(tenant: str = "demo") -> None:
    """Print a token for the embedded cloud's HTTP APIs."""
    sys.stdout.write(asking.token(find_project(Path.cwd()), tenant) + "\n")


@app.command()
def status(as_json: Json = False) -> None:
    """Show the agents of the stack `local`, which release serves which share, and what is recorded but not
    emulated."""
    found = local.status(find_project(Path.cwd()))
    if as_json:
        console.print_json(data=found)
        return
    table = Table("agent", "host", "serving", "address")
    for name, agent in found["agents"].items():
        shares = ", ".join(f"{bundle} {share:.0%}" for bundle, share in agent["serving"].items())
        table.add_row(name, agent["host"], shares, agent["local_url"])
    console.print(table)
    for kind, resource in found["recorded"]:
        console.print(f"recorded, not emulated: {kind} {resource}", markup=False)


@app.command()
def workers(agent: Agent, as_json: Json = False) -> None:
    """List the worker processes of an agent of the stack `local`, to look at them or to end one."""
    found = local.workers(find_project(Path.cwd()), agent)
    if as_json:
        console.print_json(data=found)
        return
    table = Table("bundle", "task", "process id")
    for worker in found:
        table.add_row(worker["bundle"], worker["task"], str(worker["pid"]))
    console.print(table)


@app.command()
def tools() -> None:
    """Find or build what the embedded cloud and the tests need, and stop."""
    local.tools(with_cluster=True)
    local.stores()


@app.command(name="env")
def environment() -> None:
    """Print the environment that Pulumi needs for the stack `local`: eval "$(agent-hosting env)"."""
    for name, value in local.engine(find_project(Path.cwd())).environment().items():
        sys.stdout.write(f"export {name}={json.dumps(value)}\n")


@bundle.command("diff")
def bundle_diff(
    before: Annotated[str, typer.Argument(help="Bundle id of a packed release, its zip, or a folder.")],
    after: Annotated[str, typer.Argument(help="The same of the other one.")],
    agent: Annotated[str | None, typer.Option(help="Take ids from what this agent has had deployed.")] = None,
    stack: Annotated[str, typer.Option(help="Stack that --agent is deployed in.")] = "local",
    as_json: Json = False,
) -> None:
    """Show what differs between two bundles, part by part."""
    from agent_hosting_cli.bundles import bundle_at, difference

    project = find_project(Path.cwd())
    lineage = None
    if agent is not None:
        from agent_hosting_cli.deployed import deployed
        from agent_hosting_cli.lineage import Lineage

        lineage = Lineage(deployed(project, stack, agent))
    old, new = (bundle_at(project, name, lineage) for name in (before, after))
    found = difference(old, new)
    if as_json:
        console.print_json(data={"before": old.bundle_id, "after": new.bundle_id, "difference": found})
        return
    console.print(f"{old.bundle_id} -> {new.bundle_id}" + ("" if found else ": the same"), markup=False)
    for part, lines in found.items():
        console.print(f"\n{part}", style="bold")
        for line in lines:
            console.print(f"  {line}", markup=False)


def _fields(text: str) -> dict[str, Any]:
    try:
        found: object = json.loads(text)
    except ValueError as error:
        raise UserError(f"--input is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise UserError(f"--input is {text!r}; an object such as '{{\"seconds_per_check\": 1}}' is needed")
    return {str(name): value for name, value in found.items()}


def run() -> None:
    """Entry point: a user's mistake ends with one message and exit code 1, never with a traceback."""
    try:
        app()
    except UserError as error:
        errors.print(f"[red]error[/red]: {error}", markup=True)
        raise SystemExit(1) from None
