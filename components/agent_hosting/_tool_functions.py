"""Functions of a tool gateway: its own and each tool's, every one with a role that is its alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from agent_hosting._packaging import Target
from agent_hosting.agent_identity import AgentIdentity
from agent_hosting.agent_platform import PlatformReference
from agent_hosting.secret_scope import SecretScope
from agent_hosting.statements import Statement, policy, read_variables

Archive = pulumi.Input[tuple[str, str]]
"""Path and SHA-256."""
Granted = Callable[[aws.cloudwatch.LogGroup, SecretScope | None], pulumi.Input[Sequence[Statement]]]


@dataclass(frozen=True)
class ToolFunctions:
    """Makes functions below `parent`. `args` are the gateway's."""

    gateway: str
    args: Any
    target: Target
    platform: PlatformReference
    log_days: int
    parent: pulumi.Resource

    def make(
        self,
        name: str,
        *,
        description: str,
        module: str,
        boundary_arn: pulumi.Input[str],
        secrets: Sequence[str],
        granted: Granted,
        archive: Callable[[SecretScope | None], Archive],
        variables: Callable[[SecretScope | None], Mapping[str, pulumi.Input[str]]],
        seconds: int,
        memory_mb: int,
        at_once: int,
        publish: bool = False,
    ) -> tuple[aws.lambda_.Function, AgentIdentity, aws.cloudwatch.LogGroup]:
        """The function whose handler is that of the runtime's `module`. Its role is made first, since its
        secrets name their one reader."""
        child, tags = pulumi.ResourceOptions(parent=self.parent), self.args.get("tags")
        key = self.platform.get("key_arn")
        log = aws.cloudwatch.LogGroup(
            f"{name}-log", retention_in_days=self.log_days, kms_key_id=key, tags=tags, opts=child
        )
        identity = AgentIdentity(name, {"boundary_arn": boundary_arn, "tags": tags}, opts=child)
        scope = self._scope(name, secrets, identity)
        allowed = pulumi.Output.all(granted(log, scope), read_variables(key))
        access = aws.iam.RolePolicy(
            f"{name}-access",
            role=identity.role_name,
            policy=allowed.apply(lambda both: policy([*both[0], *both[1]])),
            opts=child,
        )
        packed = pulumi.Output.from_input(archive(scope))
        function = aws.lambda_.Function(
            name,
            description=description,
            code=packed.apply(lambda found: pulumi.FileArchive(found[0])),
            source_code_hash=packed.apply(lambda found: found[1]),
            handler=f"agent_runtime.{module}.handler",
            runtime=self.target.runtime,
            architectures=[self.target.architecture],
            role=identity.role_arn,
            publish=publish,
            timeout=seconds,
            memory_size=memory_mb,
            reserved_concurrent_executions=at_once,
            tracing_config={"mode": "Active"},
            logging_config={"log_format": "Text", "log_group": log.name},
            environment={"variables": {**variables(scope)}},
            kms_key_arn=key,
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self.parent, depends_on=[access]),
        )
        return function, identity, log

    def _scope(self, name: str, secrets: Sequence[str], identity: AgentIdentity) -> SecretScope | None:
        if not secrets:
            return None
        values, deployers = self.args.get("secrets") or {}, self.args.get("deployer_arns")
        return SecretScope(
            f"{name}-secrets",
            {
                "reader_role_arn": identity.role_arn,
                "secrets": {secret: values[secret] for secret in sorted(set(secrets))},
                "recovery_days": 30 if self.args.get("retain_data", True) else 0,
                "tags": self.args.get("tags"),
                **({"deployer_arns": deployers} if deployers else {}),  # type: ignore[typeddict-item]
            },
            opts=pulumi.ResourceOptions(parent=self.parent),
        )
