"""The ways to the pods: by routes and weights from outside, by names from inside."""

from collections import Counter

from embedded_kubernetes.workloads import ENTRY
from tests.embedded_kubernetes.live_world import LiveWorld, ask


def two_releases(live: LiveWorld) -> str:
    namespace = live.namespace()
    live.gateway(namespace)
    for name in ("stable", "candidate"):
        live.workload("deployments", namespace, name, env=[{"name": "RELEASE", "value": name}])
    for name in ("stable", "candidate"):
        live.ready(namespace, name)
    return namespace


def test_weights_split_the_requests_and_a_change_counts_at_once(live: LiveWorld) -> None:
    namespace = two_releases(live)
    live.route(namespace, {"name": "stable", "weight": 80}, {"name": "candidate", "weight": 20})
    seen = Counter(live.ask(namespace)[1]["release"] for _ in range(200))
    assert 20 <= seen["candidate"] <= 60
    assert seen["stable"] == 200 - seen["candidate"]
    live.route(namespace, {"name": "stable", "weight": 100}, {"name": "candidate", "weight": 0})
    assert {live.ask(namespace)[1]["release"] for _ in range(30)} == {"stable"}


def test_bodies_statuses_and_headers_pass_as_they_are(live: LiveWorld) -> None:
    namespace = live.namespace()
    live.gateway(namespace)
    live.workload("deployments", namespace, "agent")
    live.route(namespace, {"name": "agent"})
    live.ready(namespace, "agent")
    assert live.ask(namespace, "runs", body="ünï")[:2] == (201, {"method": "POST", "body": "ünï"})
    assert live.ask(namespace, "teapot")[:2] == (418, "short and stout")
    _, said, headers = live.ask(namespace, "a%2Fb?q=%20", authorization="Bearer x", te="trailers")
    assert said["path"] == "/a%2Fb?q=%20"
    assert said["headers"]["authorization"] == "Bearer x"
    assert "te" not in said["headers"]
    assert headers["x-kept"] == "2"
    assert "x-hop" not in headers


def test_host_names_lead_to_their_routes(live: LiveWorld) -> None:
    namespace = two_releases(live)
    live.route(namespace, {"name": "stable"}, name="a", hostnames=["stable.example.com"])
    live.route(namespace, {"name": "candidate"}, name="b", hostnames=["candidate.example.com"])
    assert live.ask(namespace)[1]["release"] == "stable"
    assert live.ask(namespace, host="candidate.example.com")[1]["release"] == "candidate"
    forwarded = live.ask(namespace, x_forwarded_host="candidate.example.com")
    assert forwarded[1]["release"] == "candidate"
    assert live.ask(namespace, host="other.example.com")[0] == 404


def test_without_a_ready_pod_a_problem_says_so(live: LiveWorld) -> None:
    namespace = live.namespace()
    live.gateway(namespace)
    live.workload("deployments", namespace, "agent", replicas=0)
    live.route(namespace, {"name": "agent"})
    status, said, headers = live.ask(namespace)
    assert (status, said["status"]) == (503, 503)
    assert said["detail"] == f"no pod of Service {namespace}/agent is ready"
    assert headers["content-type"] == "application/problem+json"


def test_a_pod_that_says_it_is_not_ready_gets_nothing(live: LiveWorld) -> None:
    namespace, file = live.namespace(), live.state / "ready-now"
    live.gateway(namespace)
    file.touch()
    live.workload("deployments", namespace, "agent", env=[{"name": "READY_FILE", "value": str(file)}])
    live.route(namespace, {"name": "agent"})
    live.ready(namespace, "agent")
    file.unlink()
    live.ready(namespace, "agent", 0)
    assert live.ask(namespace)[0] == 503


def test_an_unknown_gateway_is_named(live: LiveWorld) -> None:
    status, said, _ = ask(f"{live.url}{ENTRY}nowhere/entry/runs")
    assert (status, said["detail"]) == (404, "there is no Gateway nowhere/entry")


def test_pods_reach_each_other_by_the_names_of_services_and_pods(live: LiveWorld) -> None:
    namespace = live.namespace()
    live.gateway(namespace)
    live.workload("statefulsets", namespace, "agent", replicas=2)
    live.workload("deployments", namespace, "caller")
    live.route(namespace, {"name": "caller"})
    live.ready(namespace, "agent", 2)
    live.ready(namespace, "caller")
    service = f"agent.{namespace}.svc.cluster.local"

    def fetched(url: str) -> str:
        return live.ask(namespace, f"fetch?url={url}")[1]["pod"]

    assert fetched(f"http://{service}:80/") in ("agent-0", "agent-1")
    assert {fetched(f"http://{service}/") for _ in range(4)} == {"agent-0", "agent-1"}
    assert {fetched(f"http://agent-1.{service}/") for _ in range(3)} == {"agent-1"}


def test_the_proxy_answers_for_the_cluster_alone(live: LiveWorld) -> None:
    status, said, _ = ask(f"{live.workloads.proxy_url}/", headers={"host": "example.com"})
    assert status == 502
    assert said["detail"].startswith("example.com is no name in the embedded cluster")
