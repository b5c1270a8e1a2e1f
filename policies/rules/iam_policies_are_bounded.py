"""C30: no policy allows everything, and none of AWS's own that do is attached."""

from collections.abc import Iterable, Iterator

from ..framework.documents import Statement, statements
from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.patterns import matches
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import UNKNOWN, NotKnown
from ._agents import OUTSIDE
from ._open_statements import whole
from ._roles import MANAGED, bounds_only

_OF_AWS = ":iam::aws:policy/"
_WIDE = (
    "AdministratorAccess",
    "AdministratorAccess-Amplify",
    "AmazonDynamoDBReadOnlyAccess",
    "AmazonS3ReadOnlyAccess",
    "AmazonSSMReadOnlyAccess",
    "AWSLambdaExecute",
    "DatabaseAdministrator",
    "NetworkAdministrator",
    "PowerUserAccess",
    "ReadOnlyAccess",
    "SecretsManagerReadWrite",
    "SystemAdministrator",
)
"""Whole services, or all that lies in them, on every resource."""
_NONE = "(none)"
"""No service and no action is called so: a pattern that takes it in takes in all."""
_DOCUMENTS = {"inlinePolicy", "policy"}
_LISTS = {"managedPolicyArn", "managedPolicyArns", "policyArn", "policyArns"}
_KINDS = (
    "iam/groupPolicy:GroupPolicy",
    "iam/groupPolicyAttachment:GroupPolicyAttachment",
    "iam/groupPolicyAttachmentsExclusive:GroupPolicyAttachmentsExclusive",
    "iam/policy:Policy",
    "iam/policyAttachment:PolicyAttachment",
    "iam/role:Role",
    "iam/rolePolicy:RolePolicy",
    "iam/rolePolicyAttachment:RolePolicyAttachment",
    "iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive",
    "iam/userPolicy:UserPolicy",
    "iam/userPolicyAttachment:UserPolicyAttachment",
    "iam/userPolicyAttachmentsExclusive:UserPolicyAttachmentsExclusive",
    "ssoadmin/managedPolicyAttachment:ManagedPolicyAttachment",
    "ssoadmin/permissionSetInlinePolicy:PermissionSetInlinePolicy",
)


def check(held: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for policies by themselves, inline in roles, and as attachments; not for boundaries, which
    grant nothing. AWS's own that end in FullAccess are whole services on every resource."""
    for statement in () if held.type == MANAGED and bounds_only(held, stack) else _statements(held):
        if statement.allows:
            yield from _judged(statement)
    for key in sorted(_LISTS & held.props.keys()):
        if held.props[key] is UNKNOWN:
            if stack.referred(held, key):
                continue  # a policy of this stack, judged by itself
            raise NotKnown(key)
        outside = ""
        for arn in held.view.texts(key):
            name = arn.rpartition("/")[2]
            if _OF_AWS in arn and (name in _WIDE or name.endswith("FullAccess")):
                yield Fail(f"{name} is attached.", key)
            elif _OF_AWS not in arn and not stack.called(arn):
                outside = outside or name
        if outside:
            raise NotKnown(key, f"attaches {outside}, which {OUTSIDE}")


def _judged(statement: Statement) -> Iterable[Fail]:
    if everything := [action for action in statement.actions if matches(action, f"{_NONE}:{_NONE}")]:
        yield Fail(f"{everything[0]} allows all that AWS can do.", statement.path)
        return
    services = [a for a in statement.actions if matches(a.partition(":")[2], _NONE)]
    rights = [action for action in services if matches(action.partition(":")[0], "iam", fold=True)]
    open_ = bool(statement.not_resources) or any(whole(pattern) for pattern in statement.resources)
    wide = services if open_ else rights
    if statement.not_actions and open_:
        yield Fail("all but a few actions on every resource are allowed.", statement.path)
    elif wide:
        yield Fail(f"{', '.join(wide)} on every resource are allowed.", statement.path)


def _statements(held: Resource) -> Iterator[Statement]:
    for key in sorted(_DOCUMENTS & held.props.keys()):
        yield from statements(held.view.value(key), key)
    for policy in held.view.views("inlinePolicies"):
        yield from statements(policy.value("policy"), policy.at("policy"))


RULE = StackRule(
    id="C30",
    name="iam-policies-are-bounded",
    title="IAM policies allow no whole service on every resource",
    why="Whoever takes such a role over has the account.",
    remediation="Name actions and resources; write a policy of your own in place of AWS's FullAccess.",
    severity=Severity.CRITICAL,
    types=types(*_KINDS),
    external={
        "Checkov": ("CKV_AWS_62", "CKV_AWS_63", "CKV_AWS_274", "CKV2_AWS_40", "CKV2_AWS_56"),
        "Security Hub": ("IAM.1", "IAM.21"),
        "cdk-nag": ("AwsSolutions-IAM4", "AwsSolutions-IAM5"),
    },
    sources=(
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_job-functions.html",
    ),
    check=check,
)
