"""C25c: a repository's policy lets nobody pull or push whom it does not name."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._repositories import REPOSITORY_POLICY
from ._resource_policies import everyone_let_in


def check(held: Resource) -> Iterable[Fail]:
    """Without a policy the account's own identities alone reach a repository."""
    return everyone_let_in(held, "everyone may use the repository.")


RULE = ResourceRule(
    id="C25c",
    name="repository-policies-name-principals",
    title="Policies of image repositories name principals",
    why="A stranger who pushes runs code as the agent; one who pulls reads its prompts.",
    remediation="Name principals, or add a condition such as aws:PrincipalOrgID.",
    severity=Severity.CRITICAL,
    types=types(REPOSITORY_POLICY),
    external={"Checkov": ("CKV_AWS_32",), "Trivy": ("AWS-0032",), "cdk-nag": ("AwsSolutions-ECR1",)},
    sources=("https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policies.html",),
    check=check,
)
