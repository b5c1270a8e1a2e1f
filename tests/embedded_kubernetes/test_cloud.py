"""The embedded cloud starts its cluster with what makes its pods real, and takes that along."""

import hashlib
import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import psutil

from embedded_kubernetes.objects.api import Api
from tests.embedded.functions_world import package
from tests.embedded.tasks_world import wait_for
from tests.embedded_kubernetes.live_world import PROBED, SERVER, ask

SECONDS = 120


def post(url: str) -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, b"", method="POST"), timeout=SECONDS) as answer:
        return json.load(answer)


def deploy(api: Api, folder: Path) -> None:
    """One agent behind a Gateway."""
    code = package({"main.py": SERVER})
    archive = folder / "image.zip"
    archive.write_bytes(code)
    wait_for(lambda: api.find("/api/v1/namespaces/default/serviceaccounts/default"))
    container = {
        "name": "agent",
        "image": f"this-machine/agent@sha256:{hashlib.sha256(code).hexdigest()}",
        "command": ["python", "main.py"],
        "readinessProbe": PROBED,
    }
    metadata = {"labels": {"app": "agent"}, "annotations": {"agent-hosting/archive": str(archive)}}
    spec = {
        "selector": {"matchLabels": {"app": "agent"}},
        "template": {"metadata": metadata, "spec": {"containers": [container]}},
    }
    named = {"metadata": {"name": "agent"}}
    api.post("/apis/apps/v1/namespaces/default/deployments", {**named, "spec": spec})
    service = {"selector": {"app": "agent"}, "ports": [{"port": 80}]}
    api.post("/api/v1/namespaces/default/services", {**named, "spec": service})
    gateways = "gateway.networking.k8s.io/v1"
    listener = {"name": "http", "port": 80, "protocol": "HTTP"}
    for kind, of_kind in (
        ("Gateway", {"gatewayClassName": "any", "listeners": [listener]}),
        (
            "HTTPRoute",
            {"parentRefs": [{"name": "agent"}], "rules": [{"backendRefs": [{"name": "agent", "port": 80}]}]},
        ),
    ):
        path = f"/apis/{gateways}/namespaces/default/{kind.lower()}s"
        api.post(path, {"apiVersion": gateways, "kind": kind, **named, "spec": of_kind})


def test_a_killed_cloud_leaves_no_pod_behind(tmp_path: Path) -> None:
    state = tmp_path / "state"
    cloud = subprocess.Popen(
        [sys.executable, "-m", "embedded_aws", "--state", str(state)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    try:
        assert cloud.stdout is not None
        ports = json.loads(cloud.stdout.readline())
        gateway, http = (f"http://127.0.0.1:{ports[name]}" for name in ("gateway_port", "http_port"))
        started = post(f"{gateway}/_embedded/kubernetes/start")
        deploy(Api(Path(started["kubeconfig"])), tmp_path)
        entry = f"{http}/_embedded/gateway/default/agent/runs"
        said = wait_for(lambda: (answer := ask(entry))[0] == 200 and answer[1])
        assert said["variables"]["AWS_ENDPOINT_URL"] == gateway
        assert post(f"{gateway}/_embedded/kubernetes/scale?idle=yes") == {"changed": []}
        agent = psutil.Process(said["pid"])
        assert agent.is_running()
    finally:
        cloud.kill()
        cloud.communicate()
    _, alive = psutil.wait_procs([agent], SECONDS)
    assert not alive
