"""Decides one request by the policies that apply to it, within one account.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from embedded_aws.authorizer.conditions import UnclearCondition
from embedded_aws.authorizer.principals import Grant, Principal
from embedded_aws.authorizer.statements import Statement, UnreadablePolicy, read


@dataclass(frozen=True)
class Request:
    principal: Principal
    action: str
    resource: str
    """An ARN, or `*` for an action without a resource."""
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Condition keys in lower case; those of the principal are added."""

    @property
    def needs_resource_policy(self) -> bool:
        """Key policies and trust policies must name the caller or hand over to the account.

        https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html
        """
        kms = self.action.lower().startswith("kms:") and ":key/" in self.resource
        return kms or self.action.lower().startswith("sts:assumerole")


@dataclass(frozen=True)
class Decision:
    allowed: bool
    reason: str
    """The end of AWS's sentence: `because no identity-based policy allows the s3:GetObject action`."""
    statement: str | None = None


def decide(
    identity_policies: Sequence[str],
    boundary: str | None,
    resource_policies: Sequence[str],
    request: Request,
    *,
    session_policies: Sequence[str] = (),
) -> Decision:
    """An explicit deny wins; then a grant by the resource, by identity, and the ceilings above it.

    What cannot be read or judged refuses: a Deny with an unclear condition denies, an Allow does not allow.
    """
    try:
        return _Case(request).decide(
            identity=_of_identity(identity_policies),
            boundary=None if boundary is None else _of_identity([boundary]),
            resource=[s for text in resource_policies for s in read(text)],
            session=_of_identity(session_policies) if session_policies else None,
        )
    except UnreadablePolicy as error:
        return Decision(False, f"because {error}")


def _of_identity(policies: Sequence[str]) -> list[Statement]:
    statements = [s for text in policies for s in read(text)]
    for statement in statements:
        if statement.resources is None or statement.principals is not None:
            raise UnreadablePolicy(
                f"{statement.name} of an identity-based policy must name resources, not principals"
            )
    return statements


class _Case:
    def __init__(self, request: Request) -> None:
        self._request = request
        self._context = {**request.principal.context(), **request.context}
        self._doubts: list[str] = []

    def decide(
        self,
        *,
        identity: Sequence[Statement],
        boundary: Sequence[Statement] | None,
        resource: Sequence[Statement],
        session: Sequence[Statement] | None,
    ) -> Decision:
        who = self._request.principal
        spoken_to = [s for s in resource if s.grants_to(who) is not Grant.NONE]
        kinds = (
            ("an identity-based policy", identity),
            ("a resource-based policy", spoken_to),
            ("a permissions boundary", boundary or ()),
            ("a session policy", session or ()),
        )
        for kind, statements in kinds:
            if denied := self._first(s for s in statements if not s.allows):
                return Decision(False, f"with an explicit deny in {kind}{self._doubt()}", denied.name)

        grant = max((s.grants_to(who) for s in self._matching(spoken_to)), default=Grant.NONE)
        if grant is Grant.DIRECT:
            return Decision(True, "a resource-based policy names the caller")
        if grant is Grant.NONE and resource and self._request.needs_resource_policy:
            return self._nobody_allows("resource-based policy")
        allowing = self._first(s for s in identity if s.allows)
        if allowing is None and grant is not Grant.ROLE:
            return self._nobody_allows("identity-based policy")
        for kind, ceiling in (("permissions boundary", boundary), ("session policy", session)):
            if ceiling is not None and not self._first(s for s in ceiling if s.allows):
                return self._nobody_allows(kind)
        return Decision(True, "allowed", allowing.name if allowing else None)

    def _matching(self, statements: Iterable[Statement]) -> Iterable[Statement]:
        return (s for s in statements if s.allows and self._applies(s))

    def _first(self, statements: Iterable[Statement]) -> Statement | None:
        return next((s for s in statements if self._applies(s)), None)

    def _applies(self, statement: Statement) -> bool:
        if not statement.covers(self._request.action, self._request.resource, self._context):
            return False
        try:
            return statement.holds(self._context)
        except UnclearCondition as doubt:
            self._doubts.append(str(doubt))
            return not statement.allows

    def _nobody_allows(self, kind: str) -> Decision:
        return Decision(False, f"because no {kind} allows the {self._request.action} action{self._doubt()}")

    def _doubt(self) -> str:
        return f" ({self._doubts[0]})" if self._doubts else ""
