"""AG04: an alias divides calls between two published versions, and the second gets the smaller share."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._aliases import ALIAS, weights

LARGEST_SHARE = 0.5
"""The largest step before the whole: 5, 25, 50, 100 %. Beyond it the two versions should change places."""


def check(alias: Resource) -> Iterable[Fail]:
    """Answers for every alias. Which step came before, one deployment's inputs do not tell."""
    main, path = alias.view.text("functionVersion"), "routingConfig.additionalVersionWeights"
    if not main.isdecimal():
        yield Fail(
            f"{main or 'nothing'!r} is no published version: it changes under its callers.", "functionVersion"
        )
    shares = weights(alias)
    if len(shares) > 1:
        yield Fail(f"{len(shares)} additional versions are named; AWS takes one.", path)
    for version, share in shares.items():
        if not version.isdecimal():
            yield Fail(f"{version!r} is no published version.", path)
        if version == main:
            yield Fail(f"version {version} stands beside itself.", path)
        if not 0 <= share <= LARGEST_SHARE:
            yield Fail(f"a share of {share:g} is not between 0 and {LARGEST_SHARE}.", path)


RULE = ResourceRule(
    id="AG04",
    name="canary-in-small-steps",
    title="An alias divides calls between published versions in small steps",
    why="A fault in a new version must reach few callers, and going back must be one write.",
    remediation="Publish versions, name one additional version, and begin with 0.05; CanaryTraffic does.",
    severity=Severity.HIGH,
    types=types(ALIAS),
    external={"AWS Well-Architected": ("AGENTOPS02-BP03",)},
    sources=("https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html",),
    check=check,
)
