"""Gates that ask nothing of the speed of the machine which a test happens to run on."""

from pathlib import Path

import yaml


def unhurried(gates: Path) -> None:
    """Let a case of this gate take as long as it is given; all else is asked as before."""
    said = yaml.safe_load(gates.read_text())
    said["thresholds"]["p95_latency_ms"] = {"at_most": 3_600_000}
    gates.write_text(yaml.safe_dump(said))
