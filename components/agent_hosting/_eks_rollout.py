"""Releases of an agent as revisions of one Argo Rollout, which walks through the steps itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from agent_hosting import _eks_analysis, _eks_workloads
from agent_hosting._container_releases import WorkerRelease
from agent_hosting._eks_analysis import AnalysisArgs
from agent_hosting._eks_limits import Workload
from agent_hosting._eks_pods import Pods, selector
from agent_hosting._kubernetes import Document, Objects
from agent_runtime.rollout.plan import DEFAULT_STEPS, Step

STABLE, CANDIDATE = "stable", "candidate"
PLUGIN = "argoproj-labs/gatewayAPI"
"""https://rollouts-plugin-trafficrouter-gatewayapi.readthedocs.io/"""


def rollout(
    pods: Pods,
    release: WorkerRelease,
    template: Document,
    steps: Sequence[Step],
    templates: Sequence[str],
    *,
    has_route: bool,
) -> Document:
    """A new template begins at the first step. One that fails its analysis goes back by itself."""
    named = _eks_workloads.metadata(pods.agent, pods)
    # Its walk takes days: nobody waits for the end of it.
    named["annotations"] = {"pulumi.com/skipAwait": "true"}
    walk: list[Document] = []
    for step in steps:
        walk.append({"setWeight": step.basis_points // 100})
        walk.append({"pause": {"duration": f"{step.hold_seconds:g}s"}})
    canary: Document = {
        "stableService": f"{pods.agent}-{STABLE}",
        "canaryService": f"{pods.agent}-{CANDIDATE}",
        "maxSurge": "25%",
        "maxUnavailable": 0,
        "steps": walk,
        "analysis": {
            "templates": [{"templateName": name} for name in templates],
            "startingStep": 1,
            "args": [{"name": "bundle", "value": release.bundle_id}],
        },
    }
    if has_route:
        route = {"httpRoute": pods.agent, "namespace": pods.namespace}
        canary["trafficRouting"] = {"plugins": {PLUGIN: route}}
    return {
        "apiVersion": _eks_workloads.KINDS[Workload.ROLLOUT][0],
        "kind": "Rollout",
        "metadata": named,
        "spec": {
            "selector": {"matchLabels": selector(pods.agent)},
            "template": template,
            "minReadySeconds": 5,
            "revisionHistoryLimit": 3,
            "progressDeadlineSeconds": 600,
            "progressDeadlineAbort": True,
            "strategy": {"canary": canary},
        },
    }


def steps_of(given: Mapping[str, Any]) -> Sequence[Step]:
    """The steps of `RolloutArgs`, or the defaults."""
    if "steps" not in given:
        return DEFAULT_STEPS
    for step in given["steps"]:
        if step["percent"] != int(step["percent"]):
            raise pulumi.RunError(
                f"rollout.steps: percent is {step['percent']}; Argo Rollouts takes whole numbers, 1 to 100."
            )
    return [
        Step(basis_points=int(step["percent"]) * 100, hold_seconds=step["hold_seconds"])
        for step in given["steps"]
    ]


@dataclass(frozen=True)
class RolloutCrew:
    """The revisions of one agent. Only the newest is written: those before it Argo keeps itself."""

    pods: Pods
    objects: Objects
    newest: str
    queue_urls: pulumi.Output[dict[str, str]]
    """Queue by bundle id."""
    rollout: Mapping[str, Any]
    analysis: AnalysisArgs
    region: pulumi.Input[str]
    has_route: bool
    access: list[pulumi.Resource]
    recorded = ("workload", "service")

    def deploy(
        self,
        release: WorkerRelease,
        queue: Mapping[str, pulumi.Input[str]],
        least: pulumi.Input[int],  # noqa: ARG002  what every crew is told
    ) -> dict[str, pulumi.Output[str]]:
        """Gives `workload`, the Rollout's name, and the `service` in front of the release's own pods. How
        many pods a revision has follows its weight, whatever is `least`."""
        pods, agent = self.pods, self.pods.agent
        called = _eks_workloads.service_name(agent, release.bundle_id)
        entry = _eks_workloads.service(called, pods, release.bundle_id, headless=False)
        front = self.objects.apply(f"{agent}-{release.bundle_id}-http", entry, after=self.access)
        told = {"workload": pulumi.Output.from_input(agent), "service": front.id.apply(lambda _: called)}
        if release.bundle_id == self.newest:
            made = self._newest(release, queue)
            told["workload"] = made.id.apply(lambda _: agent)
        return told

    def _newest(
        self, release: WorkerRelease, queue: Mapping[str, pulumi.Input[str]]
    ) -> pulumi.CustomResource:
        pods, agent = self.pods, self.pods.agent
        after = list(self.access)
        for label in (STABLE, CANDIDATE):
            document = _eks_workloads.service(f"{agent}-{label}", pods, None, headless=False)
            # Argo narrows what they select to one revision.
            made = self.objects.apply(
                f"{agent}-{label}", document, after=self.access, ignore=["spec.selector"]
            )
            after.append(made)
        measured = _eks_analysis.template(
            agent,
            _eks_workloads.metadata(agent, pods),
            self.analysis,
            _eks_analysis.thresholds_of(self.rollout),
        )
        after.append(self.objects.apply(f"{agent}-analysis", measured, after=self.access))
        budget = _eks_workloads.disruption_budget(agent, pods, None)
        after.append(self.objects.apply(f"{agent}-disruptions", budget, after=self.access))
        template = pods.template(
            release,
            {"AGENT_BUNDLE_ID": release.bundle_id, "AGENT_QUEUE_URL": queue["queue_url"]},
            claims_volume=False,
        )
        made = self.objects.apply(
            agent,
            rollout(
                pods,
                release,
                template,
                steps_of(self.rollout),
                [agent, *self.analysis.get("templates", ())],
                has_route=self.has_route,
            ),
            after=after,
        )
        # One number of pods serves all revisions: what waits for any of them counts.
        judged = pulumi.Output.all(self.queue_urls, self.region).apply(
            lambda known: [
                trigger
                for bundle, url in known[0].items()
                for trigger in _eks_workloads.triggers(pods, bundle, url, known[1])
            ]
        )
        scaled = _eks_workloads.scaled_object(
            agent, pods, Workload.ROLLOUT, pods.limits.min_pods, judged, None
        )
        self.objects.apply(f"{agent}-scaling", scaled, after=[made])
        return made
