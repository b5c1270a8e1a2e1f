"""Rules of one shape: actions that an agent's role must not be allowed."""

from collections.abc import Iterable, Sequence

from ..framework.index import StackIndex
from ..framework.outcomes import Fail
from ..framework.resource import Resource
from ._roles import is_agents, policies_of


def allowed(role: Resource, stack: StackIndex, actions: Sequence[str], told: str) -> Iterable[Fail]:
    """A failure for each statement that allows some of the actions, unless the role is denied them.

    A Deny counts when it holds for all resources and without conditions, wherever among the role's policies.
    """
    if not is_agents(role):
        return
    held = list(policies_of(role, stack))
    denials = [
        statement
        for statement, _ in held
        if not statement.allows and not statement.conditions and "*" in statement.resources
    ]
    open_ = [action for action in actions if not any(denial.speaks_of_action(action) for denial in denials)]
    for statement, holder in held:
        if statement.allows and (found := [a for a in open_ if statement.speaks_of_action(a)]):
            more = f" and {len(found) - 3} more" if len(found) > 3 else ""
            yield Fail(f"{told}: {', '.join(found[:3])}{more}.", statement.path, holder.urn)
