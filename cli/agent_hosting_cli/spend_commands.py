"""`agent-hosting spend AGENT`: what an agent has spent, by day, hour, tenant, bundle or run."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.bar import Bar
from rich.table import Table

from agent_hosting_cli.progress import console
from agent_hosting_cli.project import UserError, find_project
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.open_runs import Wanted, begun_heads, found
from agent_runtime.spend.reading import SpendReader, Spent, most_first


class By(str, Enum):
    """What a line of the report stands for."""

    DAY = "day"
    HOUR = "hour"
    TENANT = "tenant"
    BUNDLE = "bundle"
    RUN = "run"


MOST_SHOWN: Final = 400
"""Lines of a table or picture: as many as there can be days. JSON has all."""


def spend(
    agent: Annotated[str, typer.Argument(help="Name of the agent in the stack's YAML.")],
    by: Annotated[By, typer.Option(help="What a line stands for.")] = By.DAY,
    days: Annotated[int, typer.Option(min=1, max=MOST_SHOWN, help="Days until today, in UTC.")] = 31,
    tenant: Annotated[str | None, typer.Option(help="Of this tenant alone, by day or run.")] = None,
    stack: Annotated[str, typer.Option(help="Stack that the agent is deployed in.")] = "local",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Write an SVG of the report into this file.")] = None,
    prices: Annotated[bool, typer.Option("--prices", help="Show at which prices it counts.")] = False,
) -> None:
    """Show what an agent has spent on its models."""
    from agent_hosting_cli.deployed import deployed, told

    if plot is not None and plot.suffix != ".svg":
        raise UserError(f"--plot writes SVG, and {plot.name} is none; name it {plot.stem}.svg")
    if prices:
        from agent_hosting_cli.spend_prices import show_prices

        show_prices(deployed(find_project(Path.cwd()), stack, agent), as_json=as_json)
        return
    if tenant is not None and by not in (By.DAY, By.RUN):
        raise UserError(f"--tenant is told by day or run; leave out --by {by.value}")
    store = deployed(find_project(Path.cwd()), stack, agent).checkpoints()
    lines = told(lambda: report(store, agent, by, days, tenant))
    if plot is not None:
        from agent_hosting_cli.spend_picture import spend_picture

        title = f"{agent}: US dollars by {by.value}" + (f", {tenant} alone" if tenant else "")
        cut = f", the {MOST_SHOWN} largest" if len(lines) > MOST_SHOWN else ""
        plot.write_text(spend_picture(title + cut, lines[:MOST_SHOWN]))
    if as_json:
        console.print_json(data=[line.as_dict() for line in lines])
        return
    show(by, lines)


def report(store: CheckpointStore, agent: str, by: By, days: int, tenant: str | None) -> list[Spent]:
    """The lines of the report for the days until now. Raises `CheckpointUnavailable`."""
    reader, now = SpendReader(store.table, agent), datetime.fromtimestamp(store.now(), UTC)
    begins = now - timedelta(days=days - 1)
    first, last = (day.strftime("%Y-%m-%d") for day in (begins, now))
    if by is By.RUN:
        return by_run(store, tenant, begins.replace(hour=0, minute=0, second=0, microsecond=0))
    if by is By.HOUR:
        return reader.by_hour(last)
    if by is By.BUNDLE:
        return reader.by_bundle(first, last)
    return reader.by_tenant(first, last) if by is By.TENANT else reader.by_day(first, last, tenant)


def by_run(store: CheckpointStore, tenant: str | None, since: datetime) -> list[Spent]:
    """Each run that was begun since then and is still kept, most first, as far as a worker has given it back.
    It reads the agent's whole table. Raises `CheckpointUnavailable`."""
    heads = begun_heads(store, Wanted(tenant=tenant), int(since.timestamp() * 1000))
    return most_first(
        [
            Spent(
                run.run_id,
                run.usage.cost_usd,
                run.usage.model_calls,
                run.usage.input_tokens,
                run.usage.output_tokens,
            )
            for run in map(found, heads)
        ]
    )


def show(by: By, lines: Sequence[Spent]) -> None:
    """A table with a bar for each line, and what it all comes to."""
    if not lines:
        console.print("nothing was spent in that time")
        return
    most = max(line.usd for line in lines)
    has_counts = any(line.calls for line in lines)
    counts = ("calls", "input tokens", "output tokens") if has_counts else ()
    table = Table(by.value, "USD", "", *counts, box=None)
    for line in lines[:MOST_SHOWN]:
        shown = (line.calls, line.input_tokens, line.output_tokens) if has_counts else ()
        table.add_row(line.name, f"{line.usd:.6f}", Bar(most or 1, 0, line.usd, width=24), *map(str, shown))
    console.print(table)
    if len(lines) > MOST_SHOWN:
        console.print(f"and {len(lines) - MOST_SHOWN} more; --json has them all", markup=False)
    console.print(f"{sum(line.usd for line in lines):.6f} USD in all", markup=False)
