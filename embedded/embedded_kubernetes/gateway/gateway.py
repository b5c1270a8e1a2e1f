"""The two doors to the pods: by a Gateway's HTTPRoutes, and by the names of Services."""

import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from urllib.parse import parse_qsl, unquote

from embedded_kubernetes.gateway import routes
from embedded_kubernetes.gateway.endpoints import Place, PortOf, ready
from embedded_kubernetes.gateway.forward import Environ, StartResponse, forward, headers_of, problem, raw_path
from embedded_kubernetes.gateway.names import service_of
from embedded_kubernetes.gateway.routes import Asked, Random, Unroutable
from embedded_kubernetes.objects.api import Api
from embedded_kubernetes.objects.cache import Cache

ENTRY = "/_embedded/gateway/"
_GATEWAYS = "/apis/gateway.networking.k8s.io/v1"
_NO_NAME = re.compile(r"localhost|[\d.]+|\[.*\]")
"""How this machine itself is called, which is no host name of a route."""


class Gateway:
    def __init__(
        self, api: Api, port_of: PortOf, log: Callable[[str], None], chance: Random = random.random
    ) -> None:
        """`chance` decides between weights."""
        self._port_of, self._chance = port_of, chance
        self._turns: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self.routes = Cache(api, f"{_GATEWAYS}/httproutes", log=log)
        self.gateways = Cache(api, f"{_GATEWAYS}/gateways", log=log)
        self.services = Cache(api, "/api/v1/services", log=log)
        self.slices = Cache(api, "/apis/discovery.k8s.io/v1/endpointslices", log=log)
        self._caches = (self.routes, self.gateways, self.services, self.slices)

    def start(self) -> None:
        for cache in self._caches:
            cache.start()

    def stop(self) -> None:
        for cache in self._caches:
            cache.stop()

    def entry(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """`/_embedded/gateway/{namespace}/{gateway}/…`, a WSGI application."""
        given = raw_path(environ).removeprefix(ENTRY)
        try:
            namespace, name, *rest = given.split("/", 2)
        except ValueError:
            return problem(start_response, 404, f"the path must be {ENTRY}{{namespace}}/{{gateway}}/…")
        path = f"/{rest[0] if rest else ''}"
        try:
            if self.gateways.get(namespace, name) is None:
                raise Unroutable(404, f"there is no Gateway {namespace}/{name}")
            attached = routes.attached(self.routes.all(), namespace, name)
            backend = routes.chosen(attached, _asked(environ, path), self._chance)
            places = self._places(backend.namespace, backend.service, backend.port)
            what = f"Service {backend.namespace}/{backend.service}"
            return forward(environ, start_response, places, path, what)
        except Unroutable as error:
            return problem(start_response, error.status, str(error))

    def proxy(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """What pods have as HTTP_PROXY, a WSGI application on a port of its own."""
        host = str(environ.get("HTTP_HOST", ""))
        try:
            named = service_of(host)
            if named is None:
                raise Unroutable(
                    502,
                    f"{host} is no name in the embedded cluster: SERVICE.NAMESPACE.svc.cluster.local or "
                    "POD.SERVICE.NAMESPACE.svc.cluster.local",
                )
            places = self._places(named.namespace, named.service, named.port)
            if named.pod is not None:
                places = [place for place in places if place.pod == named.pod]
            return forward(environ, start_response, places, raw_path(environ), host)
        except Unroutable as error:
            return problem(start_response, error.status, str(error))

    def _places(self, namespace: str, name: str, port: int | None) -> list[Place]:
        """One after the other gets to be the first."""
        service = self.services.get(namespace, name)
        if service is None:
            raise Unroutable(500, f"there is no Service {namespace}/{name}")
        found = ready(self.slices.all(), service, port, self._port_of)
        with self._lock:
            self._turns[namespace, name] += 1
            first = self._turns[namespace, name] % len(found) if found else 0
        return found[first:] + found[:first]


def _asked(environ: Environ, path: str) -> Asked:
    headers = dict(headers_of(environ))
    host = headers.get("x-forwarded-host") or headers.get("host", "")
    host = re.sub(r":\d+$", "", host.split(",")[0].strip())
    return Asked(
        host="" if _NO_NAME.fullmatch(host) else host,
        method=environ["REQUEST_METHOD"],
        path=unquote(path),
        headers=headers,
        query=dict(parse_qsl(str(environ.get("QUERY_STRING", "")), keep_blank_values=True)),
    )
