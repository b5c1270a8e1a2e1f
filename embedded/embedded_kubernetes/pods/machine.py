"""What every pod here shares, and how one process of a pod is begun with it."""

import shutil
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from embedded_aws.tasks.container import Container
from embedded_aws.tasks.environment import environment, program
from embedded_aws.tasks.errors import NotStarted
from embedded_aws.tasks.images import Images
from embedded_aws.tasks.process import Process
from embedded_kubernetes.objects.api import Object
from embedded_kubernetes.pods.container import Data, container
from embedded_kubernetes.pods.guard import Guard

HOST = "127.0.0.1"
VOLUME_VARIABLE = "AGENT_VOLUME"


@dataclass(frozen=True, eq=False)
class Started:
    process: Process
    port: int
    log: IO[str]
    temporary: Path

    def remove(self) -> None:
        """Once the process has ended."""
        self.log.close()
        shutil.rmtree(self.temporary, ignore_errors=True)


@dataclass(frozen=True)
class Machine:
    images: Images
    guard: Guard
    python: Path
    region: str
    endpoint_url: str
    http_url: str
    proxy_url: str
    """Where `http://SERVICE.NAMESPACE.svc.cluster.local` is answered."""
    logs: Path
    data: Callable[[str], Data]
    """Namespace -> what its ConfigMaps and Secrets hold."""
    volume: Callable[[Object, Object], Path | None]
    """The folder of the volume that the container of this pod mounts."""

    def start(
        self, pod: Object, definition: Object, role: Mapping[str, str], ended: Callable[[], None]
    ) -> Started:
        """`role` are the variables of Pod Identity. Raises NotStarted."""
        port = _free_port()
        one = container(pod, definition, self._told(pod, definition, port), self.data(_namespace(pod)))
        root, temporary = self.images.root(one), self.images.temporary()
        log = self._log(pod, one)
        try:
            process = Process(
                program(one.arguments, self.python),
                root=root,
                environment=environment(
                    one.variables,
                    region=self.region,
                    endpoint_url=self.endpoint_url,
                    http_url=self.http_url,
                    python=self.python,
                    root=root,
                    temporary=temporary,
                    host=role,
                ),
                line=lambda text: print(text, file=log),
                ended=ended,
            )
        except OSError as error:
            log.close()
            shutil.rmtree(temporary, ignore_errors=True)
            raise NotStarted(f"container {one.name}: {error}") from error
        self.guard.add(process.pid)
        return Started(process, port, log, temporary)

    def _told(self, pod: Object, definition: Object, port: int) -> dict[str, str]:
        """An address of this machine in the place of one of the pod's own network."""
        local = f"{HOST},localhost"
        names = {one["name"] for one in definition.get("env") or ()}
        volume = self.volume(pod, definition) if VOLUME_VARIABLE in names else None
        return {
            "AGENT_LISTEN_ADDRESS": HOST,
            "AGENT_PORT": str(port),
            "AGENT_ADDRESS": f"http://{HOST}:{port}",
            # Half of the programs read the one, and half the other.
            **dict.fromkeys(("HTTP_PROXY", "http_proxy"), self.proxy_url),
            **dict.fromkeys(("NO_PROXY", "no_proxy"), local),
            "HOSTNAME": pod["metadata"]["name"],
            **({VOLUME_VARIABLE: str(volume)} if volume else {}),
        }

    def _log(self, pod: Object, one: Container) -> IO[str]:
        """Lines of a pod that comes back under its name follow those before."""
        path = self.logs / _namespace(pod) / pod["metadata"]["name"] / f"{one.name}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a", buffering=1, encoding="utf-8")


def _namespace(pod: Object) -> str:
    return str(pod["metadata"]["namespace"])


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        return int(taken.getsockname()[1])
