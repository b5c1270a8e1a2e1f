"""Containers of ECS task definitions, which come as JSON text.

Parameters and their defaults: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html
"""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from ..framework.resource import Resource
from ..framework.values import UNKNOWN, Malformed, NotKnown, View

TASK = "aws:ecs/taskDefinition:TaskDefinition"
_PATH = "containerDefinitions"
_OWN_KEYS = ("dockerLabels", "options")
"""Objects whose keys are the user's."""


def containers(task: Resource) -> Iterator[View]:
    """The containers of the task definition, in whatever form it holds them."""
    held = task.view.value(_PATH)
    found = _of_text(held) if isinstance(held, str) else _lowered(held)
    many: list[Any] = found if isinstance(found, list) else [] if found in (None, "") else [found]
    for n, container in enumerate(many):
        yield View(container, f"{_PATH}[{n}]")


def on_linux(task: Resource) -> Iterator[View]:
    """The containers, but for those on Windows, which knows neither users of Linux, nor its capabilities, nor
    a root that is read-only."""
    return iter(()) if on_windows(task) else containers(task)


def called(container: View) -> str:
    """How a message names the container."""
    return container.text("name") or container.path


def on_windows(task: Resource) -> bool:
    """Linux is the default."""
    return task.view.view("runtimePlatform").text("operatingSystemFamily", "LINUX").startswith("WINDOWS")


@lru_cache(maxsize=512)
def _of_text(text: str) -> Any:
    if not text:
        return None
    try:
        return _lowered(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise Malformed(_PATH, f"is no JSON document: {str(error)[:100]}") from None


def _lowered(held: Any) -> Any:
    """The provider takes `Privileged` for `privileged`, so that it is read here."""
    if held is UNKNOWN:
        raise NotKnown(_PATH)
    if isinstance(held, Mapping):
        items: Mapping[str, Any] = held
        return {
            key[:1].lower() + key[1:]: value if value is UNKNOWN or key in _OWN_KEYS else _inner(value)
            for key, value in items.items()
        }
    return [_inner(item) for item in held] if isinstance(held, list | tuple) else held


def _inner(held: Any) -> Any:
    return held if held is UNKNOWN else _lowered(held)
