"""A LangGraph checkpointer over the checkpoint table: `graph.compile(checkpointer=checkpointer(run))`.

Needs the extra `langgraph`. A thread survives as long as it is used at least every `retention_days`.
"""

from typing import Final

try:
    import langgraph.checkpoint.base as _base
except ModuleNotFoundError as error:
    if error.name is None or not error.name.startswith("langgraph"):
        raise
    raise ImportError(
        "agent_runtime.integrations.langgraph needs LangGraph: pip install 'agent-hosting[langgraph]'"
    ) from error

from agent_runtime.integrations.langgraph.host import GraphRun, checkpointer, from_environment
from agent_runtime.integrations.langgraph.saver import DynamoCheckpointSaver

ACTIONS: Final = ("dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem")
"""What a role needs beside GetItem, PutItem, Query and UpdateItem: transactions ask for the actions of their
parts (DynamoDB developer guide, "Using IAM with DynamoDB transactions")."""
UPKEEP_ACTIONS: Final = ("dynamodb:BatchWriteItem",)
"""What `copy_thread`, `delete_thread`, `delete_for_runs` and `prune` need in addition: not for an agent's own
role, which shall not delete."""

__all__ = [
    "ACTIONS",
    "UPKEEP_ACTIONS",
    "DynamoCheckpointSaver",
    "GraphRun",
    "checkpointer",
    "from_environment",
]

del _base
