"""Pods of the embedded cluster are processes of this machine."""

from typing import Any

import psutil

from tests.embedded.tasks_world import exists, wait_for
from tests.embedded_kubernetes.live_world import LiveWorld, ask, encoded


def pid_of(live: LiveWorld, pod: Any) -> int:
    found = live.workloads.kubelet._pods[pod["metadata"]["uid"]].pid
    assert found is not None
    return found


def ready(live: LiveWorld, namespace: str, name: str) -> Any:
    """The pod, once it is ready."""

    def look(pods: Any) -> Any:
        return [
            pod
            for pod in pods
            if (pod["metadata"]["namespace"], pod["metadata"]["name"]) == (namespace, name)
            and any(
                c["type"] == "Ready" and c["status"] == "True"
                for c in pod.get("status", {}).get("conditions") or ()
            )
        ]

    found = live.workloads.kubelet.cache.wait_until(look)
    assert found, live.log
    return found[0]


def test_a_deployments_pod_answers_through_the_gateway(live: LiveWorld) -> None:
    namespace = live.namespace()
    live.gateway(namespace)
    live.workload("deployments", namespace, "agent", env=[{"name": "RELEASE", "value": "one"}])
    live.route(namespace, {"name": "agent"})
    (pod,) = live.ready(namespace, "agent")
    status, said, _ = live.ask(namespace, "runs/1?after=2")
    assert (status, said["path"], said["release"]) == (200, "/runs/1?after=2", "one")
    assert said["pod"] == pod["metadata"]["name"]
    assert pod["status"]["containerStatuses"][0]["state"]["running"]


def test_the_process_is_told_where_it_is(live: LiveWorld) -> None:
    namespace = live.namespace()
    live.gateway(namespace)
    core = f"/api/v1/namespaces/{namespace}"
    live.api.post(f"{core}/configmaps", {"metadata": {"name": "settings"}, "data": {"mode": "fast"}})
    live.api.post(f"{core}/secrets", {"metadata": {"name": "keys"}, "data": {"key": encoded("s3cret")}})
    env = [
        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        {"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "mode"}}},
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "key"}}},
        {"name": "AGENT_PORT", "value": "8080"},
    ]
    live.workload("deployments", namespace, "agent", env=env)
    live.route(namespace, {"name": "agent"})
    (pod,) = live.ready(namespace, "agent")
    told = live.ask(namespace)[1]["variables"]
    assert told["NODE"] == pod["spec"]["nodeName"]
    assert (told["MODE"], told["KEY"]) == ("fast", "s3cret")
    assert told["AGENT_ADDRESS"] == f"http://127.0.0.1:{told['AGENT_PORT']}"
    assert told["AGENT_PORT"] != "8080"
    assert told["AWS_ENDPOINT_URL"] == live.aws_url
    assert told["HTTP_PROXY"] == live.workloads.proxy_url


def test_a_deleted_pod_is_told_to_stop_and_stays_until_it_has(live: LiveWorld) -> None:
    namespace = live.namespace()
    stubborn = [{"name": "STUBBORN", "value": "yes"}]
    live.pod(namespace, "agent", env=stubborn, terminationGracePeriodSeconds=600)
    pod = ready(live, namespace, "agent")
    pid = pid_of(live, pod)
    live.delete(pod)
    wait_for(lambda: "was told to stop" in live.lines(pod))
    held = live.workloads.kubelet.cache.get(namespace, "agent")
    assert held is not None
    assert "deletionTimestamp" in held["metadata"]
    assert exists(pid)
    psutil.Process(pid).kill()
    live.gone(pod)


def test_a_process_that_outlasts_its_grace_is_killed(live: LiveWorld) -> None:
    namespace = live.namespace()
    stubborn = [{"name": "STUBBORN", "value": "yes"}]
    live.pod(namespace, "agent", env=stubborn, terminationGracePeriodSeconds=1)
    pod = ready(live, namespace, "agent")
    pid = pid_of(live, pod)
    live.delete(pod)
    live.gone(pod)
    assert "was told to stop" in live.lines(pod)
    assert not exists(pid)


