"""Who is bound to rights in a cluster."""

from ..framework.index import StackIndex
from ..framework.values import Malformed, NotKnown
from ._objects import all_of

BINDINGS = ("rbac.authorization.k8s.io:RoleBinding", "rbac.authorization.k8s.io:ClusterRoleBinding")
_EVERY_ACCOUNT = "system:serviceaccounts"


def bound_accounts(stack: StackIndex) -> tuple[set[tuple[str, str]], NotKnown | None]:
    """Service accounts with any right, by namespace and name, "" for all; and what hid one."""
    found: set[tuple[str, str]] = set()
    hidden: NotKnown | None = None
    for thing in all_of(stack, *BINDINGS):
        try:
            for subject in thing.view.views("subjects"):
                name = subject.text("name")
                if subject.text("kind") == "ServiceAccount":
                    found.add((subject.text("namespace") or thing.namespace(stack), name))
                elif name == _EVERY_ACCOUNT or name.startswith(f"{_EVERY_ACCOUNT}:"):
                    found.add((name.removeprefix(_EVERY_ACCOUNT).lstrip(":"), ""))
        except NotKnown as unknown:
            hidden = unknown
        except Malformed:
            continue  # told where that binding itself is judged
    return found, hidden


def has_rights(namespace: str, name: str, stack: StackIndex) -> bool:
    """Whether the account may do anything in the cluster; raises where that is not known."""
    bound, hidden = stack.once(bound_accounts)
    if bound & {(namespace, name), (namespace, ""), ("", "")}:
        return True
    if hidden is not None:
        raise hidden
    return False
