"""One agent, one name: two of a name would share partitions, budgets and metrics."""

from typing import Any
from weakref import WeakKeyDictionary

import pulumi

from agent_hosting._validation import Inputs

_taken: "WeakKeyDictionary[Any, set[tuple[str, str]]]" = WeakKeyDictionary()


def claim(name: str, inputs: Inputs) -> None:
    """Refuses a second agent of this name in one run of a Pulumi program.

    Called before the component registers itself: the engine would refuse it in words of its own.
    """
    stack = pulumi.runtime.get_root_resource()
    if stack is None:
        return  # hosted for another language: the engine itself refuses a second resource of one name
    names = _taken.setdefault(stack, set())
    # An Agent bears the name of the host that it makes; two hosts of one name would be one agent.
    claimed = ("Agent" if inputs.component == "Agent" else "host", name)
    if claimed in names:
        raise inputs.refuse(
            "name", name, "another agent of this stack has that name", "Give each agent its own name."
        )
    names.add(claimed)
