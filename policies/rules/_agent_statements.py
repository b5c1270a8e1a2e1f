"""Rules of one shape: actions that an agent's role must not be allowed."""

from collections.abc import Iterable, Sequence

from ..framework.index import StackIndex
from ..framework.outcomes import Fail
from ..framework.resource import Resource
from ._roles import is_agents, rights_of


def allowed(role: Resource, stack: StackIndex, actions: Sequence[str], told: str) -> Iterable[Fail]:
    """A failure for each statement of an agent's role that allows some of the actions, unless the role is
    denied them, or its boundary leaves them out."""
    if is_agents(role):
        yield from allowing(role, stack, actions, told)


def allowing(role: Resource, stack: StackIndex, actions: Sequence[str], told: str) -> Iterable[Fail]:
    rights = rights_of(role, stack)
    granted = [
        (statement, holder, found)
        for statement, holder in rights.held
        if statement.allows and (found := [a for a in actions if statement.speaks_of_action(a)])
    ]
    for statement, holder, found in granted:
        if left := [action for action in found if rights.open(action)]:
            more = f" and {len(left) - 3} more" if len(left) > 3 else ""
            yield Fail(f"{told}: {', '.join(left[:3])}{more}.", statement.path, holder.urn)
