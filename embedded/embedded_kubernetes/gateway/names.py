"""The names that a cluster's DNS gives: pure.

https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
"""

import re
from dataclasses import dataclass

_NAME = re.compile(
    r"(?:(?P<pod>[a-z0-9-]+)\.)?(?P<service>[a-z0-9-]+)\.(?P<namespace>[a-z0-9-]+)\.svc"
    r"(?:\.cluster\.local\.?)?(?::(?P<port>\d+))?"
)
_HTTP_PORT = 80


@dataclass(frozen=True)
class Named:
    service: str
    namespace: str
    port: int
    pod: str | None
    """Of a headless Service, whose pods have names of their own."""


def service_of(host: str) -> Named | None:
    """None for a name outside the cluster."""
    found = _NAME.fullmatch(host.lower())
    if found is None:
        return None
    port = int(found["port"] or _HTTP_PORT)
    return Named(found["service"], found["namespace"], port, found["pod"])
