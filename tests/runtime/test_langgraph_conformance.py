import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from langgraph.checkpoint.conformance.capabilities import Capability
from langgraph.checkpoint.conformance.initializer import RegisteredCheckpointer
from langgraph.checkpoint.conformance.validate import validate

from agent_runtime.blobs import BlobStore
from agent_runtime.integrations.langgraph import DynamoCheckpointSaver


@pytest.mark.parametrize("epoch", [None, 1], ids=["without an epoch", "with an epoch"])
@pytest.mark.parametrize("capability", [capability.value for capability in Capability])
def test_the_saver_conforms_to_langgraph_in(capability: str, epoch: int | None, aws: Any) -> None:
    async def make() -> AsyncGenerator[DynamoCheckpointSaver, None]:
        blobs = BlobStore(aws.s3, "checkpoint-blobs")
        yield DynamoCheckpointSaver(
            aws.dynamodb, "checkpoints", blobs, agent="answers", tenant="acme", epoch=epoch
        )

    report = asyncio.run(validate(RegisteredCheckpointer("dynamodb", make), capabilities={capability}))
    result = report.results[capability]
    assert result.failures == []
    assert result.detected
    assert result.tests_passed > 0
