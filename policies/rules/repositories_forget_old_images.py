"""C25d: a repository has a lifecycle policy."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import UNKNOWN
from ._related import related
from ._repositories import LIFECYCLE, REPOSITORY


def check(repository: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Without one ECR keeps every image."""
    for held in related(repository, stack, LIFECYCLE, by="repository"):
        if held.props.get("policy") is UNKNOWN or held.view.json("policy").items("rules"):
            return
    yield Fail("every image ever pushed is kept, and paid for.")


RULE = StackRule(
    id="C25d",
    name="repositories-forget-old-images",
    title="Image repositories have a lifecycle policy",
    why="Old images cost storage, and run with vulnerabilities that are known by now.",
    remediation="Make a LifecyclePolicy; let it keep the images that a rollback may go back to.",
    severity=Severity.LOW,
    types=types(REPOSITORY),
    external={"Security Hub": ("ECR.3",)},
    sources=("https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html",),
    check=check,
)
