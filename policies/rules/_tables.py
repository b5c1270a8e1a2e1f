"""DynamoDB tables and their copies in other regions."""

from collections.abc import Iterator

from ..framework.resource import Resource
from ..framework.values import View

TABLE = "aws:dynamodb/table:Table"
REPLICA = "aws:dynamodb/tableReplica:TableReplica"


def copies(held: Resource) -> Iterator[View]:
    """What a table says of its copies in other regions, and what a replica says of itself. Neither takes
    over recovery or keys from the table."""
    if held.type == REPLICA:
        yield held.view
    else:
        yield from held.view.views("replicas")
