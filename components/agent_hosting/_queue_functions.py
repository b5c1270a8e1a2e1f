"""The functions around the queues: submit, status and the reaper."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from agent_hosting import _queue_access
from agent_hosting._own_functions import OwnFunctions
from agent_hosting._packaging import Target
from agent_hosting._queue_access import Surroundings
from agent_hosting.agent_platform import PlatformReference
from agent_hosting.front_door import STATUS_ROUTES, DoorFunction

ALIAS = "live"
_ACCESS = {"submit": _queue_access.submit, "status": _queue_access.status, "reaper": _queue_access.reaper}
_SECONDS = {"submit": 10, "status": 10, "reaper": 55}
"""An HTTP API gives up after 30 s, long after these calls should have; the reaper is called each minute."""
_AT_ONCE = {"submit": 20, "status": 20, "reaper": 1}
"""A flood of calls must not take the account's concurrency; two reapers would do the same work."""


@dataclass(frozen=True)
class Functions:
    """What the three functions of one agent share."""

    agent: str
    target: Target
    platform: PlatformReference
    here: Surroundings
    variables: Mapping[str, pulumi.Input[str]]
    door_variables: Mapping[str, pulumi.Input[str]]
    """For the two functions behind the door."""
    log_days: int
    topic_arn: pulumi.Input[str]
    tags: Any
    parent: pulumi.Resource

    def submit(self) -> DoorFunction:
        return self._behind_door("submit", ["POST /runs", "POST /uploads"])

    def status(self) -> DoorFunction:
        return self._behind_door("status", list(STATUS_ROUTES))

    def reaper(self) -> None:
        """Called each minute: what one call leaves the next one finds."""
        self._made.call_each_minute(
            f"{self.agent}-reaper",
            self._function("reaper", {}),
            description=f"Looks for runs of {self.agent} whose worker fell silent",
            alarm="errors",
            alarm_description=f"The reaper of {self.agent} fails: runs whose worker died are not taken up.",
            topic_arn=self.topic_arn,
        )

    def _behind_door(self, label: str, routes: list[str]) -> DoorFunction:
        function = self._function(label, self.door_variables)
        alias = aws.lambda_.Alias(
            f"{self.agent}-{label}-live",
            name=ALIAS,
            function_name=function.name,
            function_version=function.version,
            opts=pulumi.ResourceOptions(parent=self.parent),
        )
        return {
            "label": label,
            "routes": routes,
            "function_name": function.name,
            "alias_name": alias.name,
            "alias_invoke_arn": alias.invoke_arn,
        }

    @property
    def _made(self) -> OwnFunctions:
        return OwnFunctions(
            self.target,
            self.platform["boundary_arn"],
            self.log_days,
            self.tags,
            self.parent,
            self.platform.get("key_arn"),
        )

    def _function(self, label: str, variables: Mapping[str, pulumi.Input[str]]) -> aws.lambda_.Function:
        return self._made.make(
            f"{self.agent}-{label}",
            description=f"{label} of agent {self.agent}",
            module=f"hosts.{label}",
            rights=lambda log: _ACCESS[label](self.here, log),
            variables={**self.variables, **variables},
            seconds=_SECONDS[label],
            at_once=_AT_ONCE[label],
            publish=True,
        )
