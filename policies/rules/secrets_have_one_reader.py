"""AG08: no two agents' roles can read one secret, by whatever policy, wildcard or likeness of names."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..framework.documents import Statement, statements
from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.patterns import covers_somewhere, matches
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import UNKNOWN
from ._roles import ROLE, is_agents, policies_of

_SECRET, _POLICY = "aws:secretsmanager/secret:Secret", "aws:secretsmanager/secretPolicy:SecretPolicy"
_READ = ("secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue")
_UNLESS = ("arnnotequals", "arnnotlike", "stringnotequals", "stringnotlike")


def check(secret: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Evaluates identity policies and the secret's own. A condition on an Allow is taken to be met, one on a
    Deny not, but for `aws:PrincipalArn`: what is not understood never makes a secret look closed."""
    arn, own = _arn(secret), list(_own_policy(secret, stack))
    rights = stack.once(_rights)
    asked = [role for role in rights.roles if own or role.urn in rights.wide or "{" in arn]
    once = {role.urn: role for role in (*asked, *rights.named.get(arn, ()))}
    readers = [role for role in once.values() if _reads(role, arn, own, rights.held[role.urn])]
    if len(readers) > 1:
        names = ", ".join(sorted(role.name for role in readers))
        yield Fail(f"{len(readers)} agents' roles can read it: {names}.")
    for statement in own:
        if statement.allows and statement.anyone and not statement.conditions and _speaks(statement):
            yield Fail("its own policy lets everyone read it.", statement.path)


@dataclass(frozen=True)
class _Rights:
    """Statements on reading secrets by role, and whom to ask about a secret, so that not all need be."""

    roles: list[Resource]
    held: dict[str, list[Statement]]
    wide: set[str]
    """URNs of roles that name secrets by patterns."""
    named: dict[str, list[Resource]]
    """Roles by the ARNs that they name in full."""


def _rights(stack: StackIndex) -> _Rights:
    rights = _Rights([role for role in stack.of(ROLE) if is_agents(role)], {}, set(), {})
    for role in rights.roles:
        held = [statement for statement, _ in policies_of(role, stack) if _speaks(statement)]
        rights.held[role.urn] = held
        for statement in held:
            if statement.not_resources or any("*" in arn or "?" in arn for arn in statement.resources):
                rights.wide.add(role.urn)
            for arn in statement.resources:
                rights.named.setdefault(arn, []).append(role)
    return rights


def _arn(secret: Resource) -> str:
    """The ARN, or its pattern: Secrets Manager adds six characters to the name."""
    if isinstance(arn := secret.props.get("arn"), str):
        return arn
    if secret.props.get("name") is not UNKNOWN and (name := secret.view.text("name")):
        return f"arn:aws:secretsmanager:{{region}}:{{account}}:secret:{name}-??????"
    return secret.view.text("arn")


def _own_policy(secret: Resource, stack: StackIndex) -> Iterator[Statement]:
    yield from statements(secret.view.value("policy"), "policy")
    for policy in stack.referring(secret, _POLICY, by=("secretArn",)):
        yield from statements(policy.view.value("policy"), "policy")


def _reads(role: Resource, arn: str, own: list[Statement], held: list[Statement]) -> bool:
    identity = [statement for statement in held if _covers(statement, arn)]
    of_secret = [statement for statement in own if _speaks(statement)]
    allowed = any(statement.allows for statement in identity) or any(
        statement.allows and _names(statement, role.view.text("arn")) for statement in of_secret
    )
    if not allowed:
        return False
    denials = [statement for statement in (*identity, *of_secret) if not statement.allows]
    return not any(_denies(statement, role, in_own=statement in of_secret) for statement in denials)


def _speaks(statement: Statement) -> bool:
    return any(statement.speaks_of_action(action) for action in _READ)


def _covers(statement: Statement, arn: str) -> bool:
    if statement.not_resources:
        return not any(covers_somewhere(pattern, arn) for pattern in statement.not_resources)
    return any(covers_somewhere(pattern, arn) for pattern in statement.resources)


def _names(statement: Statement, role_arn: str) -> bool:
    """An account named as a principal passes the decision on to identity policies: it is no reader itself."""
    return statement.anyone or role_arn in statement.principals.get("aws", ())


def _denies(statement: Statement, role: Resource, in_own: bool) -> bool:
    if not statement.speaks_of_action(_READ[0]):
        return False
    if in_own and not _names(statement, role.view.text("arn")):
        return False
    for operator, tested in statement.conditions.items():
        if operator not in _UNLESS or set(tested) != {"aws:principalarn"}:
            return False
        if any(matches(value, role.view.text("arn")) for value in tested["aws:principalarn"]):
            return False
    return True


RULE = StackRule(
    id="AG08",
    name="secrets-have-one-reader",
    title="Each secret can be read by one agent's role at most",
    why="An agent that is talked into reading secrets must find its own alone; `agent-*` hits `agent-b`.",
    remediation="Name the whole ARN in one role, or deny all others in the secret's policy (SecretScope).",
    severity=Severity.CRITICAL,
    types=types(_SECRET),
    external={"AWS Well-Architected": ("AGENTSEC03-BP03",)},
    sources=(
        "https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_iam-policies.html",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html",
    ),
    check=check,
)
