"""One pod: its process from the first start to the last exit, started again whenever it ends by itself.

https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
"""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from embedded_aws.tasks.errors import NotStarted
from embedded_kubernetes.objects.api import Object
from embedded_kubernetes.pods.machine import Machine, Started
from embedded_kubernetes.pods.probe import Prober, probe
from embedded_kubernetes.pods.status import State

FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS = 1.0, 60.0
STEADY_SECONDS = 60.0
"""A process that ran this long begins again with the shortest pause. The kubelet asks for ten minutes, and
begins with a pause of ten seconds."""


class Identity(Protocol):
    def variables(self, namespace: str, service_account: str, pod: str) -> dict[str, str]: ...
    def forget(self, variables: dict[str, str]) -> None: ...


class RunningPod:
    """A thread of its own leads it. `tell` gets each state; `over` is called once nothing is left of it."""

    def __init__(
        self,
        pod: Object,
        definition: Object,
        *,
        machine: Machine,
        identity: Identity,
        former: "RunningPod | None",
        tell: Callable[["RunningPod", State], None],
        over: Callable[["RunningPod"], None],
    ) -> None:
        """`former` had the name, and perhaps the volume, before: this one waits for its end."""
        self.pod, self.definition = pod, definition
        self.uid: str = pod["metadata"]["uid"]
        self._machine, self._identity, self._former, self._tell = machine, identity, former, tell
        self._over = over
        self._changed = threading.Condition()
        self._telling = threading.Lock()
        """States are written in the order in which they came to be."""
        self._live: Started | None = None
        self._deadline: float | None = None
        """When it is killed; None while nobody asked it to end."""
        self._state = State("waiting", _now(), "ContainerCreating")
        self._thread = threading.Thread(target=self._run, name=f"pod-{pod['metadata']['name']}", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int | None:
        """Where its process answers; None while none runs."""
        live = self._live
        return None if live is None or live.process.exit_code is not None else live.port

    @property
    def pid(self) -> int | None:
        live = self._live
        return None if live is None or live.process.exit_code is not None else live.process.pid

    @property
    def stopping(self) -> bool:
        return self._deadline is not None

    @property
    def finished(self) -> bool:
        """It did its work, or waits for nothing but its own end."""
        return not self._thread.is_alive()

    def stop(self, within_seconds: float) -> None:
        """SIGTERM now, SIGKILL then: the shortest time counts, and 0 means no SIGTERM."""
        with self._changed:
            wanted = time.monotonic() + within_seconds if within_seconds > 0 else 0.0
            self._deadline = wanted if self._deadline is None else min(self._deadline, wanted)
            self._changed.notify_all()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        metadata, spec = self.pod["metadata"], self.pod["spec"]
        if self._former is not None:
            self._former.join()
            self._former = None
        account = spec.get("serviceAccountName") or "default"
        role = self._identity.variables(metadata["namespace"], account, metadata["name"])
        pause = FIRST_PAUSE_SECONDS
        while not self.stopping:
            begun = time.monotonic()
            if self._one_process(role):
                break
            pause = FIRST_PAUSE_SECONDS if time.monotonic() - begun > STEADY_SECONDS else pause
            with self._changed:
                self._changed.wait_for(lambda: self.stopping, pause)
            pause = min(2 * pause, LAST_PAUSE_SECONDS)
        self._identity.forget(role)
        self._over(self)

    def _one_process(self, role: dict[str, str]) -> bool:
        """From its start to its end. Whether it was the last one."""
        try:
            live = self._live = self._machine.start(self.pod, self.definition, role, self._notify)
        except NotStarted as error:
            self._show("waiting", reason="CreateContainerError", message=str(error))
            return False
        self._show("running")
        probers = self._probed(live)
        with self._changed:
            self._changed.wait_for(lambda: self.stopping or live.process.exit_code is not None)
        for prober in probers:
            prober.stop()
        self._end(live)
        self._machine.guard.remove(live.process.pid)
        live.remove()
        return self._ended(live.process.exit_code or 0)

    def _probed(self, live: Started) -> list[Prober]:
        ready, alive, started = (
            probe(self.definition.get(f"{kind}Probe")) for kind in ("readiness", "liveness", "startup")
        )
        probers: list[Prober] = []
        if ready is None:
            self._ready(live, True)
        else:
            probers.append(Prober(ready, live.port, lambda is_ready: self._ready(live, is_ready)))
        if alive is not None:
            grace = started.delay_seconds + started.period_seconds * started.failures if started else 0.0
            # A process that hangs heeds no SIGTERM.
            probers.append(
                Prober(alive, live.port, lambda _: live.process.kill(), assumed=True, grace_seconds=grace)
            )
        return probers

    def _end(self, live: Started) -> None:
        if self.stopping and self._deadline:
            live.process.terminate()
        with self._changed:
            while live.process.exit_code is None:
                left = (self._deadline or 0.0) - time.monotonic()
                if left <= 0:
                    live.process.kill()
                self._changed.wait(left if left > 0 else None)

    def _ended(self, code: int) -> bool:
        policy = self.pod["spec"].get("restartPolicy", "Always")
        reason = "Completed" if code == 0 else "Error"
        if self.stopping:
            return True
        if policy == "Never" or (policy == "OnFailure" and code == 0):
            phase = "Failed" if code else "Succeeded"
            self._show("terminated", reason=reason, exit_code=code, phase=phase)
            return True
        self._state = replace(self._state, restarts=self._state.restarts + 1)
        self._show("waiting", reason="CrashLoopBackOff", message=f"the process ended with code {code}")
        return False

    def _show(self, kind: str, **changes: object) -> None:
        told = {"reason": "", "message": "", "exit_code": 0, "ready": False, **changes}
        with self._telling:
            self._state = replace(self._state, kind=kind, at=_now(), **told)  # type: ignore[arg-type]
            self._write()

    def _ready(self, live: Started, ready: bool) -> None:
        with self._telling:
            if live.process.exit_code is None:
                self._state = replace(self._state, ready=ready, at=_now())
                self._write()

    def _write(self) -> None:
        if not self.stopping:
            self._tell(self, self._state)

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
