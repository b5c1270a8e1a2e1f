"""AG08: no two agents' roles can read one secret, by whatever policy, wildcard or likeness of names."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..framework.documents import Statement, statements
from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.patterns import matches
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import UNKNOWN
from ._resource_policies import lets_everyone_in
from ._roles import ROLE, covers, is_agents, rights_of

_SECRET, _POLICY = "aws:secretsmanager/secret:Secret", "aws:secretsmanager/secretPolicy:SecretPolicy"
_READ = ("secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue")
_UNLESS = ("arnnotequals", "arnnotlike", "stringnotequals", "stringnotlike")


def check(secret: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Evaluates identity policies, boundaries and the secret's own policy. A condition on an Allow is taken
    to be met, one on a Deny not, but for `aws:PrincipalArn`: what is not understood never makes a secret look
    closed. A boundary that another stack keeps is taken to allow. Roles of one agent are one reader: ECS
    reads with one of its own what it puts into variables."""
    arn, own = _arn(secret), list(_own_policy(secret, stack))
    rights = stack.once(_rights)
    allowing = [statement for statement in own if statement.allows and _speaks(statement)]
    everyone = any(statement.anyone for statement in allowing)
    asked = list(rights.roles if everyone else rights.naming(arn))
    if allowing:
        by_policy = {name for statement in allowing for name in statement.principals.get("aws", ())}
        asked += [role for role in rights.roles if role.props.get("arn", UNKNOWN) in (UNKNOWN, *by_policy)]
    once = {role.urn: role for role in asked}
    readers = [role for role in once.values() if _reads(role, arn, own, rights, stack)]
    if len(agents := {role.tag("agent") for role in readers}) > 1:
        names = ", ".join(sorted(role.name for role in readers))
        yield Fail(f"{len(agents)} agents' roles can read it: {names}.")
    for statement in own:
        if lets_everyone_in(statement) and _speaks(statement):
            yield Fail("its own policy lets everyone read it.", statement.path)


@dataclass(frozen=True)
class _Rights:
    """Statements on reading secrets by role, and whom to ask about a secret, so that not all need be."""

    roles: list[Resource]
    held: dict[str, list[Statement]]
    by_start: dict[str, list[Resource]]
    """Roles by what the names of secrets begin with that they name, in full or by a pattern."""
    starts: list[str]
    """The same beginnings, in order."""

    def naming(self, arn: str) -> Iterator[Resource]:
        """Roles that may name the secret: those whose beginning begins its name, or the other way round."""
        start = _start(arn)
        for length in range(len(start)):
            yield from self.by_start.get(start[:length], ())
        for longer in self.starts[bisect_left(self.starts, start) :]:
            if not longer.startswith(start):
                return
            yield from self.by_start[longer]


def _rights(stack: StackIndex) -> _Rights:
    roles = [role for role in stack.of(ROLE) if is_agents(role)]
    by_role: dict[str, list[Statement]] = {}
    by_start: dict[str, list[Resource]] = {}
    for role in roles:
        bounded = rights_of(role, stack)
        held = [statement for statement, _ in bounded.held if _speaks(statement)]
        held += [one for one in bounded.boundary.held if not one.allows] if bounded.boundary else []
        by_role[role.urn] = held
        starts = {_start(arn) for one in held for arn in (("",) if one.not_resources else one.resources)}
        for start in starts:
            by_start.setdefault(start, []).append(role)
    return _Rights(roles, by_role, by_start, sorted(by_start))


def _start(arn: str) -> str:
    """What a secret's name begins with, as far as a pattern tells. A wildcard before it may stand for
    anything, but for region and account, which hold no colon that a name could be behind."""
    fields = arn.split(":", 6)
    if len(fields) < 7 or any(c in field for field in (*fields[:3], fields[5]) for c in "*?"):
        return ""
    return fields[6].partition("*")[0].partition("?")[0]


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


def _reads(role: Resource, arn: str, own: list[Statement], rights: _Rights, stack: StackIndex) -> bool:
    identity = [statement for statement in rights.held[role.urn] if covers(statement, arn)]
    of_secret = [statement for statement in own if _speaks(statement)]
    allowed = any(statement.allows for statement in identity) or any(
        statement.allows and _names(statement, role.view.text("arn")) for statement in of_secret
    )
    # A boundary bounds what the secret's policy allows the role by name, but not what it allows sessions.
    by_anyone = any(statement.allows and statement.anyone for statement in of_secret)
    if not allowed or (not by_anyone and not _within(role, arn, stack)):
        return False
    denials = [statement for statement in (*identity, *of_secret) if not statement.allows]
    return not any(_denies(statement, role, in_own=statement in of_secret) for statement in denials)


def _within(role: Resource, arn: str, stack: StackIndex) -> bool:
    boundary = rights_of(role, stack).boundary
    return boundary is None or any(
        statement.allows and _speaks(statement) and covers(statement, arn) for statement in boundary.held
    )


def _speaks(statement: Statement) -> bool:
    return any(statement.speaks_of_action(action) for action in _READ)


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
