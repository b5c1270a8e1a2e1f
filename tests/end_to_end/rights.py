"""Which of their rights the roles of a deployment have used, as its embedded AWS counted what it allowed."""

import json
import re
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.end_to_end.deployments import Deployment

LIST = Path(__file__).with_name("exercised_rights.yaml")
"""By test file and role, the actions that are used there; and what nothing uses here, with the reason."""
_SECONDS = 120.0
_ADDED = re.compile(r"-[0-9a-f]{7}$")
Right = tuple[str, str]
"""A role, as its host and what it is for, and an action; or the statement and the action, where another one
of the role's allows it, too."""


def listed(test: str) -> set[Right]:
    """What the list says of a test file."""
    held: Mapping[str, Any] = yaml.safe_load(LIST.read_text())["used"][test]
    return {(role, action) for role, actions in held.items() for action in actions}


def used(deployment: Deployment) -> set[Right]:
    """What the roles of the deployment's agents were allowed until now."""
    hosts = {name: agent["host"] for name, agent in deployment.status()["agents"].items()}
    hosts |= {"tools": "ToolGateway", "people": "AgentPlatform"}
    url = f"http://127.0.0.1:{deployment.cloud()['gateway_port']}/_embedded/allowed"
    with urllib.request.urlopen(url, timeout=30) as answer:
        calls = [(arn.rpartition("/")[2], action, sid) for arn, action, sid, _ in json.loads(answer.read())]
    return {
        (f"{host} {_ADDED.sub('', role).removeprefix(f'{agent}-')}", right)
        for role, action, sid in calls
        for agent, host in hosts.items()
        if role.startswith(f"{agent}-")
        for right in (action, f"{sid} {action}")
    }


def assert_used(deployment: Deployment, file: str) -> None:
    """All that the list says of the test in `file` was used. Some of it schedules and workers do by
    themselves, and in their own time."""
    wanted, ends = listed(Path(file).stem), time.monotonic() + _SECONDS
    while missing := wanted - used(deployment):
        assert time.monotonic() < ends, f"{LIST.name} says that these were used: {sorted(missing)}"
        time.sleep(1)
