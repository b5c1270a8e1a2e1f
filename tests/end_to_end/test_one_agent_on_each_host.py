"""The same agent on each host: one line of the stack's YAML differs, and nothing that callers see."""

import json

import pytest

from tests.end_to_end.deployments import Deployment
from tests.end_to_end.rights import assert_used

pytestmark = pytest.mark.end_to_end
HOSTS = ("lambda", "ecs", "eks")


def test_the_same_source_remembers_on_each_host(deployment: Deployment) -> None:
    with deployment.edit() as config:
        agents = config["agent-hosting:agents"]
        handbook = agents["handbook"]
        agents.clear()
        handbook.pop("run_profile")
        for host in HOSTS:
            agents[f"on-{host}"] = handbook | {"source": "examples/03-resident", "host": host}
    deployment.run("up")

    told, asked = "My sister is called Grace.", "What is my sister called?"
    answers = {host: [_said(deployment, host, text) for text in (told, asked)] for host in HOSTS}
    first, second = answers["lambda"]
    assert (first["turn"], second["turn"]) == (1, 2)
    assert "Grace" in second["answer"]
    assert all(answers[host] == [first, second] for host in HOSTS)
    assert_used(deployment, __file__)


def _said(deployment: Deployment, host: str, text: str) -> dict[str, object]:
    found = deployment.run("ask", f"on-{host}", text, "--session", "ada", "--json")
    return json.loads(found)["output"]
