"""Compaction: many steps copied into one item, so that a long run is resumed by reading few.

The steps stay where they are until they expire; a segment that was written twice, or whose head update was
lost, holds the same steps as they do.
"""

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from agent_runtime.blobs import BlobStore
from agent_runtime.records import Lease, StepRecord, StepState, Usage, Value, path_from, path_text


def segment_item(lease: Lease, upto: int, steps: list[StepRecord], blobs: BlobStore) -> dict[str, Value]:
    """Attributes of the segment of `steps`, compressed; over 350 KB they lie in S3."""
    rows = [
        [path_text(s.path), s.name, s.result, s.result_blob, asdict(s.usage), s.children, s.failed, s.epoch]
        for s in steps
    ]
    text = base64.b64encode(zlib.compress(json.dumps(rows).encode(), 6)).decode()
    inline, blob = blobs.spill(f"{lease.blob_prefix}/segment-{upto:06d}", json.dumps(text))
    return {"epoch": lease.epoch, "steps": inline, "steps_blob": blob}


def read_segment(values: Mapping[str, Any], blobs: BlobStore) -> list[StepRecord]:
    """The steps of a segment's item. Raises `CheckpointBlobLost`."""
    text: str = json.loads(blobs.load(values.get("steps"), values.get("steps_blob")) or '""')
    rows = json.loads(zlib.decompress(base64.b64decode(text)))
    return [
        StepRecord(
            path=path_from(path),
            name=name,
            state=StepState.CLAIMED if children else StepState.DONE,
            epoch=epoch,
            write_token="",
            result=result,
            result_blob=blob,
            usage=Usage(**usage),
            children=children,
            failed=failed,
        )
        for path, name, result, blob, usage, children, failed, epoch in rows
    ]
