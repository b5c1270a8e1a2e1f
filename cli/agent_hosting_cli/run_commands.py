"""`agent-hosting runs …`: each reads its words, calls one function and prints what came back."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from agent_hosting_cli.progress import console, errors
from agent_hosting_cli.project import UserError, find_project

runs = typer.Typer(no_args_is_help=True, help="Runs of all agents: look at them, stop them, let them go on.")
Stack = Annotated[str, typer.Option(help="Stack that the agents are deployed in.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of the run.")]
OfTenant = Annotated[str | None, typer.Option(help="Of this tenant alone.")]
OfBundle = Annotated[str | None, typer.Option(help="Of this release alone, by its bundle id.")]
OfAgent = Annotated[str | None, typer.Option(help="Of this agent alone.")]
Why = Annotated[str, typer.Option(help="Why; it is kept with the run, with your name.")]


@runs.command("list")
def listed(
    agent: OfAgent = None,
    tenant: OfTenant = None,
    bundle: OfBundle = None,
    status: Annotated[list[str] | None, typer.Option(help="With this status; may be said again.")] = None,
    ended: Annotated[
        bool, typer.Option("--ended", help="Those that have ended; it reads whole tables, and costs as much.")
    ] = False,
    hours: Annotated[float, typer.Option(min=0.01, help="With --ended: begun in the last hours.")] = 24,
    stack: Stack = "local",
    as_json: Json = False,
) -> None:
    """List the runs that have not ended, of every agent on every host."""
    from agent_hosting_cli.runs import statuses
    from agent_runtime.open_runs import Wanted

    wanted = Wanted(tenant=tenant, bundle_id=bundle, statuses=statuses(status or []))
    every = _runs(stack, agent)
    found = every.ended(wanted, hours) if ended else every.open(wanted)
    lines = [
        {"agent": one.agent, "host": one.host, "run_id": run.run_id, "tenant": run.tenant,
         "session": run.session, "status": run.status.value, "held": run.held, "bundle_id": run.bundle_id,
         "created_at": run.created_at, "updated_at": run.updated_at, "steps": run.steps,
         "usage": run.usage.as_dict(), "waits_for": run.waits_for}
        for one, run in sorted(found, key=lambda pair: pair[1].created_at)
    ]  # fmt: skip
    if as_json:
        console.print_json(data=lines)
        return
    table = Table("agent", "host", box=None)
    table.add_column("run", min_width=32, no_wrap=True)
    for heading in ("tenant", "status", "bundle", "age", "USD", "why"):
        table.add_column(heading)
    for line in lines:
        shown = line["status"] + (f" ({line['held']})" if line["held"] else "")
        usd = f"{line['usage']['cost_usd']:.6f}"
        told = (line["agent"], line["host"], line["run_id"], line["tenant"], shown, line["bundle_id"])
        table.add_row(*told, age_of(line["created_at"]), usd, line["waits_for"][:80])
    console.print(table) if lines else console.print("no run fits")


@runs.command()
def show(run: RunId, tenant: OfTenant = None, stack: Stack = "local", as_json: Json = False) -> None:
    """Show how far a run is, what it has spent, and why it does not go on. What its caller said and what it
    answered is not shown."""
    found = _runs(stack, None).show(run, tenant)
    if as_json:
        console.print_json(data=found)
        return
    for name in ("agent", "host", "run_id", "tenant", "session", "status", "held", "waits_for", "bundle_id"):
        console.print(f"{name:<10} {found[name] or '-'}", markup=False)
    console.print(f"{'age':<10} {age_of(found['created_at'])}", markup=False)
    console.print(f"{'USD':<10} {found['usage']['cost_usd']:.6f}", markup=False)
    for step in found["steps"]:
        path = ".".join(map(str, step["path"]))
        failed = f" failed: {step['failed']}" if step["failed"] else ""
        console.print(f"  {path:<8} {step['state']:<8} {step['name']}{failed}", markup=False)


@runs.command("stop")
def stop_runs(
    why: Why,
    run: Annotated[str | None, typer.Option(help="This run.")] = None,
    tenant: OfTenant = None,
    bundle: OfBundle = None,
    agent: OfAgent = None,
    every: Annotated[bool, typer.Option("--all", help="All runs of all agents of the stack.")] = False,
    brake: Annotated[
        bool | None,
        typer.Option(help="Let the agents take no new runs either. Default: with --all, or --agent alone."),
    ] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for the proof of each.")] = 180,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    stack: Stack = "local",
    as_json: Json = False,
) -> None:
    """Stop runs: those under way, those that wait and those in queues. They keep their steps.

    It comes back when it is proven of each that nothing works on it any more, and ends with 1 if it names one
    of which it is not.
    """
    from agent_hosting_cli.kill_switch import KillSwitch
    from agent_runtime.open_runs import Wanted

    filters = [name for name, given in (("--run", run), ("--tenant", tenant), ("--bundle", bundle)) if given]
    if every == bool(filters or agent):
        raise UserError("say which runs: --all, or one or more of --run, --tenant, --bundle and --agent")
    brakes = brake if brake is not None else not filters
    if brakes and filters:
        raise UserError(f"a brake stops whole agents: leave out --brake, or {' and '.join(filters)}")
    agents = _runs(stack, agent).agents
    if not agents:
        raise UserError(f"the stack {stack} has no agent")
    switch = KillSwitch(agents, why)
    wanted = Wanted(run_id=run, tenant=tenant, bundle_id=bundle)
    if not yes:
        beside = f", and {', '.join(one.agent for one in agents)} will take no new ones" if brakes else ""
        typer.confirm(
            f"{switch.count(wanted)} runs will be stopped{beside}. Stop them?", abort=True, err=True
        )
    outcome = switch.stop(wanted, brakes=brakes, wait_seconds=wait)
    if as_json:
        console.print_json(data=outcome.as_dict())
    else:
        _show_outcome(outcome.as_dict())
    if not outcome.is_proven:
        raise typer.Exit(1)


@runs.command("resume")
def resume_run(
    run: RunId, why: Why, tenant: OfTenant = None, stack: Stack = "local", as_json: Json = False
) -> None:
    """Let a run go on from its last step that was stopped or parked by a guard, or try one at once that waits
    for a model, a cap or a brake."""
    done = _runs(stack, None).resume(run, tenant, why)
    if as_json:
        console.print_json(data=done)
        return
    console.print(f"run {run} of {done['agent']} goes on {done['goes_on']}", markup=False)


def age_of(created_at: int, now: float | None = None) -> str:
    """Such as `3 h`; `created_at` in milliseconds, `now` in seconds since 1970."""
    seconds = max(0.0, (time.time() if now is None else now) - created_at / 1000)
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _show_outcome(done: dict[str, Any]) -> None:
    for agent in done["braked"]:
        console.print(f"{agent} takes no new runs: agent-hosting brake release {agent}", markup=False)
    table = Table("agent", box=None)
    table.add_column("run", min_width=32, no_wrap=True)
    for heading in ("tenant", "was", "stopped", "how it is known"):
        table.add_column(heading)
    for line in done["stopped"]:
        table.add_row(line["agent"], line["run_id"], line["tenant"], line["was"], "yes", line["proof"])
    for line in done["not_stopped"]:
        table.add_row(line["agent"], line["run_id"], line["tenant"], line["was"], "no", line["reason"])
    console.print(table) if table.row_count else console.print("no run fits")
    for line in done["failed"]:
        errors.print(f"{line['agent']}: {line['reason']}", markup=False)
    if done["not_stopped"]:
        errors.print(f"{len(done['not_stopped'])} runs are not proven to have stopped", markup=False)


def _runs(stack: str, agent: str | None) -> Any:
    from agent_hosting_cli.runs import Runs
    from agent_hosting_cli.stack_agents import agents_of

    return Runs.of(agents_of(find_project(Path.cwd()), stack, agent))
