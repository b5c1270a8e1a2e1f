"""Why an object does not become ready: which of its pods, and what that pod or an event says."""

from collections.abc import Iterable, Mapping
from typing import Any

from embedded_kubernetes.provider.connection import Object
from embedded_kubernetes.provider.readiness import Look, conditions
from embedded_kubernetes.provider.tokens import Kind

_POD, _EVENT = Kind("v1", "Pod"), Kind("v1", "Event")
_MOST = 3


def diagnose(live: Object, look: Look) -> str:
    """One sentence for each of the pods that are not ready; the object's own warnings where there is none."""
    namespace = live["metadata"].get("namespace", "")
    pods = [live] if live["kind"] == "Pod" else _pods(live, look)
    found = [f"pod {pod['metadata']['name']}: {reason}" for pod in pods if (reason := _why(pod))]
    if not found:
        owners = [live, *_replica_sets(live, look)]
        found = [text for owner in owners for text in _warnings(owner, namespace, look)]
    more = [f"and {len(found) - _MOST} more"] if len(found) > _MOST else []
    return "; ".join([*found[:_MOST], *more])


def _labels(live: Object) -> str:
    spec = live.get("spec") or {}
    selector = spec.get("selector") or {}
    chosen = selector if live["kind"] == "Service" else selector.get("matchLabels") or {}
    return ",".join(f"{k}={v}" for k, v in chosen.items())


def _pods(live: Object, look: Look) -> list[Object]:
    labels = _labels(live)
    return look(_POD, live["metadata"].get("namespace", ""), {"labelSelector": labels}) if labels else []


def _replica_sets(live: Object, look: Look) -> list[Object]:
    """A Deployment's events of refused pods are on its ReplicaSets."""
    if live["kind"] not in ("Deployment", "Rollout") or not _labels(live):
        return []
    selector = {"labelSelector": _labels(live)}
    return look(Kind("apps/v1", "ReplicaSet"), live["metadata"].get("namespace", ""), selector)


def _why(pod: Object) -> str:
    status = pod.get("status") or {}
    if status.get("phase") == "Succeeded":
        return ""
    said = list(_containers(status))
    scheduled, ready = conditions(pod).get("PodScheduled", {}), conditions(pod).get("Ready", {})
    if said:
        return ", ".join(said)
    if scheduled.get("status") == "False":
        return f"not scheduled: {scheduled.get('message', scheduled.get('reason', ''))}"
    if ready.get("status") == "True":
        return ""
    message = status.get("message") or ready.get("message") or ready.get("reason") or ""
    return f"{status.get('phase', 'Pending')}{': ' if message else ''}{message}"


def _containers(status: Mapping[str, Any]) -> Iterable[str]:
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        state = container.get("state") or {}
        stopped = state.get("waiting") or state.get("terminated") or {}
        if container.get("ready") or not stopped or stopped.get("reason") == "Completed":
            continue
        message = f": {stopped['message']}" if stopped.get("message") else ""
        code = f" with exit code {stopped['exitCode']}" if "exitCode" in stopped else ""
        yield f"container {container['name']} is in {stopped.get('reason', 'error')}{code}{message}"


def _warnings(live: Object, namespace: str, look: Look) -> list[str]:
    metadata = live["metadata"]
    about = f"involvedObject.kind={live['kind']},involvedObject.name={metadata['name']},type=Warning"
    events = look(_EVENT, namespace or "default", {"fieldSelector": about})
    mine = [e for e in events if e.get("involvedObject", {}).get("uid") in (None, metadata.get("uid"))]
    latest = sorted(mine, key=lambda e: e.get("lastTimestamp") or e.get("eventTime") or "")[-1:]
    return [f"{e.get('reason', 'Warning')}: {e.get('message', '')}" for e in latest]
