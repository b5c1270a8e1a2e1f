"""Amazon EKS: where a cluster's API server answers. moto makes an address and a certificate up.

Here one API server stands for all of them once it was started.
"""

from typing import Any

from moto.eks.models import Cluster

from embedded_aws.patches import Replacement


class Shown:
    """An attribute of every cluster: `value` once it is known, until then what moto set."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.value: Any = None

    def __get__(self, cluster: Any, _owner: type) -> Any:
        return self if cluster is None else self.value or cluster.__dict__[self._name]

    def __set__(self, cluster: Any, value: Any) -> None:
        cluster.__dict__[self._name] = value


def show(endpoint: str, certificate_authority: str) -> None:
    """From now on clusters, old and new, have this API server."""
    shown: Any = Cluster
    shown.endpoint.value = endpoint
    shown.certificate_authority.value = {"data": certificate_authority}


def replacements() -> list[Replacement]:
    return [(Cluster, name, Shown(name)) for name in ("endpoint", "certificate_authority")]
