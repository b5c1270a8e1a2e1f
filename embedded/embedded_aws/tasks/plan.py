"""What a service's scheduler does next: pure, over what runs.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Seen:
    """A task that nobody has asked to stop yet."""

    id: str
    is_primary: bool
    """Of the PRIMARY deployment."""
    is_steady: bool
    is_protected: bool
    age: int
    """A larger number is older."""


@dataclass(frozen=True)
class Limits:
    """In percent of the desired count: what stays healthy, and what may run, while tasks are replaced."""

    minimum_healthy_percent: int = 100
    maximum_percent: int = 200


@dataclass(frozen=True)
class Plan:
    start: int
    stop: tuple[str, ...]


def plan(desired: int, tasks: Sequence[Seen], limits: Limits) -> Plan:
    """AWS rounds the minimum up and the maximum down; protected tasks are not chosen to stop."""
    minimum = math.ceil(desired * limits.minimum_healthy_percent / 100)
    maximum = math.floor(desired * limits.maximum_percent / 100)
    primary = [task for task in tasks if task.is_primary]
    newest_first = sorted(tasks, key=lambda task: task.age)
    surplus = [t.id for t in newest_first if t.is_primary and not t.is_protected][
        : max(0, len(primary) - desired)
    ]
    healthy = sum(task.is_steady and task.id not in surplus for task in tasks)
    replaced: list[str] = []
    for task in newest_first:
        if task.is_primary or task.is_protected:
            continue
        if not task.is_steady:
            replaced.append(task.id)
        elif healthy > minimum:
            replaced.append(task.id)
            healthy -= 1
    stop = (*surplus, *replaced)
    room = maximum - (len(tasks) - len(stop))
    return Plan(max(0, min(desired - len(primary), room)), stop)
