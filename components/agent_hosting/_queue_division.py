"""The releases of one agent with their queues, and the record that divides runs between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pulumi
import pulumi_aws as aws

from agent_hosting._container_releases import (
    COMPONENTS,
    WorkerRelease,
    held_traffic,
    kept_releases,
    older_releases,
)
from agent_hosting._lookups import control_item
from agent_hosting._packaging import Target
from agent_hosting._queue_limits import QueueLimits
from agent_hosting._releases import record
from agent_hosting._traffic import ITEM, Traffic, wanted
from agent_hosting.agent_platform import PlatformReference
from agent_hosting.hosting import Host
from agent_hosting.run_queue import RunQueue


class Crew(Protocol):
    """Runs the releases of one agent on its host."""

    @property
    def recorded(self) -> Sequence[str]:
        """Outputs of `deploy` that the item of a release holds."""
        ...

    def deploy(
        self, release: WorkerRelease, queue: Mapping[str, pulumi.Input[str]], least: pulumi.Input[int]
    ) -> dict[str, pulumi.Output[str]]:
        """Workers for `release`, `least` of them at least; its outputs are known once they are seen to run.
        `queue` is what `RunQueue` told."""
        ...


ByBundle = pulumi.Output[dict[str, dict[str, str]]]


@dataclass(frozen=True)
class Division:
    """Releases of one agent: `listed` by its program, `kept` beside a working tree.

    What is kept is known once the traffic record was read, so that its resources are made inside `apply`.
    """

    agent: str
    host: Host
    listed: Sequence[WorkerRelease]
    kept: pulumi.Output[list[WorkerRelease]]
    held: pulumi.Output[Traffic | None]
    shares: Mapping[str, float] | None
    platform: PlatformReference
    parent: pulumi.Resource

    def images(self) -> pulumi.Output[list[str]]:
        listed = pulumi.Output.all(*(release.image for release in self.listed))
        return pulumi.Output.all(self.kept, listed).apply(
            lambda both: [*(str(release.image) for release in both[0]), *both[1]]
        )

    def queues(
        self,
        limits: QueueLimits,
        oldest_run_seconds: int,
        key_arn: pulumi.Input[str],
        topic_arn: pulumi.Input[str],
        tags: Any,
    ) -> ByBundle:
        """What `RunQueue` tells, by bundle id."""

        def make(release: WorkerRelease) -> dict[str, pulumi.Output[str]]:
            queue = RunQueue(
                f"{self.agent}-{release.bundle_id}",
                {
                    "key_arn": key_arn,
                    "alarm_topic_arn": topic_arn,
                    **limits._asdict(),  # type: ignore[typeddict-item]
                    "oldest_message_alarm_seconds": oldest_run_seconds,
                    "tags": {**tags, "bundle": release.bundle_id},
                },
                opts=pulumi.ResourceOptions(parent=self.parent),
            )
            return {output: getattr(queue, output) for output in RunQueue.__annotations__}

        listed = pulumi.Output.from_input({release.bundle_id: make(release) for release in self.listed})
        kept = self.kept.apply(
            lambda found: pulumi.Output.from_input({release.bundle_id: make(release) for release in found})
        )
        return pulumi.Output.all(kept, listed).apply(lambda both: {**both[0], **both[1]})

    def wanted(self) -> pulumi.Output[Traffic]:
        """The record that this deployment leaves behind."""
        listed = [release.bundle_id for release in self.listed]
        return pulumi.Output.all(self.kept, self.held).apply(
            lambda both: wanted(self.shares, [*(r.bundle_id for r in both[0]), *listed], both[1])
        )

    def deploy(
        self, crew: Crew, queues: ByBundle, traffic: pulumi.Output[Traffic], manifest: pulumi.Input[str]
    ) -> tuple[ByBundle, list[pulumi.Resource]]:
        """Workers for each release, and its item in the control table once they are seen to run: by bundle
        id, what the crew told, and the items of what is listed. `manifest` is what
        `_manifests.keep` gave for the newest."""
        recorded: list[pulumi.Resource] = []

        def make(release: WorkerRelease) -> dict[str, pulumi.Output[str]]:
            bundle_id = release.bundle_id
            queue = {
                output: queues.apply(lambda found, output=output: found[bundle_id][output])
                for output in ("queue_url", "queue_name", "dead_letter_queue_url")
            }
            least = traffic.apply(lambda found: int(bundle_id in found.warm))
            deployed = crew.deploy(release, queue, least)
            fields: dict[str, pulumi.Input[str]] = {
                "image": release.image,
                "checkpoint_version": release.checkpoint_version,
                "labels": release.labels,
                "queue_url": queue["queue_url"],
                "dead_letter_queue_url": queue["dead_letter_queue_url"],
                **{output: deployed[output] for output in crew.recorded},
            }
            if bundle_id == self.listed[-1].bundle_id:
                fields["manifest"] = manifest
            recorded.append(
                record(
                    self.agent,
                    bundle_id,
                    self.host,
                    fields,
                    self.platform,
                    self.parent,
                    is_guarded=self.shares is None,
                )
            )
            return deployed

        listed = pulumi.Output.from_input({release.bundle_id: make(release) for release in self.listed})
        kept = self.kept.apply(
            lambda found: pulumi.Output.from_input({release.bundle_id: make(release) for release in found})
        )
        return pulumi.Output.all(kept, listed).apply(lambda both: {**both[0], **both[1]}), list(recorded)

    def write(
        self,
        traffic: pulumi.Output[Traffic],
        after: Sequence[pulumi.Input[Any]],
        recorded: Sequence[pulumi.Resource],
    ) -> pulumi.Output[dict[str, float]]:
        """Writes the record when all of `after` is there; gives the shares as the table then holds them.

        It names releases, and so goes before their items `recorded` when all of the agent goes.
        """
        item = aws.dynamodb.TableItem(
            f"{self.agent}-traffic",
            table_name=self.platform["control_table_name"],
            hash_key="agent",
            range_key="item",
            item=pulumi.Output.all(traffic, *after).apply(lambda found: found[0].as_item(self.agent)),
            # The rollout controller moves the shares between deployments, unless the program names them.
            opts=pulumi.ResourceOptions(
                parent=self.parent,
                ignore_changes=["item"] if self.shares is None else [],
                depends_on=list(recorded),
            ),
        )
        return pulumi.Output.all(traffic, self.platform["control_table_name"], item.id, item.item).apply(
            lambda found: self._serving(found[0], found[1])
        )

    async def _serving(self, declared: Traffic, table: str) -> dict[str, float]:
        if pulumi.runtime.is_dry_run():
            return declared.shares
        found = Traffic.of(await control_item(table, self.agent, ITEM, self.parent))
        shares = found.shares if found is not None else {}
        if not shares or (self.shares is not None and shares != declared.shares):
            raise pulumi.RunError(
                f"{COMPONENTS[self.host]} {self.agent!r}: the traffic record divides runs as "
                f"{_percent(shares)}, but {_percent(declared.shares)} was declared. "
                f"Somebody changed it by hand; put it back with: pulumi up --refresh"
            )
        return shares


def divide(
    name: str,
    args: Any,
    host: Host,
    newest: WorkerRelease,
    shares: Mapping[str, float] | None,
    target: Target,
    platform: PlatformReference,
    parent: pulumi.Resource,
) -> Division:
    """Reads the traffic record, and finds what is deployed by it."""
    table = pulumi.Output.from_input(platform["control_table_name"])
    listed = [*older_releases(name, args, host, target, table, parent), newest]
    from_tree = bool(list(args["releases"])[-1].get("source"))
    ids = None if from_tree else [release.bundle_id for release in listed]
    held = table.apply(lambda known: held_traffic(name, known, ids, host, parent))
    kept: pulumi.Output[list[WorkerRelease]] = pulumi.Output.from_input([])
    if from_tree:
        taken = {release.bundle_id for release in listed}
        kept = pulumi.Output.all(table, held).apply(
            lambda found: kept_releases(name, taken, found[1], host, target, found[0], parent)
        )
    return Division(name, host, listed, kept, held, shares, platform, parent)


def told(by_bundle: ByBundle, output: str) -> pulumi.Output[dict[str, str]]:
    """One output of each release, by bundle id."""
    return by_bundle.apply(lambda found: {bundle_id: outputs[output] for bundle_id, outputs in found.items()})


def _percent(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{bundle} {share:.1%}" for bundle, share in shares.items()) or "nothing"
