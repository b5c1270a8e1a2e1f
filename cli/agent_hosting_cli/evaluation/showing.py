"""The judgement as a table for people and as JSON for machines."""

from typing import Any

from rich.console import Console
from rich.table import Table

from agent_hosting_cli.evaluation.gating import Gated
from agent_hosting_cli.evaluation.picture import number
from agent_hosting_cli.evaluation.results import CaseResult
from agent_runtime.rollout.gates import Judged, Measured

_MOST_FAILED = 10


def show(gated: Gated, console: Console) -> None:
    """Prints the table, the first cases that failed, and where everything lies."""
    columns = ["measured", "95 % interval", "cases", "threshold", "verdict"]
    if gated.stable is not None:
        columns.insert(1, "stable")
    names = [*gated.evidence.metrics, *(judged.metric for judged in gated.judged)]
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("metric", no_wrap=True, min_width=max(map(len, names)))
    for column in columns:
        table.add_column(column, overflow="fold")
    for judged in gated.judged:
        table.add_row(*_cells(judged, gated))
    shown = {judged.metric for judged in gated.judged}
    for name, measured in gated.evidence.metrics.items():
        if name not in shown:
            table.add_row(*_row(name, measured, gated, "", "[dim]-[/dim]"))
    console.print(table)
    for judged in gated.judged:
        if judged.reason is not None:
            console.print(f"missed: {judged.reason}", markup=False)
    failed = gated.failed
    for result in failed[:_MOST_FAILED]:
        console.print(f"{result.case_id}: {result.status}, {_why(result)}", markup=False)
    if len(failed) > _MOST_FAILED:
        console.print(f"… and {len(failed) - _MOST_FAILED} more", markup=False)
    if gated.bill is not None:
        console.print(
            f"the judge was asked {gated.bill.calls} times, for {gated.bill.cost_usd:.6f} USD; it gave no "
            f"score for {gated.bill.unreadable} cases",
            markup=False,
        )
    verdict = "passes" if gated.passes else "does not pass"
    console.print(f"{gated.evidence.agent} {gated.evidence.bundle_id} {verdict} its gate", markup=False)
    console.print(f"evidence: {gated.places.evidence}\npicture:  {gated.places.picture}", markup=False)
    if gated.results:
        console.print(f"cases:    {gated.places.cases}", markup=False)


def as_json(gated: Gated) -> dict[str, Any]:
    """The evidence, the judgement of each threshold, the cases that failed, and where everything lies."""
    judgements = [
        {
            "metric": judged.metric,
            "threshold": judged.threshold.text(),
            "measured": judged.measured.model_dump() if judged.measured else None,
            "met": judged.reason is None,
            "reason": judged.reason,
        }
        for judged in gated.judged
    ]
    bill = gated.bill
    return {
        "passes": gated.passes,
        "evidence": gated.evidence.model_dump(mode="json"),
        "judgements": judgements,
        "failed": [{"case_id": r.case_id, "status": r.status, "reason": _why(r)} for r in gated.failed],
        "judge": None
        if bill is None
        else {"calls": bill.calls, "cost_usd": bill.cost_usd, "unreadable": bill.unreadable},
        "files": {"evidence": str(gated.places.evidence), "picture": str(gated.places.picture)},
    }


def _why(result: CaseResult) -> str:
    return result.reason or ", ".join(f"{name} {number(score)}" for name, score in result.scores.items())


def _cells(judged: Judged, gated: Gated) -> list[str]:
    verdict = "[green]met[/green]" if judged.reason is None else "[red]missed[/red]"
    return _row(judged.metric, judged.measured, gated, judged.threshold.text(), verdict)


def _row(name: str, measured: Measured | None, gated: Gated, threshold: str, verdict: str) -> list[str]:
    interval = ""
    if measured is not None and measured.low is not None and measured.high is not None:
        interval = f"{number(measured.low)} … {number(measured.high)}"
    cells = [
        name,
        number(measured.value) if measured else "-",
        interval,
        str(measured.samples) if measured else "0",
        threshold,
        verdict,
    ]
    if gated.stable is not None:
        before = gated.stable.metrics.get(name)
        cells.insert(2, number(before.value) if before else "-")
    return cells
