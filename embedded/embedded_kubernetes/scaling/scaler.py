"""Rounds over all ScaledObjects: measure, decide, and write the number of replicas where it changes."""

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import urllib3

from embedded_kubernetes.objects.api import Api, ApiError, Object, name_of
from embedded_kubernetes.objects.cache import Cache
from embedded_kubernetes.scaling.decide import Past, decide
from embedded_kubernetes.scaling.measure import Measure, Unmeasured
from embedded_kubernetes.scaling.scaled_object import ScaledObject, Target, scaled_object

_TICK_SECONDS = 1.0
_PLURALS = {"Deployment": "deployments", "StatefulSet": "statefulsets", "Rollout": "rollouts"}


@dataclass(frozen=True)
class Change:
    namespace: str
    scaled_object: str
    target: str
    before: int
    after: int


class Scaler:
    def __init__(
        self, api: Api, measure: Measure, log: Callable[[str], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._api, self._measure, self._log, self._clock = api, measure, log, clock
        self.cache = Cache(
            api, "/apis/keda.sh/v1alpha1/scaledobjects", log=log, changed=lambda *_: self._awake.set()
        )
        self._past: dict[str, Past] = {}
        self._due: dict[str, float] = {}
        self._reported: set[str] = set()
        self._one_round = threading.Lock()
        self._awake, self._closing = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name="scaled-objects", daemon=True)

    def start(self) -> None:
        self.cache.start()
        self._thread.start()

    def stop(self) -> None:
        self._closing = True
        self._awake.set()
        self._thread.join()
        self.cache.stop()

    def round(self, *, idle: bool = False) -> list[dict[str, Any]]:
        """All of them now, whatever their polling interval; what changed."""
        with self._one_round:
            return [asdict(change) for one in self.cache.all() if (change := self._safely(one, idle=idle))]

    def _run(self) -> None:
        while not self._closing:
            self._awake.wait(_TICK_SECONDS)
            self._awake.clear()
            with self._one_round:
                self._due_ones()

    def _due_ones(self) -> None:
        listed = {one["metadata"]["uid"]: one for one in self.cache.all()}
        for uid in self._due.keys() - listed.keys():
            del self._due[uid]
            self._past.pop(uid, None)
        for uid, one in listed.items():
            if time.monotonic() >= self._due.get(uid, 0.0) and not self._closing:
                self._safely(one, idle=False)

    def _safely(self, given: Object, *, idle: bool) -> Change | None:
        namespace, name = name_of(given)
        try:
            scaled = scaled_object(given)
            self._due[given["metadata"]["uid"]] = time.monotonic() + scaled.polling_seconds
            return self._obey(given, scaled, idle=idle)
        except (ApiError, urllib3.exceptions.HTTPError, OSError) as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001 - one object that we misread must not stop all others
            problem = repr(error)
        self._due[given["metadata"]["uid"]] = time.monotonic() + _TICK_SECONDS
        self._report(f"ScaledObject {namespace}/{name}: {problem}")
        return None

    def _obey(self, given: Object, scaled: ScaledObject, *, idle: bool) -> Change | None:
        (namespace, name), uid = name_of(given), given["metadata"]["uid"]
        for text in scaled.unknown:
            self._report(f"ScaledObject {namespace}/{name}: {text}")
        path = scale_path(scaled.target, namespace)
        before = int(self._api.get(path)["spec"].get("replicas") or 0)
        values: list[float | None] = []
        for trigger in scaled.triggers:
            try:
                values.append(self._measure(trigger))
            except Unmeasured as problem:
                self._report(f"ScaledObject {namespace}/{name}: {problem}")
                values.append(None)
        past = self._past.get(uid, Past())
        after, self._past[uid] = decide(scaled, values, before, past, self._clock(), idle=idle)
        if after == before:
            return None
        self._api.patch(path, {"spec": {"replicas": after}})
        target = f"{scaled.target.kind}/{scaled.target.name}"
        self._log(f"ScaledObject {namespace}/{name}: {target} goes from {before} to {after}")
        return Change(namespace, name, target, before, after)

    def _report(self, sentence: str) -> None:
        if sentence not in self._reported:
            self._reported.add(sentence)
            self._log(sentence)


def scale_path(target: Target, namespace: str) -> str:
    """Of the scale subresource. Raises ValueError for a kind that is not known to have one."""
    plural = _PLURALS.get(target.kind)
    if plural is None:
        raise ValueError(f"scaleTargetRef is a {target.kind}; it must be one of {', '.join(_PLURALS)}")
    return f"/apis/{target.api_version}/namespaces/{namespace}/{plural}/{target.name}/scale"
