"""A container of a task definition, as far as it is run here.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ARCHIVE_LABEL = "agent-hosting.archive"
"""The docker label with the path of the zip that is the image."""
_STOP_SECONDS = 30
_MOST_STOP_SECONDS = 120
"""`stopTimeout` on Fargate: 30 s where it is not said, 120 s at most."""


@dataclass(frozen=True)
class HealthCheck:
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html"""

    arguments: tuple[str, ...]
    interval_seconds: int
    timeout_seconds: int
    retries: int
    start_seconds: int


@dataclass(frozen=True)
class Container:
    name: str
    image: str
    archive: str | None
    arguments: tuple[str, ...]
    variables: Mapping[str, str]
    secrets: Mapping[str, str]
    """Variable -> ARN, or name of a parameter."""
    essential: bool
    stop_seconds: float
    health: HealthCheck | None
    log_driver: str | None
    log_options: Mapping[str, str]


def container(definition: Mapping[str, Any]) -> Container:
    log = definition.get("logConfiguration") or {}
    stop = definition.get("stopTimeout")
    return Container(
        name=definition["name"],
        image=definition["image"],
        archive=(definition.get("dockerLabels") or {}).get(ARCHIVE_LABEL),
        arguments=(*(definition.get("entryPoint") or ()), *(definition.get("command") or ())),
        variables={v["name"]: v["value"] for v in definition.get("environment") or ()},
        secrets={s["name"]: s["valueFrom"] for s in definition.get("secrets") or ()},
        essential=definition.get("essential") is not False,
        stop_seconds=min(_STOP_SECONDS if stop is None else int(stop), _MOST_STOP_SECONDS),
        health=_health(definition.get("healthCheck")),
        log_driver=log.get("logDriver"),
        log_options=log.get("options") or {},
    )


def _health(given: Mapping[str, Any] | None) -> HealthCheck | None:
    if not given:
        return None
    kind, *rest = given["command"]
    arguments = {"CMD": tuple(rest), "CMD-SHELL": ("/bin/sh", "-c", *rest)}.get(kind)
    if not arguments:
        return None
    return HealthCheck(
        arguments=arguments,
        interval_seconds=int(given.get("interval") or 30),
        timeout_seconds=int(given.get("timeout") or 5),
        retries=int(given.get("retries") or 3),
        start_seconds=int(given.get("startPeriod") or 0),
    )
