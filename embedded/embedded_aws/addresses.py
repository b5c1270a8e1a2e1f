"""Where the parts of a running cloud answer: written by it, read by whoever wants to reach it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

HOST = "127.0.0.1"
_API = re.compile(r"https://([a-z0-9]+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com(?![a-z0-9.-])")


@dataclass(frozen=True)
class Addresses:
    """Where the parts of a running cloud answer; written to `cloud.json`."""

    pid: int
    instance_id: str
    """New at every start: a new instance holds nothing of the one before."""
    gateway_port: int
    http_port: int
    provider_port: int

    @property
    def endpoint_url(self) -> str:
        return f"http://{HOST}:{self.gateway_port}"

    @property
    def http_url(self) -> str:
        return f"http://{HOST}:{self.http_port}"

    @property
    def issuer_url(self) -> str:
        return f"{self.http_url}/_embedded/issuer"

    @property
    def model_url(self) -> str:
        return f"{self.http_url}/_embedded/model/v1"


def reachable(variables: Mapping[str, str], http_url: str) -> dict[str, str]:
    """A program's variables, in which the addresses of HTTP APIs are those at `http_url`, by which they can
    be reached from this machine; as they are where it is empty."""
    if not http_url:
        return dict(variables)
    return {name: _API.sub(rf"{http_url}/\1", value) for name, value in variables.items()}
