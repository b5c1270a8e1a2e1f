"""Pulumi itself deploys programs of the package kubernetes, through the provider, to a real API server."""

import re
import textwrap

import pytest

from embedded_aws.provider.recorded import Records
from tests.embedded_kubernetes.conftest import NewStack
from tests.embedded_kubernetes.world import World

PROGRAM = """
IMAGE, TOKEN, LEVEL, LABEL = "agent:1", "sk-first", "info", "one"

def made(name=None):
    return {"namespace": space.metadata.name, **({"name": name} if name else {})}

space = k8s.core.v1.Namespace("space", metadata={"name": stack_id, "labels": {"release": LABEL}})
there, labels = Opts(parent=space), {"app": "agent"}
settings = k8s.core.v1.ConfigMap("settings", metadata=made(), data={"level": LEVEL}, opts=there)
secret = k8s.core.v1.Secret("secret", metadata=made("key"), string_data={"token": TOKEN}, opts=there)
service = k8s.core.v1.Service("service", metadata=made("agent"), opts=there, spec={
    "cluster_ip": "None", "selector": labels, "ports": [{"port": 8080}]})
pods = k8s.apps.v1.StatefulSet("pods", metadata=made("agent"), opts=there, spec={
    "replicas": 1, "service_name": service.metadata.name, "selector": {"match_labels": labels},
    "template": {"metadata": {"labels": labels}, "spec": {"containers": [
        {"name": "main", "image": IMAGE, "env_from": [{"config_map_ref": {"name": settings.metadata.name}}]},
    ]}}})
scaled = k8s.apiextensions.CustomResource(
    "scaled", api_version="keda.sh/v1alpha1", kind="ScaledObject", metadata=made("agent"), opts=there,
    spec={"scaleTargetRef": {"kind": "StatefulSet", "name": pods.metadata.name},
          "triggers": [{"type": "cpu", "metricType": "Utilization", "metadata": {"value": "60"}}]})
keda = k8s.helm.v3.Release("keda", name=stack_id, chart="keda", version="2.17.0", namespace="keda")
pulumi.export("address", service.spec.cluster_ip)
pulumi.export("ready", pods.status.ready_replicas)
pulumi.export("token", secret.data)
"""


def test_a_program_lives_from_its_first_preview_to_its_end(
    new_stack: NewStack, records: Records, world: World
) -> None:
    stack = new_stack(PROGRAM)
    everything = ["space", "settings", "secret", "service", "pods", "scaled", "keda"]
    assert stack.preview().changes() == dict.fromkeys(everything, "create")
    run = stack.up()
    assert set(run.changes()) == set(everything)
    assert stack.outputs()["ready"] == 1
    assert stack.outputs()["address"] == "None"
    assert "c2stZmlyc3Q=" not in stack.state_text()
    assert "sk-first" not in stack.state_text()
    assert stack.remote_id("pods") == f"{stack.id}/agent"
    namespace, settings = stack.remote_id("settings").split("/")
    assert re.fullmatch(r"settings-[0-9a-f]{7}", settings)
    assert ("kubernetes:helm.sh/v3:Release", f"keda/{stack.id}") in records.listed()
    assert stack.preview().steps() == []
    assert stack.refresh_preview().drift() == {}
    by_hand = {"data": {"level": "by-hand", "more": "by-another"}}
    world.core.patch_namespaced_config_map(settings, namespace, by_hand)
    assert stack.refresh_preview().drift() == {"settings": "update"}

    changed = PROGRAM.replace("agent:1", "agent:2").replace("sk-first", "sk-second").replace('"one"', '"two"')
    stack.program(changed.replace('"info"', '"debug"'))
    run = stack.up()
    assert run.changes() == {"space": "update", "settings": "replace", "secret": "replace", "pods": "update"}
    assert run.diff("pods")["spec.template.spec.containers[0].image"] == "update"
    order = run.steps()
    assert order.index(("secret", "delete-replaced")) < order.index(("secret", "create-replacement"))
    assert order.index(("settings", "create-replacement")) < order.index(("pods", "update"))
    assert order.index(("pods", "update")) < order.index(("settings", "delete-replaced"))
    assert "second" not in stack.state_text()
    assert "second" not in run.said

    stack.destroy()
    assert stack.resources() == {}
    assert all(release != f"keda/{stack.id}" for _, release in records.listed())


REFUSED = """
quiet = Opts(custom_timeouts=pulumi.CustomTimeouts(create="3s"))
same = k8s.Provider("same", namespace="default", enable_server_side_apply=True)
wrong = {"name": stack_id, "labels": {"no label": "x"}}
k8s.core.v1.ConfigMap("wrong", metadata=wrong, opts=Opts(provider=same))
k8s.apps.v1.Deployment("stuck", opts=quiet, metadata={"name": stack_id}, spec={
    "selector": {"match_labels": {"app": stack_id}},
    "template": {"metadata": {"labels": {"app": stack_id}}, "spec": {
        "node_selector": {"disk": "none"}, "containers": [{"name": "main", "image": "agent:1"}]}}})
"""


def test_what_the_server_refuses_shows_in_the_preview_and_what_gets_stuck_is_kept(
    new_stack: NewStack,
) -> None:
    stack = new_stack(REFUSED)
    run = stack.preview(ok=False)
    assert 'metadata.labels: Invalid value: "no label"' in run.errors()["wrong"]
    stack.program(REFUSED.replace("no label", "label"))
    run = stack.up(ok=False)
    assert "not ready after 3 s: 0 of 1 pods are updated and available (pod " in run.errors()["stuck"]
    assert "not scheduled: 0/3 nodes are available" in run.errors()["stuck"]
    said = [event.get("diagnosticEvent", {}).get("message", "") for event in run.events]
    assert any(text.startswith("waiting: 0 of 1 pods are updated and available") for text in said)
    assert stack.remote_id("stuck") == f"default/{stack.id}"
    stack.destroy()


OTHER = """
apiVersion: v1
kind: Config
current-context: other
clusters: [{name: other, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: other, user: {token: none}}]
contexts: [{name: other, context: {cluster: other, user: other}}]
"""


@pytest.mark.parametrize(
    ("program", "says"),
    [
        (
            f"""
            other = k8s.Provider("other", kubeconfig={OTHER!r})
            k8s.core.v1.ConfigMap("a", opts=Opts(provider=other))
            """,
            "kubeconfig names the cluster at https://127.0.0.1:1, but the embedded cloud serves the one at",
        ),
        (
            'k8s.yaml.ConfigGroup("group", yaml=["kind: ConfigMap"])',
            "the embedded Kubernetes does not answer kubernetes:yaml:decode",
        ),
    ],
)
def test_what_is_not_done_here_is_said(new_stack: NewStack, program: str, says: str) -> None:
    assert says in new_stack(textwrap.dedent(program)).preview(ok=False).said
