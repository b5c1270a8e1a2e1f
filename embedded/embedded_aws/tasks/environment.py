"""The environment of a container's process: what AWS sets, what is declared, and nothing of ours."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from embedded_aws.addresses import reachable
from embedded_aws.tasks.agent import Address


def environment(
    declared: Mapping[str, str],
    *,
    region: str,
    endpoint_url: str,
    http_url: str,
    python: Path,
    root: Path,
    temporary: Path,
    host: Mapping[str, str],
) -> dict[str, str]:
    """`host` is what the service that runs the container sets."""
    overridable = {
        "HOME": str(temporary),
        "LANG": "C.UTF-8",
        "PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin",
        # A pipe is no terminal: without this, a line would reach the log only when many are there.
        "PYTHONUNBUFFERED": "1",
    }
    packages = [str(root), *([declared["PYTHONPATH"]] if declared.get("PYTHONPATH") else [])]
    reserved = {
        "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_REGION": region,
        "PYTHONPATH": os.pathsep.join(packages),
        "TMPDIR": str(temporary),
        # A program may set HOME as it likes; the developer's own profile must not be found by that.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return {**overridable, **reachable(declared, http_url), **reserved, **host}


def of_ecs(agent: Address, *, has_role: bool) -> dict[str, str]:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-metadata.html, environment
    variables.

    On Fargate the credentials are at a relative URI of 169.254.170.2, an address that no machine of ours
    has; the SDKs take a full URI of the loopback interface in its place:
    https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
    """
    role = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": agent.credentials_uri,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": agent.token,
    }
    return {
        "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
        "ECS_AGENT_URI": agent.agent_uri,
        "ECS_CONTAINER_METADATA_URI_V4": agent.metadata_uri,
        **(role if has_role else {}),
    }


def program(arguments: Sequence[str], python: Path) -> list[str]:
    """`python` is the interpreter that functions run under, where boto3 comes from."""
    first, *rest = arguments
    return [str(python) if first in ("python", "python3") else first, *rest]
