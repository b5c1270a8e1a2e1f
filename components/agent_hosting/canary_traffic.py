"""Divides an agent's calls between its stable release and a candidate."""

from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from agent_hosting._lookups import bundle_of
from agent_hosting._tags import of_release
from agent_hosting._validation import Inputs
from agent_hosting._weights import STABLE, mistake_in, serving, split

ALIAS = "live"


class CanaryTrafficArgs(TypedDict):
    function_name: pulumi.Input[str]
    """Function whose versions are the releases."""
    versions: dict[str, pulumi.Input[str]]
    """Published version by release, oldest release first. A release is called by its bundle id."""
    shares: NotRequired[dict[str, float]]
    """Share of calls by release: two above 0 at most, together 1. Omit where the rollout controller owns
    the weights."""
    first: NotRequired[str]
    """Release that serves every call when the alias is made, while the controller owns the weights.
    Defaults to the oldest."""
    alarm_topic_arn: NotRequired[pulumi.Input[str]]
    """Where the candidate's alarms go. Defaults to nowhere: they can still be read."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of every resource. Defaults to none."""


class CanaryTraffic(pulumi.ComponentResource):
    """The alias `live`, its weights, and alarms that watch the newest release alone."""

    alias_name: pulumi.Output[str]
    """Call the agent by this alias, never by the function's name."""
    alias_arn: pulumi.Output[str]
    """ARN of the alias."""
    invoke_arn: pulumi.Output[str]
    """What an API integration calls."""
    serving: pulumi.Output[dict[str, float]]
    """Share of calls by bundle id as AWS holds it after the deployment, not as it was declared."""

    def __init__(
        self, name: str, args: CanaryTrafficArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("agent-hosting:index:CanaryTraffic", name, {}, opts)
        inputs = Inputs("CanaryTraffic", name, args)
        inputs.known(CanaryTrafficArgs.__annotations__)
        versions = dict(inputs.required("versions", "Give version by bundle id."))
        if not versions:
            raise inputs.refuse(
                "versions", versions, "one release is needed at least", "Give version by bundle id."
            )
        first = args.get("first") or next(iter(versions))
        if first not in versions:
            raise inputs.refuse(
                "first",
                first,
                f"only listed releases take traffic: {', '.join(versions)}",
                "List it, or leave `first` out.",
            )
        for release, version in versions.items():
            if version == "$LATEST":
                raise inputs.refuse(
                    f"versions.{release}",
                    version,
                    "an alias with weights takes published versions only",
                    "Publish one.",
                )
        shares = args.get("shares")
        if shares is not None and (mistake := mistake_in(shares, list(versions))):
            raise inputs.refuse(*mistake)
        child = pulumi.ResourceOptions(parent=self)
        declared = split(shares or {first: 1.0}, list(versions))
        # The controller moves the weights between deployments: then Pulumi sets them once and looks away.
        hands_off = [] if shares is not None else ["functionVersion", "routingConfig"]

        weights: Any = None
        if declared.beside is not None:
            pair = pulumi.Output.all(versions[declared.main], versions[declared.beside])
            # On the first deployment both are one version, and an alias takes no weight for its own.
            weights = pair.apply(
                lambda v: {"additional_version_weights": {v[1]: declared.share}} if v[0] != v[1] else None
            )
        alias = aws.lambda_.Alias(
            name,
            name=ALIAS,
            function_name=args["function_name"],
            function_version=versions[declared.main],
            routing_config=weights,
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=hands_off),
        )
        self._watch_newest(name, args, versions, child)

        held = aws.lambda_.Alias.get(
            f"{name}-serving",
            # By way of the ARN, which only an alias that exists has: a first preview must not look for it.
            pulumi.Output.all(args["function_name"], alias.arn).apply(lambda known: f"{known[0]}/{ALIAS}"),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[alias]),
        )
        promised = {r: s for r, s in shares.items() if s > 0} if shares is not None else None
        self.serving = pulumi.Output.all(
            function=args["function_name"],
            main=held.function_version,
            routing=held.routing_config,
            versions=pulumi.Output.all(**versions),
        ).apply(lambda found: self._tell(name, found, promised))
        self.alias_name, self.alias_arn, self.invoke_arn = alias.name, alias.arn, alias.invoke_arn
        self.register_outputs(
            {
                "alias_name": self.alias_name,
                "alias_arn": self.alias_arn,
                "invoke_arn": self.invoke_arn,
                "serving": self.serving,
            }
        )

    async def _tell(
        self, name: str, found: dict[str, Any], promised: dict[str, float] | None
    ) -> dict[str, float]:
        """Which release serves which share. Fails when that is not what was declared."""
        weights = (found["routing"] or {}).get("additional_version_weights") or {}
        listed: dict[str, str] = found["versions"]
        actual = serving(found["main"], weights)
        releases = {version: release for release, version in listed.items()}
        shares: dict[str, float] = {}
        for version, share in actual.items():
            release = releases.get(version, STABLE)
            shares[release if release != STABLE else await bundle_of(found["function"], version, self)] = (
                share
            )
        for version, share in actual.items():
            if promised is None and version not in releases:
                bundle = await bundle_of(found["function"], version, self)
                raise pulumi.RunError(
                    f"CanaryTraffic {name!r}: release {bundle} still gets {share:.0%} of the calls "
                    f"and is not listed. Move its traffic away first (agent-hosting release rollback or "
                    f"promote), or list it again."
                )
        if promised is not None and not pulumi.runtime.is_dry_run():
            wanted: dict[str, float] = {}
            for release, share in promised.items():
                wanted[listed[release]] = round(wanted.get(listed[release], 0.0) + share, 9)
            if wanted != actual:
                raise pulumi.RunError(
                    f"CanaryTraffic {name!r}: the alias {ALIAS} serves {_percent(actual)}, but "
                    f"{_percent(wanted)} was "
                    f"declared. Somebody moved it by hand; put it back with: pulumi up --refresh"
                )
        return shares

    def _watch_newest(
        self, name: str, args: CanaryTrafficArgs, versions: dict[str, Any], child: pulumi.ResourceOptions
    ) -> None:
        """Alarms on the newest version's own numbers: in those of the alias its 5 % would drown."""
        function = pulumi.Output.from_input(args["function_name"])
        dimensions = {
            "FunctionName": function,
            "Resource": pulumi.Output.concat(function, f":{ALIAS}"),
            "ExecutedVersion": list(versions.values())[-1],
        }
        tags = of_release(args.get("tags"), list(versions)[-1])
        actions = [args["alarm_topic_arn"]] if args.get("alarm_topic_arn") else []  # type: ignore[typeddict-item]

        def metric(metric_name: str, stat: str) -> Any:
            held = {"namespace": "AWS/Lambda", "metric_name": metric_name, "dimensions": dimensions}
            return {**held, "period": 300, "stat": stat}

        aws.cloudwatch.MetricAlarm(
            f"{name}-errors",
            alarm_description="More than 5 % of the newest release's calls failed within 5 minutes.",
            metric_queries=[
                {
                    "id": "rate",
                    "expression": "100 * errors / calls",
                    "label": "errors in %",
                    "return_data": True,
                },
                {"id": "errors", "metric": metric("Errors", "Sum"), "return_data": False},
                {"id": "calls", "metric": metric("Invocations", "Sum"), "return_data": False},
            ],
            comparison_operator="GreaterThanThreshold",
            threshold=5,
            evaluation_periods=1,
            treat_missing_data="notBreaching",  # a candidate at weight 0 has no calls
            alarm_actions=actions,
            tags=tags,
            opts=child,
        )
        aws.cloudwatch.MetricAlarm(
            f"{name}-latency",
            alarm_description="Calls of the newest release take more than 10 seconds on average.",
            namespace="AWS/Lambda",
            metric_name="Duration",
            dimensions=dimensions,  # type: ignore[arg-type]
            statistic="Average",
            period=300,
            comparison_operator="GreaterThanThreshold",
            threshold=10_000,
            evaluation_periods=1,
            treat_missing_data="notBreaching",
            alarm_actions=actions,
            tags=tags,
            opts=child,
        )


def _percent(shares: dict[str, float]) -> str:
    return ", ".join(f"version {version} {share:.1%}" for version, share in shares.items())
