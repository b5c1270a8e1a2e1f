"""C33: a role is taken by those whom its trust policy names, on behalf of whom it says."""

import re
from collections.abc import Iterable, Iterator

from ..framework.documents import Statement, statements
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._resource_policies import is_any

_GITHUB = "token.actions.githubusercontent.com"
_EXACT = ("stringequals", "stringlike", "stringequalsignorecase", "arnequals", "arnlike")
_PRINCIPALS = ("aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths")
_SOURCES = ("aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourceorgpaths")
_DEPUTIES = frozenset(
    f"{service}.amazonaws.com"
    for service in (
        "appsync",
        "bedrock",
        "bedrock-agentcore",
        "budgets",
        "cloudtrail",
        "codebuild",
        "config",
        "ecs-tasks",
        "events",
        "firehose",
        "logs",
        "pipes",
        "sagemaker",
        "scheduler",
        "ssm",
        "states",
        "transfer",
        "vpc-flow-logs",
    )
)
"""Services that say for which resource they take a role. Lambda, EC2 and EKS's pods say nothing of it
there."""
_REPOSITORY = re.compile(r"repo:[^*?:/]+/[^*?:]+:.+")
_SHARED = ("agent.buildkite.com", "app.terraform.io", "gitlab.com")
"""Issuers whose users choose the audience themselves: the subject alone tells them apart."""
_OF_ONE = re.compile(r"\w+:[^*?:/]+[:/].+")
_SERVICE_ACCOUNT = re.compile(r"system:serviceaccount:[^*?:]+:[^*?:]+")


def check(role: Resource) -> Iterable[Fail]:
    """Answers for every role. A condition on the caller's organisation or ARN names him as well."""
    for statement in statements(role.view.value("assumeRolePolicy"), "assumeRolePolicy"):
        if statement.allows:
            yield from _judged(statement)


def _judged(statement: Statement) -> Iterable[Fail]:
    path = statement.path
    if statement.anyone and not any(_named(statement, key) for key in _PRINCIPALS):
        yield Fail("everyone may take the role.", path)
    for arn in statement.principals.get("aws", ()):
        if arn != "*" and "*" in arn:
            yield Fail(f"{arn} names nobody: principals take no wildcards.", path)
    said = any(_named(statement, key) for key in _SOURCES)
    for service in statement.principals.get("service", ()):
        if "*" in service:
            yield Fail("every service may take the role.", path)
        elif _regionless(service) in _DEPUTIES and not said:
            yield Fail(f"{service} may take the role for any account.", path)
    for provider in statement.principals.get("federated", ()):
        yield from _federated(statement, provider)


def _federated(statement: Statement, provider: str) -> Iterable[Fail]:
    """Tokens of one provider are alike for all its users but for their subject or audience."""
    issuer = provider.rpartition("oidc-provider/")[2]
    subjects = list(_values(statement, f"{issuer}:sub"))
    if _GITHUB in provider:
        if not subjects or not all(_REPOSITORY.fullmatch(subject) for subject in subjects):
            yield Fail("workflows of any repository may take the role.", statement.path)
    elif issuer in _SHARED:
        if not subjects or not all(_OF_ONE.fullmatch(subject) for subject in subjects):
            yield Fail(f"anybody's jobs at {issuer} may take the role.", statement.path)
    elif ".eks." in issuer and "/id/" in issuer:
        if not subjects or not all(_SERVICE_ACCOUNT.fullmatch(subject) for subject in subjects):
            yield Fail("pods of any service account may take the role.", statement.path)
    elif ":saml-provider/" in provider:
        if not _named(statement, "saml:aud"):
            yield Fail("assertions for any audience open the role.", statement.path)
    elif not any(_named(statement, f"{issuer}:{claim}") for claim in ("sub", "aud", "app_id", "oaud")):
        yield Fail(f"any token of {issuer} opens the role.", statement.path)


def _regionless(service: str) -> str:
    """`logs.amazonaws.com` of `logs.eu-west-1.amazonaws.com`."""
    parts = service.removesuffix(".cn").split(".")
    return f"{parts[0]}.amazonaws.com" if len(parts) == 4 else ".".join(parts)


def _named(statement: Statement, key: str) -> bool:
    """Whether the key is held to values, none of which is every one."""
    values = list(_values(statement, key))
    return bool(values) and not any(is_any(value) for value in values)


def _values(statement: Statement, key: str) -> Iterator[str]:
    for operator, _, values in statement.condition(key.lower()):
        if operator.rpartition(":")[2] in _EXACT and not operator.startswith("forallvalues"):
            yield from values


RULE = ResourceRule(
    id="C33",
    name="roles-trust-named-principals",
    title="Roles are taken by named principals, and by services for named resources",
    why="A trust in everyone hands the role's rights to strangers; one in a service, to its other customers.",
    remediation=(
        "Name services, roles or accounts; add aws:SourceArn or aws:SourceAccount beside a service, and pin "
        "the subject of web tokens."
    ),
    severity=Severity.CRITICAL,
    types=types("iam/role:Role"),
    external={"Checkov": ("CKV_AWS_60", "CKV_AWS_61", "CKV_AWS_393")},
    sources=(
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html",
    ),
    check=check,
)
