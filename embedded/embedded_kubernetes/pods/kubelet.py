"""Keeps a process for each pod that kwok shows as running on a fake node, and writes what becomes of it.

What the kubelet of a real node does for the API server. A pod that is deleted keeps its object until its
process has ended; one that vanishes, as with `--force`, takes its process with it at once.
"""

import threading
import time
from collections.abc import Callable
from datetime import datetime

import urllib3

from embedded_kubernetes.objects.api import Api, ApiError, Object, name_of
from embedded_kubernetes.objects.cache import Cache
from embedded_kubernetes.pods.container import runnable
from embedded_kubernetes.pods.machine import Machine
from embedded_kubernetes.pods.running import Identity, RunningPod
from embedded_kubernetes.pods.status import State, patch

CLOSE_SECONDS = 2.0
"""What a process has between SIGTERM and SIGKILL when the cloud ends, whatever its grace period."""
_TRIES, _PAUSE_SECONDS = 3, 0.3


class Kubelet:
    def __init__(self, api: Api, machine: Machine, identity: Identity, log: Callable[[str], None]) -> None:
        self._api, self._machine, self._identity, self._log = api, machine, identity, log
        self._pods: dict[str, RunningPod] = {}
        self._lock = threading.Lock()
        self._closing = False
        self.cache = Cache(api, "/api/v1/pods", log=log, changed=self._changed)

    def start(self) -> None:
        self.cache.start()

    def stop(self) -> None:
        """Ends every process that was started here, and returns when they are gone."""
        self._closing = True
        self.cache.stop()
        held = list(self._pods.values())
        for pod in held:
            pod.stop(CLOSE_SECONDS)
        for pod in held:
            pod.join()

    def port(self, uid: str) -> int | None:
        """Where the process of this pod answers; None where none runs."""
        pod = self._pods.get(uid)
        return None if pod is None or pod.stopping else pod.port

    def pids(self) -> list[int]:
        return sorted(pid for pod in list(self._pods.values()) if (pid := pod.pid) is not None)

    def _changed(self, kind: str, pod: Object) -> None:
        definition = runnable(pod)
        if definition is None:
            return
        uid = pod["metadata"]["uid"]
        running = self._pods.get(uid)
        if running is not None and running.finished and (kind == "DELETED" or _deleting(pod)):
            self._pods.pop(uid, None)
            running = None
        if kind == "DELETED":
            if running is not None:
                running.stop(0)
        elif _deleting(pod):
            if running is not None:
                running.stop(_seconds_left(pod))
            elif pod["spec"].get("nodeName"):
                self._delete(pod)
        elif running is None and _runs(pod) and not self._closing:
            self._begin(pod, definition)

    def _begin(self, pod: Object, definition: Object) -> None:
        others = [c["name"] for c in pod["spec"]["containers"] if c is not definition]
        if others:
            self._log(
                f"pod {'/'.join(name_of(pod))}: {', '.join(others)} is not run beside its first process"
            )
        with self._lock:
            former = next((p for p in self._pods.values() if name_of(p.pod) == name_of(pod)), None)
            self._pods[pod["metadata"]["uid"]] = RunningPod(
                pod,
                definition,
                machine=self._machine,
                identity=self._identity,
                former=former,
                tell=self._write,
                over=self._over,
            )

    def _write(self, running: RunningPod, state: State) -> None:
        namespace, name = name_of(running.pod)
        if state.message:
            self._log(f"pod {namespace}/{name}: {state.reason}: {state.message}")
        body = patch(running.definition["name"], running.definition["image"], state)
        # One that took its name meanwhile must not get its status.
        body["metadata"] = {"uid": running.uid}
        path = f"/api/v1/namespaces/{namespace}/pods/{name}/status"
        self._try(lambda: self._api.patch(path, body, strategic=True), f"status of pod {namespace}/{name}")

    def _over(self, running: RunningPod) -> None:
        if not running.stopping:
            return  # a job's process that has done its work: the object stays until somebody deletes it
        with self._lock:
            self._pods.pop(running.uid, None)
        if not self._closing:
            self._delete(running.pod)

    def _delete(self, pod: Object) -> None:
        """As a kubelet does: the process is gone, so the object may go."""
        namespace, name = name_of(pod)
        body: Object = {"gracePeriodSeconds": 0, "preconditions": {"uid": pod["metadata"]["uid"]}}
        path = f"/api/v1/namespaces/{namespace}/pods/{name}"
        self._try(lambda: self._api.delete(path, body), f"pod {namespace}/{name}")

    def _try(self, write: Callable[[], object], what: str) -> None:
        for last in (False,) * (_TRIES - 1) + (True,):
            try:
                write()
                return
            except ApiError as error:
                if error.status in (404, 409):  # gone, or another one by now
                    return
                problem: Exception = error
            except (urllib3.exceptions.HTTPError, OSError) as error:
                problem = error
            if last or self._closing:
                self._log(f"{what} cannot be written: {problem}")
                return
            time.sleep(_PAUSE_SECONDS)


def _runs(pod: Object) -> bool:
    status = pod.get("status") or {}
    return bool(status.get("phase") == "Running" and status.get("podIP") and pod["spec"].get("nodeName"))


def _deleting(pod: Object) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def _seconds_left(pod: Object) -> float:
    """`deletionTimestamp` is when the grace period is over; it has whole seconds."""
    ends = datetime.fromisoformat(pod["metadata"]["deletionTimestamp"]).timestamp()
    longest = float(pod["metadata"].get("deletionGracePeriodSeconds") or 0)
    return max(0.0, min(ends - time.time(), longest))
