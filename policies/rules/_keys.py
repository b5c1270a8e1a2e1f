"""KMS keys of all kinds."""

from collections.abc import Iterator

from ..framework.documents import Statement
from ..framework.index import StackIndex
from ..framework.resource import Resource
from ._related import policy_of

KEY = "aws:kms/key:Key"
KEYS = (
    KEY,
    "aws:kms/externalKey:ExternalKey",
    "aws:kms/replicaKey:ReplicaKey",
    "aws:kms/replicaExternalKey:ReplicaExternalKey",
)
KEY_POLICY = "aws:kms/keyPolicy:KeyPolicy"


def key_policy(key: Resource, stack: StackIndex) -> Iterator[tuple[Statement, Resource]]:
    return policy_of(key, stack, KEY_POLICY, "keyId")
