"""Runs of production that were put aside, as candidates for an evaluation set."""

import json
from collections.abc import Callable
from typing import Any

from agent_hosting_cli.deployed import Deployed, told
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.records import record_from
from agent_runtime.samples import Sample, SampleStore


def candidates(found: Deployed, most: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Cases as the evaluation set has them, of the newest `most` samples, the newest first. Raises
    `UserError`.

    What a run put out is `observed` and never `expected`: a person has to say whether it was right. Runs that
    have expired and those whose texts are too large for a line are told by `say` and left out.
    """
    store = found.checkpoints()

    def read() -> list[dict[str, Any]]:
        cases: list[dict[str, Any]] = []
        for sample in SampleStore(store.table, found.agent).since(most=most):
            case = _case(store, sample)
            if isinstance(case, str):
                say(f"run {sample.run_id} is left out: {case}")
            else:
                cases.append(case)
        return cases

    return told(read)


def lines(cases: list[dict[str, Any]]) -> str:
    """One case a line, as JSON."""
    return "".join(json.dumps(case, ensure_ascii=False) + "\n" for case in cases)


def _case(store: CheckpointStore, sample: Sample) -> dict[str, Any] | str:
    """The case, or why there is none."""
    head = store.find_head(sample.tenant, sample.run_id)
    if head is None:
        return "it has expired"
    if "input_blob" in head or "output_blob" in head:
        return "its input or output is too large for a line"
    record = record_from(head, store.blobs)
    if not isinstance(record.input, dict):
        return "its input is no object"
    return {
        "id": f"sample-{sample.run_id}",
        "input": record.input,
        "observed": {"output": record.output, "run_id": sample.run_id, "bundle_id": sample.bundle_id},
    }
