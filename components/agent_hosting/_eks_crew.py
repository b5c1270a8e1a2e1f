"""The pods of each release on the cluster, and what stands beside them there."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from agent_hosting import _eks_workloads as documents
from agent_hosting._container_releases import WorkerRelease
from agent_hosting._eks_limits import Workload
from agent_hosting._eks_pods import Pods
from agent_hosting._kubernetes import Objects


@dataclass(frozen=True)
class PodCrew:
    """What the workloads of all releases of one agent share."""

    pods: Pods
    objects: Objects
    workload: Workload
    region: pulumi.Input[str]
    has_route: bool
    """Whether calls come through a gateway: then each release must have a pod, since none is woken by it."""
    access: list[pulumi.Resource]
    """What a pod needs before it can start."""
    recorded = ("workload", "service")

    def deploy(
        self, release: WorkerRelease, queue: Mapping[str, pulumi.Input[str]], least: pulumi.Input[int]
    ) -> dict[str, pulumi.Output[str]]:
        """A workload for `release`. Gives `workload`, its name, once its pods are seen to be ready, and the
        `service` in front of them."""
        pods, bundle_id = self.pods, release.bundle_id
        name = f"{pods.agent}-{bundle_id}"
        template = pods.template(
            release,
            {"AGENT_BUNDLE_ID": bundle_id, "AGENT_QUEUE_URL": queue["queue_url"]},
            claims_volume=self.workload is not Workload.ROLLOUT,
        )
        make = documents.WORKLOADS[self.workload]
        after = list(self.access)
        # The operator of a sandbox makes the headless service of its pod itself.
        if self.workload is not Workload.SANDBOX:
            headless = documents.service(name, pods, bundle_id, headless=True)
            after.append(self.objects.apply(f"{name}-pods", headless, after=self.access))
        called = documents.service_name(pods.agent, bundle_id)
        entry = documents.service(called, pods, bundle_id, headless=False)
        after.append(self.objects.apply(f"{name}-http", entry, after=self.access))
        budget = documents.disruption_budget(name, pods, bundle_id)
        after.append(self.objects.apply(f"{name}-disruptions", budget, after=self.access))
        made = self.objects.apply(name, make(name, pods, release, template), after=after)
        fewest = pulumi.Output.from_input(least).apply(
            lambda warm: pods.limits.min_pods if warm or self.has_route else 0
        )
        judged = documents.triggers(pods, bundle_id, queue["queue_url"], self.region)
        scaled = documents.scaled_object(name, pods, self.workload, fewest, judged, bundle_id)
        self.objects.apply(f"{name}-scaling", scaled, after=[made])
        return {
            "workload": made.id.apply(lambda _: name),
            "service": pulumi.Output.from_input(called),
        }
