"""Resources that add to another one, found without mistaking an unknown reference for none."""

from ..framework.index import StackIndex
from ..framework.resource import Resource
from ..framework.values import UNKNOWN, NotKnown


def adding(resource: Resource, stack: StackIndex, *kinds: str, by: str) -> list[Resource]:
    """Those of the kinds whose property `by` names `resource`.

    Raises `NotKnown` where there is none, but one that may be it: what it names is not known yet.
    """
    found = stack.referring(resource, *kinds, by=(by,))
    if not found and any(of_nobody_known(other, stack, by) for other in stack.of(*kinds)):
        raise NotKnown(by)
    return found


def of_nobody_known(resource: Resource, stack: StackIndex, by: str) -> bool:
    return resource.props.get(by) is UNKNOWN and not stack.referred(resource, by)
