"""`agent-hosting release …`: each reads its words, calls one function and prints what came back."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.live import Live
from rich.table import Table

from agent_hosting_cli.progress import console, step
from agent_hosting_cli.project import UserError, find_project

release = typer.Typer(no_args_is_help=True, help="Immutable releases, and the traffic between them.")
Agent = Annotated[str, typer.Argument(help="Name of the agent in the stack's YAML.")]
Stack = Annotated[str, typer.Option(help="Stack that the agent is deployed in.")]
Why = Annotated[str, typer.Option(help="Why, for the history.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
FOLLOW_SECONDS = 3600.0


@release.command("new")
def new(
    agent: Agent,
    stack: Annotated[str, typer.Option(help="Stack whose YAML lists the release.")],
    push: Annotated[
        str | None, typer.Option(metavar="REPOSITORY", help="Build its image with docker and push it there.")
    ] = None,
    image: Annotated[
        str | None, typer.Option(metavar="REPOSITORY@sha256:…", help="Its image, built and pushed elsewhere.")
    ] = None,
) -> None:
    """Pack the agent's working tree as a release and list it in a stack's YAML.

    An agent that runs in containers needs --push or --image.
    """
    from agent_hosting_cli.releases import new_release  # the components take two seconds to import

    with step(f"release of {agent}") as current:
        made = new_release(
            find_project(Path.cwd()), agent, stack, image=image, repository=push, say=current.say
        )
    console.print(
        f"packed {made.bundle_id} as {made.archive}; it is the newest release of {agent} in "
        f"stacks/Pulumi.{stack}.yaml",
        markup=False,
    )


@release.command("status")
def status(agent: Agent, stack: Stack = "local", follow: bool = False, as_json: Json = False) -> None:
    """Show which release gets which share, how far the candidate is, and what comes next."""
    rollouts = _rollouts(agent, stack)
    if as_json:
        console.print_json(data=rollouts.status())
        return
    if not follow:
        console.print(_table(rollouts.status()))
        return
    ends = time.monotonic() + FOLLOW_SECONDS
    with Live(_table(rollouts.status()), console=console, refresh_per_second=2) as live:
        while time.monotonic() < ends:
            found = rollouts.status()
            live.update(_table(found))
            if found["phase"] in ("STEADY", "WATCH"):
                return
            time.sleep(2)


@release.command("promote")
def promote(agent: Agent, why: Why, stack: Stack = "local") -> None:
    """Let the candidate take its next step now. It needs passing evidence all the same."""
    _show(_rollouts(agent, stack).promote(why))


@release.command("hold")
def hold(agent: Agent, why: Why, stack: Stack = "local") -> None:
    """Keep the candidate at its share. It still goes back by itself."""
    _show(_rollouts(agent, stack).hold(why))


@release.command("resume")
def resume(agent: Agent, why: Why, stack: Stack = "local") -> None:
    """Let a held candidate advance again."""
    _show(_rollouts(agent, stack).resume(why))


@release.command("rollback")
def rollback(
    agent: Agent,
    why: Why,
    release: Annotated[
        str | None, typer.Option(help="Which one goes back. Defaults to what is being rolled out.")
    ] = None,
    with_memory: Annotated[
        bool, typer.Option(help="Also undo what it wrote to its sessions' memories. May be said again.")
    ] = False,
    stack: Stack = "local",
    as_json: Json = False,
) -> None:
    """Send all new runs to the release before, now: one write, no deployment.

    With --with-memory each session that the release wrote to gets the content of its last version that
    another one wrote. Ends with 1 while sessions are left whose turns go on: say it again, with --release.
    """
    from agent_hosting_cli.memory_commands import memories, show_taken_back

    rollouts = _rollouts(agent, stack)
    bad, record = rollouts.sent_back(why, release, may_be_back=with_memory)
    shown: dict[str, Any] = {"release": bad, "shares": record.shares, "version": record.version}
    if not as_json:
        _show(record)
    if with_memory:
        with step(f"memories that {bad} wrote") as current:
            shown["memory"] = memories(agent, stack).take_back(bad, why, current.say)
        if not as_json:
            show_taken_back(shown["memory"])
    if as_json:
        console.print_json(data=shown)
    if with_memory and shown["memory"]["counts"]["busy"]:
        raise typer.Exit(1)


@release.command("experiment")
def experiment(
    agent: Agent,
    metric: Annotated[str, typer.Option(help="What is compared: errors, latency_ms, cost_usd, a score …")],
    why: Why,
    share: Annotated[float, typer.Option(min=0.01, max=99.99, help="Per cent of new runs.")] = 50,
    minimum_runs: Annotated[int, typer.Option(min=2, help="Runs of each release.")] = 400,
    days: Annotated[float, typer.Option(min=0.0001, max=14, help="Longest time.")] = 7,
    stack: Stack = "local",
) -> None:
    """Compare the candidate with the stable release at a fixed share, once, on one metric."""
    from agent_runtime.rollout.experiments import Experiment

    wanted = Experiment(metric, round(share * 100), minimum_runs, round(days * 86_400_000))
    _show(_rollouts(agent, stack).experiment(wanted, why))


@release.command("history")
def history(agent: Agent, stack: Stack = "local", most: int = 20, as_json: Json = False) -> None:
    """Show who moved the traffic, when, and why."""
    found = _rollouts(agent, stack).history(most)
    if as_json:
        console.print_json(data=found)
        return
    table = Table("when", "what", "new runs", "by", "why", box=None)
    for entry in found:
        table.add_row(
            _time(entry["at"]), entry["what"], _percent(entry["record"]["shares"]), entry["by"], entry["why"]
        )
    console.print(table)


@release.command("lineage")
def lineage(agent: Agent, stack: Stack = "local", as_json: Json = False) -> None:
    """Show which release came from which, when each was first deployed, and which takes runs."""
    from agent_hosting_cli.lineage import Lineage

    found = Lineage(_deployed(agent, stack)).releases()
    if as_json:
        console.print_json(data=found)
        return
    table = Table("release", "first deployed", "new runs", box=None)
    for known in found:
        share = f"{known['share']:g} %" if known["share"] else ""
        table.add_row(f"{'  ' * known['depth']}{known['bundle_id']}", _time(known["at"]), share)
    console.print(table)


@release.command("evidence")
def evidence(agent: Agent, file: Path, stack: Stack = "local") -> None:
    """Put the evidence that `agent-hosting gate` wrote into the environment's control table."""
    from pydantic import ValidationError

    from agent_runtime.rollout.gates import Evidence

    try:
        found = Evidence.model_validate_json(file.read_bytes())
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{file}: {where}: {first['msg']}; `agent-hosting gate` writes evidence") from None
    _rollouts(agent, stack).add_evidence(found)
    console.print(f"evidence for {found.bundle_id} is in the control table of {stack}", markup=False)


