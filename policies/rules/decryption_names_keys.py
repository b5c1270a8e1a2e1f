"""C32: decryption is allowed with named keys."""

from collections.abc import Iterable

from ..framework.documents import Statement
from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._open_statements import GRANTING, everywhere, rights_in

_DECRYPTING = ("kms:Decrypt", "kms:ReEncryptFrom")
_OF_KEYS = ("aws:resourcetag/", "kms:encryptioncontext", "kms:requestalias", "kms:resourcealiases")


def check(held: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for roles with all their policies, and for policies of no role here. A service named in
    kms:ViaService still has every key of the account."""
    rights = rights_in(held, stack)
    for statement, holder in rights.held:
        if not statement.allows or not everywhere(statement) or _chosen(statement):
            continue
        if found := [a for a in _DECRYPTING if statement.speaks_of_action(a) and rights.open(a)]:
            yield Fail(f"{' and '.join(found)} with every key.", statement.path, holder.urn)


def _chosen(statement: Statement) -> bool:
    """Whether a condition chooses keys."""
    return any(
        key.startswith(_OF_KEYS) and all(value.strip("*") for value in values)
        for operator, tested in statement.conditions.items()
        if "not" not in operator and not operator.endswith("ifexists") and operator != "null"
        for key, values in tested.items()
    )


RULE = StackRule(
    id="C32",
    name="decryption-names-keys",
    title="Policies name the keys that may decrypt",
    why="All that the account encrypts is open to whoever takes the role over.",
    remediation="Name key ARNs, or bound the statement by kms:ResourceAliases.",
    severity=Severity.HIGH,
    types=types(*GRANTING),
    external={"Security Hub": ("KMS.1", "KMS.2")},
    sources=("https://docs.aws.amazon.com/securityhub/latest/userguide/kms-controls.html",),
    check=check,
)
