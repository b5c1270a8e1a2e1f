"""The agent `resident` on EKS, as its callers and an operator of its cluster see it."""

import json
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from embedded_kubernetes.objects.api import Api, Object
from tests.end_to_end.asks import ask
from tests.end_to_end.callers import Caller, is_done
from tests.end_to_end.deployments import Deployment

AGENT, NAMESPACE = "resident", "agents"
_SECONDS = 240.0
ROLLOUT: dict[str, Any] = {
    "steps": [{"percent": 20, "hold_seconds": 3600}, {"percent": 100, "hold_seconds": 1}],
    "thresholds": {"task_success": {"at_least": 0.9}},
}


class Resident:
    """Deployed by its releases, with one pod each."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment, self.caller = deployment, Caller(deployment, AGENT)
        for stack in ("dev", "local"):
            with deployment.edit(stack) as config:
                agents = config["agent-hosting:agents"]
                handbook = agents["handbook"]
                agents.clear()
                for field in ("source", "run_profile", "releases"):
                    handbook.pop(field, None)
                agents[AGENT] = handbook | {"host": "eks"}
                if stack == "dev":
                    agents[AGENT]["source"] = "examples/03-resident"
                else:
                    place = {"gateway": {"name": NAMESPACE}, "visibility_seconds": 60, "idle_seconds": 1}
                    agents[AGENT] |= {**place, "releases": [], "rollout": ROLLOUT}
        self._prompt = deployment.root / "examples" / "03-resident" / "prompts" / "system.md"

    def configure(self, **changes: Any) -> None:
        """Fields of the agent from the next deployment on."""
        with self.deployment.edit() as config:
            config["agent-hosting:agents"][AGENT] |= changes

    def deploy(self, line: str = "") -> str:
        """A release whose prompt has one more line; its bundle id."""
        self._prompt.write_text(self._prompt.read_text() + line)
        self.deployment.run("release", "new", AGENT, "--stack", "local")
        with self.deployment.edit() as config:
            bundle = str(config["agent-hosting:agents"][AGENT]["releases"][-1])
        self.deployment.run("up")
        return bundle

    def add_evidence(self, bundle: str) -> None:
        evidence = {
            "agent": AGENT,
            "bundle_id": bundle,
            "created_at": int(time.time() * 1000),
            "created_by": "a test",
            "source": "a test",
            "metrics": {"task_success": {"value": 0.97, "samples": 40}},
        }
        path = Path(self.deployment.root, "evidence.json")
        path.write_text(json.dumps(evidence))
        self.deployment.run("release", "evidence", AGENT, str(path))

    def say(self, session: str, text: str, *, key: str | None = None, **more: Any) -> dict[str, Any]:
        """A turn through the gateway, to its end; asked again while no pod is ready, as callers do."""
        ends = time.monotonic() + _SECONDS
        while (answered := self.call(self.gateway_url, session, text, key, more))[0] == 503:
            assert time.monotonic() < ends, answered
            time.sleep(0.2)
        status, body = answered
        assert status in (200, 202), (status, body)
        return body if status == 200 else self.wait(body["run_id"])

    def call(
        self, url: str, session: str, text: str, key: str | None = None, more: Any = None
    ) -> tuple[int, dict[str, Any]]:
        """A run through that address."""
        body = {"input": {"question": text, **(more or {})}, "session": session}
        return ask(url, self.caller.token, body, key)

    def wait(self, run_id: str, until: Callable[[dict[str, Any]], bool] = is_done) -> dict[str, Any]:
        """The run once it is so; by default, once it is done. The reaper looks in as its schedule would."""
        reaped = time.monotonic()

        def reap() -> None:
            nonlocal reaped
            if time.monotonic() > reaped + 5:
                self.deployment.call_rule(f"{AGENT}-reaper")
                reaped = time.monotonic()

        return self.caller.wait(run_id, until, reap)

    def pods(self, bundle: str | None = None) -> list[Object]:
        """Pods that are there and not on their way out."""
        wanted = f"agent-hosting/agent={AGENT}" + (f",agent-hosting/bundle={bundle}" if bundle else "")
        found = self.api.get(f"/api/v1/namespaces/{NAMESPACE}/pods", labelSelector=wanted)["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def kill(self, pod: Object) -> None:
        """Its process gets no time at all."""
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod['metadata']['name']}"
        self.api.delete(path, {"gracePeriodSeconds": 0})

    def until(self, what: str, holds: Callable[[], bool]) -> None:
        ends = time.monotonic() + _SECONDS
        while not holds():
            assert time.monotonic() < ends, what
            time.sleep(0.1)

    @property
    def route(self) -> Object:
        path = f"/apis/gateway.networking.k8s.io/v1/namespaces/{NAMESPACE}/httproutes/{AGENT}"
        return self.api.get(path)

    @property
    def weights(self) -> dict[str, int]:
        """Weight by bundle, of those that have any."""
        backends = self.route["spec"]["rules"][0]["backendRefs"]
        named = {
            one["name"].removeprefix(f"{AGENT}-").removesuffix("-http"): one["weight"] for one in backends
        }
        return {bundle: weight for bundle, weight in named.items() if weight}

    @property
    def gateway_url(self) -> str:
        port = self.deployment.cloud()["http_port"]
        return f"http://127.0.0.1:{port}/_embedded/gateway/{NAMESPACE}/agents"

    @cached_property
    def api(self) -> Api:
        held = json.loads((self.deployment.root / ".agent-hosting" / "cloud" / "kubernetes.json").read_text())
        return Api(Path(held["kubeconfig"]))
