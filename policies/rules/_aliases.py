"""What a Lambda alias sends where."""

from ..framework.resource import Resource

ALIAS = "aws:lambda/alias:Alias"


def weights(alias: Resource) -> dict[str, float]:
    """Additional weights by version; those of 0 are among them."""
    held = alias.view.view("routingConfig").view("additionalVersionWeights")
    return {version: held.number(version, 0) or 0 for version in held.held}