def _rollouts(agent: str, stack: str) -> Any:
    from agent_hosting_cli.rollouts import Rollouts

    return Rollouts(_deployed(agent, stack))


def _deployed(agent: str, stack: str) -> Any:
    from agent_hosting_cli.deployed import deployed

    return deployed(find_project(Path.cwd()), stack, agent)


def _show(record: Any) -> None:
    console.print(f"new runs go to {_percent(record.shares)} (version {record.version})", markup=False)


def _table(found: dict[str, Any]) -> Table:
    table = Table(show_header=False, box=None)
    at = (
        f", step {found['step']} of {len(found['steps'])} since {_time(found['since'])}"
        if found["step"]
        else ""
    )
    table.add_row("phase", f"{found['phase']}{at}")
    table.add_row("new runs", _shares(found["shares"], " %"))
    for name in ("candidate", "previous", "held"):
        if found[name]:
            table.add_row(name, str(found[name]))
    if (wanted := found["experiment"]) is not None:
        ends = _time(wanted["ends_at"])
        table.add_row("experiment", f"{wanted['metric']}, {wanted['minimum_runs']} runs each or until {ends}")
    for name, member in found["group"].items():
        table.add_row("group", f"{name}: {'went back' if member['fell_back'] else _stage(member['stage'])}")
    for name in ("copies", "candidate_runs", "stable_runs"):
        if found[name] is not None:
            figures = ", ".join(f"{key} {value}" for key, value in found[name].items() if value != {})
            table.add_row(name.replace("_", " "), figures)
    for metric, told in found["drift"].items():
        table.add_row("drift", f"{metric} is {told}")
    for bundle, at_ms in found["rejected"].items():
        table.add_row("sent back", f"{bundle} at {_time(at_ms)}")
    table.add_row("next", f"{found['next']['action']}: {found['next']['reason']}")
    return table


def _stage(stage: int) -> str:
    from agent_runtime.rollout.observation import THROUGH

    return "serves everyone" if stage == THROUGH else f"step {stage}" if stage else "no run yet"


def _shares(shares: dict[str, float], unit: str = "") -> str:
    return ", ".join(f"{bundle} {share:g}{unit}" for bundle, share in shares.items())


def _percent(basis_points: dict[str, int]) -> str:
    return _shares({bundle: points / 100 for bundle, points in basis_points.items()}, " %")


def _time(milliseconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(milliseconds / 1000))
