"""When an object is ready: one pure judgement for each kind that takes time to become so."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from embedded_kubernetes.provider.connection import Object
from embedded_kubernetes.provider.manifests import annotation
from embedded_kubernetes.provider.tokens import Kind

Look = Callable[[Kind, str, Mapping[str, str]], list[Object]]
"""Lists further objects: (kind, namespace, selectors)."""


@dataclass(frozen=True)
class Verdict:
    ready: bool
    reason: str
    """What it waits for, or what it became."""
    failed: bool = False
    """It will not become ready by itself."""


READY = Verdict(True, "ready")


def waiting(reason: str) -> Verdict:
    return Verdict(False, reason)


def failed(reason: str) -> Verdict:
    return Verdict(False, reason, failed=True)


def judge(live: Object, look: Look) -> Verdict:
    """Whether `live` is what it should be; an object of a kind without a rule is so at once."""
    wanted = annotation(live, "pulumi.com/waitFor")
    if wanted:
        return _custom(live, wanted)
    rule = _RULES.get(Kind(live["apiVersion"], live["kind"]).key)
    return rule(live, look) if rule else READY


def conditions(live: Object) -> dict[str, Mapping[str, str]]:
    return {c["type"]: c for c in (live.get("status") or {}).get("conditions") or []}


def _is_true(live: Object, condition: str) -> bool:
    return conditions(live).get(condition, {}).get("status") == "True"


def _unobserved(live: Object) -> bool:
    seen = (live.get("status") or {}).get("observedGeneration", 0)
    return int(seen or 0) < live["metadata"].get("generation", 0)  # Argo Rollouts writes it as text


def _deployment(live: Object, _look: Look) -> Verdict:
    status, wanted = live.get("status") or {}, live["spec"].get("replicas", 1)
    progress = conditions(live).get("Progressing", {})
    if _unobserved(live):
        return waiting("its controller has not seen the change yet")
    if progress.get("reason") == "ProgressDeadlineExceeded":
        return failed(progress.get("message", "its progress deadline has passed"))
    updated, ready = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if updated < wanted or status.get("replicas", 0) > updated or ready < wanted:
        return waiting(f"{min(updated, ready)} of {wanted} pods are updated and available")
    return READY


def _stateful_set(live: Object, _look: Look) -> Verdict:
    spec, status = live["spec"], live.get("status") or {}
    wanted, ready = spec.get("replicas", 1), status.get("readyReplicas", 0)
    if _unobserved(live):
        return waiting("its controller has not seen the change yet")
    strategy = spec.get("updateStrategy") or {}
    held = (strategy.get("rollingUpdate") or {}).get("partition", 0)
    updated = status.get("updatedReplicas", 0)
    rolls = strategy.get("type") != "OnDelete" and status.get("currentRevision") != status.get(
        "updateRevision"
    )
    if rolls and updated < wanted - held:
        return waiting(f"{updated} of {wanted} pods are updated")
    if ready < wanted:
        return waiting(f"{ready} of {wanted} pods are ready")
    return READY


def _pod(live: Object, _look: Look) -> Verdict:
    status = live.get("status") or {}
    phase = status.get("phase", "Pending")
    if phase == "Succeeded" or (phase == "Running" and _is_true(live, "Ready")):
        return READY
    if phase == "Failed":
        return failed(status.get("message") or status.get("reason") or "it ended with an error")
    return waiting(f"it is {phase}, not ready")


def _job(live: Object, _look: Look) -> Verdict:
    if _is_true(live, "Complete"):
        return READY
    if _is_true(live, "Failed"):
        return failed(conditions(live)["Failed"].get("message", "it failed"))
    if live["spec"].get("suspend"):
        return READY
    status = live.get("status") or {}
    return waiting(
        f"{status.get('succeeded', 0)} of {live['spec'].get('completions', 1)} pods have succeeded"
    )


def _claim(live: Object, look: Look) -> Verdict:
    phase = (live.get("status") or {}).get("phase", "Pending")
    if phase == "Bound":
        return READY
    if phase == "Lost":
        return failed("its volume is lost")
    name = live["spec"].get("storageClassName")
    found = [
        c for c in look(Kind("storage.k8s.io/v1", "StorageClass"), "", {}) if c["metadata"]["name"] == name
    ]
    if not name or not found or found[0].get("provisioner") == "kubernetes.io/no-provisioner":
        return READY if not live["spec"].get("volumeName") else waiting("its volume is not bound")
    if found[0].get("volumeBindingMode") == "WaitForFirstConsumer":
        return READY  # a pod that uses it comes later
    return waiting(f"storage class {name} has not provided its volume")


def _service(live: Object, look: Look) -> Verdict:
    spec, metadata = live["spec"], live["metadata"]
    if spec.get("type") == "ExternalName":
        return READY
    if spec.get("type") == "LoadBalancer" and not ((live.get("status") or {}).get("loadBalancer") or {}).get(
        "ingress"
    ):
        return waiting("its load balancer has no address")
    if spec.get("clusterIP") == "None" or not spec.get("selector"):
        return READY
    selector = {"labelSelector": f"kubernetes.io/service-name={metadata['name']}"}
    slices = look(Kind("discovery.k8s.io/v1", "EndpointSlice"), metadata["namespace"], selector)
    endpoints = [e for s in slices for e in s.get("endpoints") or []]
    if any((e.get("conditions") or {}).get("ready", True) for e in endpoints):
        return READY
    chosen = ",".join(f"{k}={v}" for k, v in spec["selector"].items())
    return waiting(
        f"no ready pod matches its selector {chosen} (annotate it with pulumi.com/skipAwait "
        f"where it may have none, as a workload that is scaled to zero)"
    )


def _namespace(live: Object, _look: Look) -> Verdict:
    phase = (live.get("status") or {}).get("phase")
    return READY if phase == "Active" else waiting(f"it is {phase or 'new'}")


def _rollout(live: Object, _look: Look) -> Verdict:
    status = live.get("status") or {}
    phase, message = status.get("phase", ""), status.get("message", "")
    if _unobserved(live):
        return waiting("the Argo Rollouts controller has not seen the change yet")
    if phase == "Healthy":
        return READY
    if phase == "Paused":
        return Verdict(True, f"paused as its steps say: {message}")  # a canary's hold outlasts any `up`
    if phase == "Degraded":
        return failed(f"the rollout is degraded: {message}")
    return waiting(f"the rollout is {phase or 'new'}{': ' if message else ''}{message}")


def _definition(live: Object, _look: Look) -> Verdict:
    refused = conditions(live).get("NamesAccepted", {})
    if refused.get("status") == "False":
        return failed(refused.get("message", "its names are taken"))
    return READY if _is_true(live, "Established") else waiting("it is not established")


def _custom(live: Object, wanted: str) -> Verdict:
    """The annotation pulumi.com/waitFor: one expression, or a JSON list of them."""
    for expression in json.loads(wanted) if wanted.startswith("[") else [wanted]:
        condition = re.fullmatch(r"condition=([^=]+)(?:=(.+))?", expression)
        path = re.fullmatch(r"jsonpath=\{?\.?([\w.]+)\}?(?:=(.+))?", expression)
        if condition:
            found: Any = conditions(live).get(condition[1], {}).get("status")
            expected = condition[2] or "True"
        elif path:
            found, expected = live, path[2]
            for name in path[1].split("."):
                found = found.get(name) if isinstance(found, dict) else None
        else:
            return failed(
                f"the annotation pulumi.com/waitFor takes condition=… or jsonpath=…, not {expression!r}"
            )
        if found is None or (expected is not None and str(found).lower() != expected.strip("'\"").lower()):
            return waiting(f"{expression} does not hold: it is {found}")
    return READY


_RULES: dict[tuple[str, str], Callable[[Object, Look], Verdict]] = {
    ("", "Namespace"): _namespace,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Pod"): _pod,
    ("", "Service"): _service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("argoproj.io", "Rollout"): _rollout,
    ("batch", "Job"): _job,
}
