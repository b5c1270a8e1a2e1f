"""Functions of a tool gateway: its own and each tool's, every one with a role that is its alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from agent_hosting._own_functions import Archive, OwnFunctions
from agent_hosting._packaging import Target
from agent_hosting.agent_identity import AgentIdentity
from agent_hosting.agent_platform import PlatformReference
from agent_hosting.secret_scope import SecretScope
from agent_hosting.statements import Statement

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
    ) -> tuple[aws.lambda_.Function, AgentIdentity]:
        """The function whose handler is that of the runtime's `module`. Its role is made first, since its
        secrets name their one reader."""
        tags = self.args.get("tags")
        identity = AgentIdentity(
            name,
            {"boundary_arn": boundary_arn, "tags": tags},
            opts=pulumi.ResourceOptions(parent=self.parent),
        )
        scope = self._scope(name, secrets, identity)
        own = OwnFunctions(
            self.target, boundary_arn, self.log_days, tags, self.parent, self.platform.get("key_arn")
        )
        function = own.make(
            name,
            description=description,
            module=module,
            rights=lambda log: granted(log, scope),
            variables=variables(scope),
            seconds=seconds,
            at_once=at_once,
            publish=publish,
            archive=archive(scope),
            memory_mb=memory_mb,
            role=identity,
        )
        return function, identity

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
