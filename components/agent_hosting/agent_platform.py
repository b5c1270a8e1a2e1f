"""What the agents of one environment share: control table, boundary, and a place for containers."""

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from agent_hosting import _boundaries, statements
from agent_hosting._draining import make_known
from agent_hosting._keys import account_id, platform_key
from agent_hosting._operator_statements import operate
from agent_hosting._validation import Inputs
from agent_hosting.agent_network import INTERFACES, AgentNetwork


class PlatformReference(TypedDict):
    """An `AgentPlatform` as the agents on it know it: its outputs by name."""

    control_table_name: pulumi.Input[str]
    """Name of the control table."""
    control_table_arn: pulumi.Input[str]
    """ARN of the control table."""
    boundary_arn: pulumi.Input[str]
    """ARN of the permission boundary that every agent's role carries."""
    rollout_boundary_arn: NotRequired[pulumi.Input[str]]
    """ARN of the permission boundary of rollout controllers. Needed for agents whose traffic one moves."""
    key_arn: NotRequired[pulumi.Input[str]]
    """ARN of the key that encrypts logs and the variables of functions. Omit and AWS's own keys do."""
    cluster_name: NotRequired[pulumi.Input[str]]
    """Name of the cluster. Needed for agents on ECS, as are the next three."""
    cluster_arn: NotRequired[pulumi.Input[str]]
    """ARN of the cluster. Needed for agents on ECS."""
    subnet_ids: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """Private subnets of the workers. Needed for agents on ECS."""
    security_group_ids: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """Security groups of the workers. Needed for agents on ECS."""


class NetworkReference(TypedDict):
    """A network of your own for the workers."""

    subnet_ids: pulumi.Input[Sequence[str]]
    """Private subnets, in two availability zones at least."""
    security_group_ids: pulumi.Input[Sequence[str]]
    """Security groups that let nothing in, and HTTPS out."""


class AgentPlatformArgs(TypedDict):
    containers: NotRequired[bool]
    """Whether agents on ECS live here: a cluster, and a network unless one is given. Defaults to false: an
    agent on Lambda needs neither, and a network has its price."""
    network: NotRequired[NetworkReference]
    """A network of your own for `containers`. Omit and an AgentNetwork is made."""
    private_endpoints: NotRequired[bool]
    """Whether workers reach AWS by endpoints within the network that is made here, seven at about 16 USD a
    month each. Defaults to `retain_data`: data that is worth keeping is worth a way of its own."""
    retain_data: NotRequired[bool]
    """Whether tables outlive the stack: deletion protection and retention; with a key of the environment's
    own for the table, logs and variables, at one US dollar a month, and a year of flow logs. Defaults to
    true, since lost releases cannot be rolled back to."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of every resource, beside the ones that components set. Defaults to none."""


