"""C33: a role is taken by those whom its trust policy names."""

from collections.abc import Iterable

from ..framework.documents import Statement, statements
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types

_GITHUB = "token.actions.githubusercontent.com"
_EXACT = ("stringequals", "stringlike")


def check(role: Resource) -> Iterable[Fail]:
    """GitHub's tokens are alike for all its users but for their subject, so the subject is pinned."""
    for statement in statements(role.view.value("assumeRolePolicy"), "assumeRolePolicy"):
        if not statement.allows:
            continue
        if statement.anyone:
            yield Fail("everyone may take the role.", statement.path)
        federated = statement.principals.get("federated", ())
        if any(_GITHUB in provider for provider in federated) and not _pinned(statement):
            yield Fail("workflows of any repository may take the role.", statement.path)


def _pinned(statement: Statement) -> bool:
    """Whether each subject names an owner and a repository: `repo:acme/agents:*`."""
    subjects = [
        value
        for operator, _, values in statement.condition(f"{_GITHUB}:sub")
        if operator in _EXACT
        for value in values
    ]
    named = [subject.split(":")[1] for subject in subjects if subject.startswith("repo:")]
    return bool(subjects) and len(named) == len(subjects) and not any("*" in n or "?" in n for n in named)


RULE = ResourceRule(
    id="C33",
    name="roles-trust-named-principals",
    title="Roles are taken by named principals alone",
    why="A trust in everyone hands the role's rights to strangers.",
    remediation="Name services, roles or accounts; pin the subject of GitHub tokens to a repository.",
    severity=Severity.CRITICAL,
    types=types("iam/role:Role"),
    external={"Checkov": ("CKV_AWS_60", "CKV_AWS_61", "CKV_AWS_393")},
    sources=("https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html",),
    check=check,
)
