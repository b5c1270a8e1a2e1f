"""The models of a bundle by tier: as its manifest has them, and as an environment puts others in their place.

Raises ValueError, in one sentence that names the field, for whoever reads the document to complete.
"""

from collections.abc import Collection, Mapping, Sequence

from agent_runtime.model_routing import RoutingRule, mistake_in
from agent_runtime.model_spec import ModelSpec

Called = tuple[ModelSpec, dict[str, ModelSpec], tuple[RoutingRule, ...]]
"""The model that takes whatever no rule does; all by tier, if there are several; and the rules."""


def check_models(
    model: ModelSpec | None,
    models: Mapping[str, ModelSpec],
    routing: Sequence[RoutingRule],
    secrets: Collection[str],
) -> None:
    """Raises ValueError where they do not fit each other, or need a secret that is not declared."""
    if (model is None) == (not models):
        raise ValueError("give either `model`, or `models` by tier with `routing`")
    named = {"model": model} if model else {f"models.{name}": spec for name, spec in models.items()}
    for where, spec in named.items():
        key = spec.api_key_secret
        if key is not None and key not in secrets:
            raise ValueError(f"{where}.api_key_secret {key!r} must also be listed under secrets")
    if model is not None and (routing or model.fallback):
        field = "routing" if routing else "model.fallback"
        raise ValueError(f"{field} names tiers: give `models` by tier in place of `model`")
    if (mistake := mistake_in(models, routing)) is not None:
        raise ValueError(mistake)


def called_models(
    model: ModelSpec | None,
    models: Mapping[str, ModelSpec],
    routing: tuple[RoutingRule, ...],
    one_instead: ModelSpec | None,
    some_instead: Mapping[str, ModelSpec],
) -> Called:
    """What is called: `one_instead` for every task where it is given, else the manifest's own, with those of
    `some_instead` in the place of the tiers that they name. Raises ValueError."""
    if one_instead is not None and some_instead:
        raise ValueError("give either one `model` for all tiers, or `models` for some of them")
    if unknown := sorted(some_instead.keys() - models.keys()):
        known = ", ".join(models) or "none: it has one model"
        raise ValueError(f"models.{unknown[0]} is no tier of the manifest; it has {known}")
    only = one_instead or model
    if only is not None:
        return only, {}, ()
    tiers = {**models, **some_instead}
    default = routing[-1].tier if routing else next(iter(tiers))
    if default not in tiers:
        raise ValueError(f"routing names {default!r}; the tiers are {', '.join(tiers)}")
    return tiers[default], tiers, routing
