"""What a pod's status says of the process: the body of a strategic merge patch. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from embedded_kubernetes.objects.api import Object


@dataclass(frozen=True)
class State:
    """Of the process now; `reason` and `message` as the kubelet words them."""

    kind: Literal["waiting", "running", "terminated"]
    at: str
    reason: str = ""
    message: str = ""
    exit_code: int = 0
    ready: bool = False
    restarts: int = 0
    phase: str = "Running"


def patch(container: str, image: str, state: State) -> Object:
    status = "True" if state.ready else "False"
    conditions = [
        {"type": kind, "status": status, "lastTransitionTime": state.at, "reason": None, "message": None}
        for kind in ("Ready", "ContainersReady")
    ]
    shown = {
        "name": container,
        "image": image,
        "imageID": image,
        "ready": state.ready,
        "started": state.kind == "running",
        "restartCount": state.restarts,
        # A patch merges maps: the states that it is not in any more have to be taken away.
        "state": {**dict.fromkeys(("waiting", "running", "terminated")), state.kind: _detail(state)},
    }
    return {"status": {"phase": state.phase, "conditions": conditions, "containerStatuses": [shown]}}


def _detail(state: State) -> Mapping[str, Any]:
    if state.kind == "running":
        return {"startedAt": state.at}
    told = {"reason": state.reason, "message": state.message}
    if state.kind == "waiting":
        return told
    return {**told, "exitCode": state.exit_code, "finishedAt": state.at}
