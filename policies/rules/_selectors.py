"""Which objects select a pod by its labels, found without asking each of them."""

from collections import defaultdict
from collections.abc import Iterator

from ..framework.index import StackIndex
from ..framework.values import UNKNOWN, Malformed, NotKnown, View
from ._objects import Thing
from ._pods import Pod

_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


def selects(selector: View, labels: View) -> bool:
    """Whether the label selector takes in these labels; an empty one takes in all:
    https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors"""
    wanted = selector.view("matchLabels")
    if any(labels.value(key) is None or labels.text(key) != wanted.text(key) for key in wanted.held):
        return False
    return all(_holds(expression, labels) for expression in selector.views("matchExpressions"))


def _holds(expression: View, labels: View) -> bool:
    key, operator = expression.text("key"), expression.text("operator")
    if operator not in _OPERATORS:
        raise Malformed(expression.at("operator"), f"is none of {', '.join(_OPERATORS)}")
    has = labels.value(key) is not None
    if operator in ("Exists", "DoesNotExist"):
        return has is (operator == "Exists")
    return (has and labels.text(key) in expression.texts("values")) is (operator == "In")


class BySelector:
    """Objects by the namespace and one label of those whose pods they select."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str, str], list[tuple[View, Thing]]] = defaultdict(list)
        self.hidden: NotKnown | None = None
        """What kept an object from being read: it may select any pod."""

    def add(self, thing: Thing, key: str, stack: StackIndex) -> None:
        """Takes in `thing`, whose selector is at `key` of its spec. A malformed one selects nothing."""
        try:
            selector = thing.spec.view(key)
            labels = selector.view("matchLabels")
            pairs = sorted((name, labels.text(name)) for name in labels.held)
            self._held[thing.namespace(stack), *(pairs[0] if pairs else ("", ""))].append((selector, thing))
        except NotKnown as unknown:
            self.hidden = self.hidden or unknown
        except Malformed:
            pass

    def of(self, pod: Pod, stack: StackIndex) -> Iterator[Thing]:
        """Objects that select the pod."""
        namespace, labels = pod.owner.namespace(stack), pod.labels
        known = [(key, value) for key, value in labels.held.items() if isinstance(value, str)]
        for pair in (("", ""), *known):
            for selector, thing in self._held.get((namespace, *pair), ()):
                if selects(selector, labels):
                    yield thing

    def doubt(self, pod: Pod) -> None:
        """Raises where an object that nobody knows yet, or a label, may change what `of` says."""
        if self.hidden is not None:
            raise self.hidden
        for key, value in pod.labels.held.items():
            if value is UNKNOWN:
                raise NotKnown(pod.labels.at(key))
