"""Where the parts of a running cloud answer: written by it, read by whoever wants to reach it."""

from dataclasses import dataclass

HOST = "127.0.0.1"


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