class AgentPlatform(pulumi.ComponentResource):
    """What the agents of one environment share: the table of releases and brakes, the permission boundary
    and, for containers, a cluster in a private network."""

    control_table_name: pulumi.Output[str]
    """Table of the releases, the traffic record and the brake of each agent."""
    control_table_arn: pulumi.Output[str]
    """ARN of that table."""
    boundary_arn: pulumi.Output[str]
    """Managed policy to set as the permission boundary of each agent's role."""
    rollout_boundary_arn: pulumi.Output[str]
    """Managed policy to set as the permission boundary of rollout controllers."""
    key_arn: pulumi.Output[str]
    """Key of logs and of the variables of functions; empty without `retain_data`."""
    operator_policy_arn: pulumi.Output[str]
    """Managed policy for people who move traffic by hand: attach it to the operators' role."""
    cluster_name: pulumi.Output[str]
    """Cluster of the workers; empty without `containers`."""
    cluster_arn: pulumi.Output[str]
    """ARN of that cluster; empty without `containers`."""
    subnet_ids: pulumi.Output[Sequence[str]]
    """Private subnets of the workers; none without `containers`."""
    security_group_ids: pulumi.Output[Sequence[str]]
    """Security groups of the workers; none without `containers`."""

    def __init__(
        self, name: str, args: AgentPlatformArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("agent-hosting:index:AgentPlatform", name, {}, opts)
        make_known()
        given = args
        inputs = Inputs("AgentPlatform", name, given)
        inputs.known(AgentPlatformArgs.__annotations__)
        self._containers = bool(given.get("containers"))
        if given.get("network") and not self._containers:
            raise inputs.refuse(
                "network", "…", "only containers run in a network", "Give containers=True, or leave it out."
            )
        if "private_endpoints" in given and (given.get("network") or not self._containers):
            raise inputs.refuse(
                "private_endpoints",
                given["private_endpoints"],
                "no network is made here",
                "Leave it out, or make the endpoints where the network is made.",
            )
        child = pulumi.ResourceOptions(parent=self)
        retain = self._retain = given.get("retain_data", True)

        kept = pulumi.ResourceOptions(parent=self, retain_on_delete=retain)
        key = platform_key(name, given.get("tags"), self) if retain else None
        table = aws.dynamodb.Table(
            name,
            billing_mode="PAY_PER_REQUEST",
            hash_key="agent",
            range_key="item",
            attributes=[{"name": "agent", "type": "S"}, {"name": "item", "type": "S"}],
            # Of heads of the audit trail, and of budgets that runs have shared.
            ttl={"enabled": True, "attribute_name": "expires_at"},
            point_in_time_recovery={"enabled": True},
            server_side_encryption={"enabled": True, "kms_key_arn": key.arn} if key else None,
            deletion_protection_enabled=retain,
            tags=given.get("tags"),
            opts=kept,
        )
        boundary, rollout_boundary = (
            aws.iam.Policy(
                f"{name}-{label}",
                description=f"The most that any {whose} role may do",
                policy=statements.policy(allowed),
                tags=given.get("tags"),
                opts=child,
            )
            for label, whose, allowed in (
                ("boundary", "agent's", _boundaries.boundary()),
                ("rollout-boundary", "rollout controller's", _boundaries.rollout_boundary()),
            )
        )

        self.control_table_name, self.control_table_arn = table.name, table.arn
        self.boundary_arn, self.rollout_boundary_arn = boundary.arn, rollout_boundary.arn
        region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self)).region
        operator = aws.iam.Policy(
            f"{name}-operator",
            description="What a person needs to move the traffic of agents by hand",
            policy=statements.policy(operate(table.arn, region, account_id(self))),
            tags=given.get("tags"),
            opts=child,
        )
        self.operator_policy_arn = operator.arn
        self.key_arn = key.arn if key else pulumi.Output.from_input("")
        self.cluster_name = self.cluster_arn = pulumi.Output.from_input("")
        self.subnet_ids = self.security_group_ids = pulumi.Output.from_input([])
        if self._containers:
            self._place_containers(name, given, child)
        self.register_outputs({output: getattr(self, output) for output in AgentPlatform.__annotations__})

    def _place_containers(self, name: str, given: AgentPlatformArgs, child: pulumi.ResourceOptions) -> None:
        tags = given.get("tags")
        private = given.get("private_endpoints", given.get("retain_data", True))
        network = given.get("network")
        if network is None:
            made = AgentNetwork(
                name,
                {
                    "boundary_arn": self.boundary_arn,
                    "private_endpoints": INTERFACES if private else (),
                    **({"log_key_arn": self.key_arn, "flow_log_retention_days": 365} if self._retain else {}),
                    "tags": tags,  # type: ignore[typeddict-item]
                },
                opts=child,
            )
            self.subnet_ids, self.security_group_ids = made.subnet_ids, made.security_group_ids
        else:
            self.subnet_ids = pulumi.Output.from_input(network["subnet_ids"])
            self.security_group_ids = pulumi.Output.from_input(network["security_group_ids"])
        cluster = aws.ecs.Cluster(
            name,
            # Its RunningTaskCount is what workers are scaled by.
            settings=[{"name": "containerInsights", "value": "enabled"}],
            tags=tags,
            opts=child,
        )
        providers = aws.ecs.ClusterCapacityProviders(
            f"{name}-capacity",
            cluster_name=cluster.name,
            capacity_providers=["FARGATE", "FARGATE_SPOT"],
            opts=child,
        )
        self.cluster_name = cluster.name
        # By way of its capacity: no service can be placed before it.
        self.cluster_arn = pulumi.Output.all(cluster.arn, providers.id).apply(lambda made: made[0])


def reference_to(platform: AgentPlatform) -> PlatformReference:
    """What an agent on `platform` has to be given."""
    reference: PlatformReference = {
        "control_table_name": platform.control_table_name,
        "control_table_arn": platform.control_table_arn,
        "boundary_arn": platform.boundary_arn,
        "rollout_boundary_arn": platform.rollout_boundary_arn,
    }
    if platform._retain:
        reference["key_arn"] = platform.key_arn
    if platform._containers:
        reference["cluster_name"], reference["cluster_arn"] = platform.cluster_name, platform.cluster_arn
        reference["subnet_ids"] = platform.subnet_ids
        reference["security_group_ids"] = platform.security_group_ids
    return reference
