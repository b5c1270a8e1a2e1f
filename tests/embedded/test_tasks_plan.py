"""What a service's scheduler starts and stops, over what runs."""

import math

from hypothesis import given
from hypothesis import strategies as st

from embedded_aws.tasks.plan import Limits, Plan, Seen, plan

DEFAULT = Limits()
LIMITS = st.builds(Limits, st.integers(0, 100), st.integers(100, 200))


def seen(number: int, *, primary: bool = True, steady: bool = True, protected: bool = False) -> Seen:
    """A larger number is a newer task."""
    return Seen(str(number), primary, steady, protected, -number)


TASKS = st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), max_size=12).map(
    lambda kinds: [
        seen(number, primary=primary, steady=steady, protected=protected)
        for number, (primary, steady, protected) in enumerate(kinds)
    ]
)


def test_missing_tasks_are_started() -> None:
    assert plan(3, [seen(1)], DEFAULT) == Plan(2, ())


def test_the_newest_of_too_many_tasks_stop() -> None:
    assert plan(1, [seen(1), seen(2), seen(3)], DEFAULT) == Plan(0, ("3", "2"))


def test_a_protected_task_is_passed_over() -> None:
    assert plan(1, [seen(1), seen(2), seen(3, protected=True)], DEFAULT) == Plan(0, ("2", "1"))


def test_old_tasks_stay_until_new_ones_are_steady() -> None:
    old, new = seen(1, primary=False), seen(2, steady=False)
    assert plan(1, [old], DEFAULT) == Plan(1, ())
    assert plan(1, [old, new], DEFAULT) == Plan(0, ())
    assert plan(1, [old, seen(2)], DEFAULT) == Plan(0, ("1",))


def test_old_tasks_make_room_where_no_more_than_the_desired_count_may_run() -> None:
    old = [seen(1, primary=False), seen(2, primary=False)]
    assert plan(2, old, Limits(50, 100)) == Plan(1, ("2",))


@given(st.integers(0, 10), TASKS, LIMITS)
def test_the_scheduler_keeps_to_the_limits_of_a_deployment(
    desired: int, tasks: list[Seen], limits: Limits
) -> None:
    wanted = plan(desired, tasks, limits)
    left = [task for task in tasks if task.id not in wanted.stop]
    assert all(not task.is_protected for task in tasks if task.id in wanted.stop)
    if wanted.start:
        assert len(left) + wanted.start <= math.floor(desired * limits.maximum_percent / 100)
        assert sum(task.is_primary for task in left) + wanted.start <= desired
    healthy_before, healthy = sum(task.is_steady for task in tasks), sum(task.is_steady for task in left)
    minimum = math.ceil(desired * limits.minimum_healthy_percent / 100)
    steady_surplus = max(0, sum(task.is_primary for task in tasks) - desired)
    assert healthy >= min(healthy_before - steady_surplus, minimum)


@given(st.integers(0, 10), TASKS)
def test_a_service_reaches_its_desired_count_of_new_tasks(desired: int, tasks: list[Seen]) -> None:
    tasks = [Seen(t.id, t.is_primary, t.is_steady, False, t.age) for t in tasks]
    number = len(tasks)
    for _ in range(30):
        wanted = plan(desired, tasks, DEFAULT)
        tasks = [task for task in tasks if task.id not in wanted.stop]
        tasks = [Seen(t.id, t.is_primary, True, False, t.age) for t in tasks]
        tasks += [seen(number + one, steady=False) for one in range(wanted.start)]
        number += wanted.start
    assert len(tasks) == desired
    assert all(task.is_primary for task in tasks)