def test_a_pod_deleted_by_force_is_killed_at_once(live: LiveWorld) -> None:
    namespace = live.namespace()
    live.pod(namespace, "agent")
    pod = ready(live, namespace, "agent")
    pid = pid_of(live, pod)
    live.delete(pod, gracePeriodSeconds=0)
    live.gone(pod)
    wait_for(lambda: not exists(pid))
    assert live.lines(pod) == ["begins"]


def started_again(live: LiveWorld, namespace: str) -> None:
    cache = live.workloads.kubelet.cache

    def restarted(_: Any) -> bool:
        held: Any = cache.get(namespace, "agent")
        (one,) = held["status"]["containerStatuses"]
        return one["restartCount"] == 1 and one["ready"]

    assert cache.wait_until(restarted)


def test_a_process_that_ends_is_started_again(live: LiveWorld) -> None:
    namespace = live.namespace()
    live.pod(namespace, "agent")
    pod = ready(live, namespace, "agent")
    before = pid_of(live, pod)
    psutil.Process(before).kill()
    started_again(live, namespace)
    assert pid_of(live, pod) != before


def test_a_process_that_hangs_is_started_again(live: LiveWorld) -> None:
    namespace = live.namespace()
    alive = {"httpGet": {"path": "/alive", "port": 8080}, "periodSeconds": 1, "failureThreshold": 1}
    probes = {"livenessProbe": alive, "startupProbe": {**alive, "failureThreshold": 60}}
    live.pod(namespace, "agent", container=probes)
    pod = ready(live, namespace, "agent")
    port = live.workloads.kubelet.port(pod["metadata"]["uid"])
    ask(f"http://127.0.0.1:{port}/hang")
    started_again(live, namespace)


def test_a_pod_whose_image_cannot_be_found_says_why(live: LiveWorld) -> None:
    namespace = live.namespace()
    live.pod(namespace, "agent", container={"image": f"this-machine/agent@sha256:{'0' * 64}"})

    def waiting(pods: Any) -> Any:
        return [
            one["state"]["waiting"]["message"]
            for pod in pods
            if pod["metadata"]["namespace"] == namespace
            for one in pod.get("status", {}).get("containerStatuses") or ()
            if (one["state"].get("waiting") or {}).get("message")
        ]

    (message,) = live.workloads.kubelet.cache.wait_until(waiting)
    assert "has the digest sha256:" in message


def test_a_job_is_complete_when_its_process_has_ended_well(live: LiveWorld) -> None:
    namespace = live.namespace()
    template = live.template("job", program="print('done')", restartPolicy="Never")
    body = {"metadata": {"name": "job"}, "spec": {"template": template, "backoffLimit": 0}}
    live.api.post(f"/apis/batch/v1/namespaces/{namespace}/jobs", body)
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs/job"
    wait_for(lambda: live.api.get(path)["status"].get("succeeded"))


def test_a_replica_of_a_stateful_set_comes_back_under_its_name_with_its_volume(live: LiveWorld) -> None:
    namespace = live.namespace()
    live.gateway(namespace)
    claim = {
        "metadata": {"name": "memory"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    mounts = {"volumeMounts": [{"name": "memory", "mountPath": "/memory"}]}
    live.workload(
        "statefulsets",
        namespace,
        "agent",
        env=[{"name": "AGENT_VOLUME", "value": "/memory"}],
        container=mounts,
        further={"volumeClaimTemplates": [claim]},
    )
    live.route(namespace, {"name": "agent"})
    (first,) = live.ready(namespace, "agent")
    assert live.ask(namespace, "write?text=remembered")[0] == 200
    live.delete(first)
    live.gone(first)
    (second,) = live.ready(namespace, "agent")
    said = live.ask(namespace)[1]
    assert said["pod"] == "agent-0"
    assert said["kept"] == "remembered"
    assert second["metadata"]["uid"] != first["metadata"]["uid"]
    folder = said["variables"]["AGENT_VOLUME"]
    assert folder.startswith(str(live.state))
