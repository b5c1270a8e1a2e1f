"""The ways to the pods: by routes and weights from outside, by names from inside."""

from collections import Counter

from embedded_kubernetes.workloads import ENTRY
from tests.embedded_kubernetes.cluster_world import ClusterWorld, ask


def two_releases(world: ClusterWorld) -> str:
    namespace = world.namespace()
    world.gateway(namespace)
    for name in ("stable", "candidate"):
        world.workload("deployments", namespace, name, env=[{"name": "RELEASE", "value": name}])
    for name in ("stable", "candidate"):
        world.ready(namespace, name)
    return namespace


def test_weights_split_the_requests_and_a_change_counts_at_once(world: ClusterWorld) -> None:
    namespace = two_releases(world)
    world.route(namespace, {"name": "stable", "weight": 80}, {"name": "candidate", "weight": 20})
    seen = Counter(world.ask(namespace)[1]["release"] for _ in range(200))
    assert 20 <= seen["candidate"] <= 60
    assert seen["stable"] == 200 - seen["candidate"]
    world.route(namespace, {"name": "stable", "weight": 100}, {"name": "candidate", "weight": 0})
    assert {world.ask(namespace)[1]["release"] for _ in range(30)} == {"stable"}


def test_bodies_statuses_and_headers_pass_as_they_are(world: ClusterWorld) -> None:
    namespace = world.namespace()
    world.gateway(namespace)
    world.workload("deployments", namespace, "agent")
    world.route(namespace, {"name": "agent"})
    world.ready(namespace, "agent")
    assert world.ask(namespace, "runs", body="ünï")[:2] == (201, {"method": "POST", "body": "ünï"})
    assert world.ask(namespace, "teapot")[:2] == (418, "short and stout")
    _, said, headers = world.ask(namespace, "a%2Fb?q=%20", authorization="Bearer x", te="trailers")
    assert said["path"] == "/a%2Fb?q=%20"
    assert said["headers"]["authorization"] == "Bearer x"
    assert "te" not in said["headers"]
    assert headers["x-kept"] == "2"
    assert "x-hop" not in headers


def test_host_names_lead_to_their_routes(world: ClusterWorld) -> None:
    namespace = two_releases(world)
    world.route(namespace, {"name": "stable"}, name="a", hostnames=["stable.example.com"])
    world.route(namespace, {"name": "candidate"}, name="b", hostnames=["candidate.example.com"])
    assert world.ask(namespace)[1]["release"] == "stable"
    assert world.ask(namespace, host="candidate.example.com")[1]["release"] == "candidate"
    forwarded = world.ask(namespace, x_forwarded_host="candidate.example.com")
    assert forwarded[1]["release"] == "candidate"
    assert world.ask(namespace, host="other.example.com")[0] == 404


def test_without_a_ready_pod_a_problem_says_so(world: ClusterWorld) -> None:
    namespace = world.namespace()
    world.gateway(namespace)
    world.workload("deployments", namespace, "agent", replicas=0)
    world.route(namespace, {"name": "agent"})
    status, said, headers = world.ask(namespace)
    assert (status, said["status"]) == (503, 503)
    assert said["detail"] == f"no pod of Service {namespace}/agent is ready"
    assert headers["content-type"] == "application/problem+json"


def test_a_pod_that_says_it_is_not_ready_gets_nothing(world: ClusterWorld) -> None:
    namespace, file = world.namespace(), world.state / "ready-now"
    world.gateway(namespace)
    file.touch()
    world.workload("deployments", namespace, "agent", env=[{"name": "READY_FILE", "value": str(file)}])
    world.route(namespace, {"name": "agent"})
    world.ready(namespace, "agent")
    file.unlink()
    world.ready(namespace, "agent", 0)
    assert world.ask(namespace)[0] == 503


def test_an_unknown_gateway_is_named(world: ClusterWorld) -> None:
    status, said, _ = ask(f"{world.url}{ENTRY}nowhere/entry/runs")
    assert (status, said["detail"]) == (404, "there is no Gateway nowhere/entry")


def test_pods_reach_each_other_by_the_names_of_services_and_pods(world: ClusterWorld) -> None:
    namespace = world.namespace()
    world.gateway(namespace)
    world.workload("statefulsets", namespace, "agent", replicas=2)
    world.workload("deployments", namespace, "caller")
    world.route(namespace, {"name": "caller"})
    world.ready(namespace, "agent", 2)
    world.ready(namespace, "caller")
    service = f"agent.{namespace}.svc.cluster.local"

    def fetched(url: str) -> str:
        return world.ask(namespace, f"fetch?url={url}")[1]["pod"]

    assert fetched(f"http://{service}:80/") in ("agent-0", "agent-1")
    assert {fetched(f"http://{service}/") for _ in range(4)} == {"agent-0", "agent-1"}
    assert {fetched(f"http://agent-1.{service}/") for _ in range(3)} == {"agent-1"}


def test_the_proxy_answers_for_the_cluster_alone(world: ClusterWorld) -> None:
    status, said, _ = ask(f"{world.workloads.proxy_url}/", headers={"host": "example.com"})
    assert status == 502
    assert said["detail"].startswith("example.com is no name in the embedded cluster")
