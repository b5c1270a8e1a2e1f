"""`agent-hosting spend AGENT`: what an agent has spent, by day, hour, tenant or bundle."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.bar import Bar
from rich.table import Table

from agent_hosting_cli.progress import console
from agent_hosting_cli.project import UserError, find_project
from agent_runtime.spend.reading import SpendReader, Spent


class By(str, Enum):
    """What a line of the report stands for."""

    DAY = "day"
    HOUR = "hour"
    TENANT = "tenant"
    BUNDLE = "bundle"


def spend(
    agent: Annotated[str, typer.Argument(help="Name of the agent in the stack's YAML.")],
    by: Annotated[By, typer.Option(help="What a line stands for.")] = By.DAY,
    days: Annotated[int, typer.Option(min=1, max=400, help="Days until today, in UTC.")] = 31,
    tenant: Annotated[str | None, typer.Option(help="Of this tenant alone, by day.")] = None,
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
    if tenant is not None and by is not By.DAY:
        raise UserError(f"--tenant is told by day; leave out --by {by.value}")
    found = deployed(find_project(Path.cwd()), stack, agent)
    reader = SpendReader(found.checkpoints().table, agent)
    lines = told(lambda: report(reader, by, days, tenant, datetime.now(UTC)))
    if plot is not None:
        from agent_hosting_cli.spend_picture import spend_picture

        title = f"{agent}: US dollars by {by.value}" + (f", {tenant} alone" if tenant else "")
        plot.write_text(spend_picture(title, lines))
    if as_json:
        console.print_json(data=[line.as_dict() for line in lines])
        return
    show(by, lines)


def report(reader: SpendReader, by: By, days: int, tenant: str | None, now: datetime) -> list[Spent]:
    """The lines of the report for the days until `now`. Raises `CheckpointUnavailable`."""
    last = now.strftime("%Y-%m-%d")
    first = (now - timedelta(days=days - 1)).strftime("%Y-%m-%d")
    if by is By.HOUR:
        return reader.by_hour(last)
    if by is By.BUNDLE:
        return reader.by_bundle(first, last)
    return reader.by_tenant(first, last) if by is By.TENANT else reader.by_day(first, last, tenant)


def show(by: By, lines: Sequence[Spent]) -> None:
    """A table with a bar for each line, and what it all comes to."""
    if not lines:
        console.print("nothing was spent in that time")
        return
    most = max(line.usd for line in lines)
    has_counts = any(line.calls for line in lines)
    counts = ("calls", "input tokens", "output tokens") if has_counts else ()
    table = Table(by.value, "USD", "", *counts, box=None)
    for line in lines:
        shown = (line.calls, line.input_tokens, line.output_tokens) if has_counts else ()
        table.add_row(line.name, f"{line.usd:.6f}", Bar(most or 1, 0, line.usd, width=24), *map(str, shown))
    console.print(table)
    console.print(f"{sum(line.usd for line in lines):.6f} USD in all", markup=False)
