"""Where an agent's pods are on a cluster: who they are there, with whom they speak, how calls reach them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from agent_hosting import _eks_route, _eks_workloads
from agent_hosting._eks_analysis import AnalysisArgs
from agent_hosting._eks_args import EksAgentArgs, is_rollout
from agent_hosting._eks_crew import PodCrew
from agent_hosting._eks_limits import Workload
from agent_hosting._eks_pods import Pods
from agent_hosting._eks_rollout import RolloutCrew
from agent_hosting._kubernetes import Objects
from agent_hosting._queue_division import ByBundle
from agent_hosting._rollout_controller import RolloutController
from agent_hosting._traffic import Traffic
from agent_hosting.agent_cluster import ClusterReference

_PROXIES = "envoy-gateway-system"


@dataclass(frozen=True)
class Placement:
    """One agent on one cluster; all of it is made below `objects.parent`."""

    pods: Pods
    objects: Objects
    args: EksAgentArgs
    cluster: ClusterReference
    tags: Any

    def admit(self, role_arn: pulumi.Input[str]) -> list[pulumi.Resource]:
        """Who the pods are, to Kubernetes and to AWS, and with whom they may speak."""
        name, pods, gateway = self.pods.agent, self.pods, self.args.get("gateway")
        account = self.objects.apply(
            f"{name}-account",
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {
                    **_eks_workloads.metadata(name, pods),
                    # Known once the namespace is there.
                    "namespace": pulumi.Output.from_input(self.cluster["namespaces"]).apply(
                        lambda _: pods.namespace
                    ),
                },
                "automountServiceAccountToken": False,
            },
        )
        identity = aws.eks.PodIdentityAssociation(
            f"{name}-identity",
            cluster_name=self.cluster["cluster_name"],
            namespace=pods.namespace,
            service_account=pods.service_account,
            role_arn=role_arn,
            tags=self.tags,
            opts=pulumi.ResourceOptions(parent=self.objects.parent),
        )
        network = _eks_workloads.network_policy(
            pods,
            self.cluster["aws_cidr_blocks"],
            self.args.get("destinations") or (),
            (gateway.get("proxies_namespace") or _PROXIES) if gateway is not None else None,
        )
        looks = _eks_workloads.trigger_authentication(pods)
        return [
            account,
            identity,
            self.objects.apply(f"{name}-network", network, after=[account]),
            self.objects.apply(f"{name}-looks", looks, after=[account]),
        ]

    def crew(
        self,
        newest: str,
        queue_urls: pulumi.Output[dict[str, str]],
        analysis: AnalysisArgs,
        access: Sequence[pulumi.Resource],
    ) -> PodCrew | RolloutCrew:
        """What deploys the releases. No pod starts before `access` is there."""
        options = pulumi.InvokeOutputOptions(parent=self.objects.parent)
        region = aws.get_region_output(opts=options).region
        has_route = self.args.get("gateway") is not None
        if is_rollout(self.args):
            rollout = self.args.get("rollout") or {}
            return RolloutCrew(
                self.pods,
                self.objects,
                newest,
                queue_urls,
                rollout,
                analysis,
                region,
                has_route,
                list(access),
            )
        workload = Workload(self.args.get("workload") or Workload.STATEFUL_SET)
        return PodCrew(self.pods, self.objects, workload, region, has_route, list(access))

    def controller_inputs(self) -> dict[str, Any]:
        """What the rollout controller has to know to move the route, or to follow Argo's Rollout."""
        if self.args.get("gateway") is None and not is_rollout(self.args):
            return {}
        place = {
            "cluster_name": self.cluster["cluster_name"],
            "endpoint": self.cluster["endpoint"],
            "certificate_authority": self.cluster["certificate_authority"],
            "namespace": self.pods.namespace,
            "name": self.pods.agent,
        }
        return {
            "argo_rollout" if is_rollout(self.args) else "http_route": place,
            "network": {
                "subnet_ids": self.cluster["subnet_ids"],
                "security_group_ids": self.cluster["security_group_ids"],
            },
        }

    def divide_calls(
        self,
        workloads: ByBundle,
        traffic: pulumi.Output[Traffic],
        controller: RolloutController | None,
        after: Sequence[pulumi.Resource],
    ) -> None:
        """The route of calls inside of the network, and what the controller may do in the cluster. Made once
        `after` is there."""
        name, gateway = self.pods.agent, self.args.get("gateway")
        made: list[pulumi.Resource] = []
        if gateway is not None and is_rollout(self.args):
            route = _eks_route.argo_route(self.pods, gateway)
            made.append(self.objects.apply(f"{name}-route", route, after=after, ignore=["spec.rules"]))
        elif gateway is not None:
            route = _eks_route.http_route(self.pods, gateway, workloads.apply(list), traffic)
            made.append(self.objects.apply(f"{name}-route", route, after=after))
        rules = _eks_route.follow_rollout(name) if is_rollout(self.args) else _eks_route.move_route(name)
        if controller is not None and (made or is_rollout(self.args)):
            _eks_route.let_move(
                self.pods, self.objects, self.cluster, controller.role_arn, rules, self.tags, [*after, *made]
            )
