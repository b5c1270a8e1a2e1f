"""AG22: what belongs to an agent says so, and where it runs; what belongs to a release, says which."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import UNKNOWN, Malformed, NotKnown
from ._owners import default_tags, owner

_FUNCTION, _TASK = "aws:lambda/function:Function", "aws:ecs/taskDefinition:TaskDefinition"
_TAGGABLE = types(
    "apigateway/restApi:RestApi",
    "apigateway/stage:Stage",
    "apigatewayv2/api:Api",
    "apigatewayv2/stage:Stage",
    "appautoscaling/target:Target",
    "backup/plan:Plan",
    "backup/vault:Vault",
    "budgets/budget:Budget",
    "cloudwatch/compositeAlarm:CompositeAlarm",
    "cloudwatch/eventBus:EventBus",
    "cloudwatch/eventRule:EventRule",
    "cloudwatch/logGroup:LogGroup",
    "cloudwatch/metricAlarm:MetricAlarm",
    "dynamodb/table:Table",
    "ec2/securityGroup:SecurityGroup",
    "ecr/repository:Repository",
    "ecs/cluster:Cluster",
    "ecs/service:Service",
    "ecs/taskDefinition:TaskDefinition",
    "efs/accessPoint:AccessPoint",
    "efs/fileSystem:FileSystem",
    "eks/podIdentityAssociation:PodIdentityAssociation",
    "iam/policy:Policy",
    "iam/role:Role",
    "kms/key:Key",
    "lambda/eventSourceMapping:EventSourceMapping",
    "lambda/function:Function",
    "s3/bucket:Bucket",
    "s3/bucketV2:BucketV2",
    "secretsmanager/secret:Secret",
    "sfn/stateMachine:StateMachine",
    "sns/topic:Topic",
    "sqs/queue:Queue",
    "ssm/parameter:Parameter",
)
"""Types that agents are made of and that AWS lets be tagged."""


def check(resource: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for resources with the tag `agent` and for those of a component, or a role of a program, that
    are one agent's. Tags that the provider adds count. `docs/decisions/0018` has the reasons."""
    added = default_tags(stack)
    agent = resource.tag("agent")
    whose = agent or added.get("agent") or owner(resource, stack)
    if not whose:
        return
    if not (agent or "agent" in added):
        yield Fail(f"it belongs to {whose} and does not say so.", "tags.agent")
    if not (resource.tag("environment") or "environment" in added):
        yield Fail("it does not say in which environment it is.", "tags.environment")
    if not resource.tag("bundle") and (told := _of_release(resource, stack)):
        yield Fail(told, "tags.bundle")
    if whose in stack.once(_with_tenant) and not (resource.tag("tenant") or "tenant" in added):
        yield Fail(f"other resources of {whose} name their tenant, this one does not.", "tags.tenant")


def _of_release(resource: Resource, stack: StackIndex) -> str:
    """Why the resource is one release's: by its kind, its name or a variable; "" where it is not."""
    if resource.type == _TASK:
        return "a revision runs one bundle, and this one does not say which."
    for bundle in stack.once(_bundles):
        if bundle in resource.name:
            return f"it is named after bundle {bundle} and does not say so."
    if resource.type == _FUNCTION and resource.props.get("environment") is not UNKNOWN:
        variables = resource.view.view("environment").view("variables")
        if any("BUNDLE" in name.upper() for name in variables.held):
            return "its variables name a bundle, and its tags do not."
    return ""


def _bundles(stack: StackIndex) -> frozenset[str]:
    return frozenset(
        bundle for resource in stack.of(*_TAGGABLE) if len(bundle := _tag(resource, "bundle")) > 3
    )


def _with_tenant(stack: StackIndex) -> frozenset[str]:
    """Agents that the stack deploys for one tenant each."""
    held = stack.of(*_TAGGABLE)
    return frozenset(_tag(resource, "agent") for resource in held if _tag(resource, "tenant"))


def _tag(resource: Resource, key: str) -> str:
    try:
        return resource.tag(key)
    except (NotKnown, Malformed):
        return ""  # told where that resource itself is judged


RULE = StackRule(
    id="AG22",
    name="resources-of-agents-are-tagged",
    title="Resources of agents carry agent and environment, those of a release its bundle",
    why="What is not tagged is in nobody's costs: the budget that stops the agent does not count it.",
    remediation="Set tags agent and environment, as by default tags of the provider; bundle on releases.",
    severity=Severity.MEDIUM,
    types=_TAGGABLE,
    level=Level.PROD,
    sources=("https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/cost-alloc-tags.html",),
    check=check,
)
