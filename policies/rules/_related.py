"""Settings and policies that lie in resources of their own, joined to what they belong to."""

from collections.abc import Callable, Iterator
from functools import cache

from ..framework.documents import Statement, statements
from ..framework.index import StackIndex
from ..framework.resource import Resource
from ..framework.values import UNKNOWN, NotKnown


def related(owner: Resource, stack: StackIndex, *kinds: str, by: str) -> list[Resource]:
    """Resources of the kinds whose property `by` names the owner.

    Raises `NotKnown` where there is none, but one whose owner nobody knows yet.
    """
    found = stack.referring(owner, *kinds, by=(by,))
    if not found and (loose := stack.once(_loose(kinds, by))):
        raise NotKnown("", f"may have the settings of {loose[0].name}, whose {by} is unknown as yet.")
    return found


@cache
def _loose(kinds: tuple[str, ...], by: str) -> Callable[[StackIndex], list[Resource]]:
    """One function for each question, so that `stack.once` answers each once."""

    def unjoined(stack: StackIndex) -> list[Resource]:
        held = stack.of(*kinds)
        return [one for one in held if one.props.get(by) is UNKNOWN and not stack.referred(one, by)]

    return unjoined


def policy_of(owner: Resource, stack: StackIndex, kind: str, by: str) -> Iterator[tuple[Statement, Resource]]:
    """Statements of the owner's policy, inline or in a resource of the kind, and what holds each."""
    for statement in statements(owner.view.value("policy"), "policy"):
        yield statement, owner
    for holder in related(owner, stack, kind, by=by):
        for statement in statements(holder.view.value("policy"), "policy"):
            yield statement, holder
