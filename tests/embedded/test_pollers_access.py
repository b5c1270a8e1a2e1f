"""A queue is polled as the function's execution role, which the authoriser judges."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded_aws.authorizer.authorizer import Authorizer, read_log
from embedded_aws.pollers import RoleAccess
from tests.embedded.authorizer_world import World, allow, arn, policy
from tests.embedded.authorizer_world import world as authorizing
from tests.embedded.functions_world import PATIENCE_SECONDS, serving
from tests.embedded.pollers_world import AskingGateway, polled

OPERATIONS = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
QUEUE = arn("sqs", "runs")


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[World]:
    with authorizing(tmp_path) as made:
        yield made


def access(aws: World) -> RoleAccess:
    return RoleAccess(aws.authorizer.issue, aws.authorizer.refusal)


def test_a_role_with_the_three_permissions_may_poll(aws: World) -> None:
    role = aws.role("worker", allow(OPERATIONS, QUEUE))
    assert access(aws).problem(role, QUEUE) is None
    assert aws.authorizer.allowed_calls() == {(role, operation, "statement 1"): 1 for operation in OPERATIONS}


@pytest.mark.parametrize("missing", OPERATIONS)
def test_a_role_that_lacks_one_of_them_may_not(aws: World, missing: str) -> None:
    role = aws.role("worker", allow([one for one in OPERATIONS if one != missing], QUEUE))
    said = access(aws).problem(role, QUEUE)
    assert said is not None
    assert f"does not have permissions to call {missing.removeprefix('sqs:')} on SQS" in said
    assert [refused.action for refused in read_log(aws.log_path)] == [missing]


def test_a_permission_for_another_queue_is_none(aws: World) -> None:
    role = aws.role("worker", allow(OPERATIONS, arn("sqs", "others")))
    assert access(aws).problem(role, QUEUE) is not None


def test_a_mapping_says_why_it_does_not_poll_and_polls_once_it_may(tmp_path: Path) -> None:
    authorizer, judged = Authorizer(tmp_path / "refused.jsonl"), threading.Event()
    role_access = RoleAccess(authorizer.issue, authorizer.refusal)

    def problem(role: str, queue: str) -> str | None:
        """A second look follows only after the first was written down."""
        said = role_access.problem(role, queue)
        if seen:
            judged.set()
        seen.append(said)
        return said

    seen: list[str | None] = []
    gateway = AskingGateway()
    with serving(gateway) as gateway.url, polled(gateway, problem) as made:
        queue, name = made.queue(), made.function()
        queue.send("work")
        mapping = made.mapping(queue, name)
        assert judged.wait(PATIENCE_SECONDS)
        result = made.result(mapping)
        assert result is not None
        assert result.startswith("PROBLEM: The function execution role does not have permissions to call Rec")
        assert queue.held() == (1, 0)
        role = made.aws.client("lambda").get_function(FunctionName=name)["Configuration"]["Role"]
        made.aws.client("iam").put_role_policy(
            RoleName=role.rsplit("/", 1)[1],
            PolicyName="poll",
            PolicyDocument=policy(allow(OPERATIONS, queue.arn)),
        )
        made.called().answer(None)
        made.settled(mapping)
        assert made.result(mapping) == "OK"
