"""Rules choose the tier; what cannot be meant is refused where it is written."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.bundle import AgentManifest, Bundle, ModelSpec, bundle_from_folder
from agent_runtime.errors import ManifestError
from agent_runtime.model_routing import ONLY_TIER, RoutingRule, choose
from agent_runtime.model_tiers import called_models

RULES = tuple(
    map(
        RoutingRule.model_validate,
        [
            {"tier": "small", "task": ["classify", "summarise"]},
            {"tier": "small", "budget_left_under": 0.2},
            {"tier": "wide", "input_tokens_over": 20_000},
            {"tier": "large"},
        ],
    )
)


def spec(**more: Any) -> dict[str, Any]:
    prices = {"input_usd_per_million_tokens": 1, "output_usd_per_million_tokens": 2}
    return {"provider": "openai", "name": "small-v1", **prices, **more}


def never() -> float:
    raise AssertionError("nobody asked for the budget")


@pytest.mark.parametrize(
    ("task", "tokens", "left", "tier"),
    [
        ("classify", 90_000, 1.0, "small"),
        ("summarise", 1, 0.0, "small"),
        ("", 100, 1.0, "large"),
        ("write", 20_000, 0.2, "large"),
        ("write", 20_001, 0.2, "wide"),
        ("write", 20_001, 0.19, "small"),
    ],
)
def test_the_first_rule_that_holds_chooses(task: str, tokens: int, left: float, tier: str) -> None:
    assert choose(RULES, task, tokens, lambda: left) == tier


def test_the_budget_is_looked_up_only_where_it_decides() -> None:
    assert choose(RULES, "classify", 10, never) == "small"
    assert choose((RoutingRule(tier="small", input_tokens_up_to=5), RULES[-1]), "", 10, never) == "large"


def test_a_bundle_with_one_model_has_one_tier() -> None:
    assert choose((), "anything", 10**9, never) == ONLY_TIER


conditions = st.fixed_dictionaries(
    {"tier": st.sampled_from(["small", "large"])},
    optional={
        "task": st.lists(st.sampled_from(["a", "b"]), max_size=2),
        "input_tokens_over": st.integers(0, 100),
        "input_tokens_up_to": st.integers(1, 100),
        "budget_left_under": st.floats(0.01, 1),
    },
)


@given(
    rules=st.lists(conditions, max_size=6),
    task=st.sampled_from(["", "a", "b"]),
    tokens=st.integers(0, 120),
    left=st.floats(0, 1),
)
def test_no_rule_before_the_chosen_one_holds_and_every_call_has_a_tier(
    rules: list[dict[str, Any]], task: str, tokens: int, left: float
) -> None:
    made = [*map(RoutingRule.model_validate, rules), RoutingRule(tier="last")]
    first = next(rule for rule in made if rule.takes(task, tokens, lambda: left))
    assert choose(made, task, tokens, lambda: left) == first.tier


MANIFEST = """
entrypoint: agent:answer
secrets: [key]
models:
  small: {provider: openai, name: small-v1, input_usd_per_million_tokens: 1,
          output_usd_per_million_tokens: 2, fallback: [large], api_key_secret: key}
  large: {provider: bedrock, name: amazon.nova-pro-v1:0, input_usd_per_million_tokens: 3,
          output_usd_per_million_tokens: 4}
routing:
  - {task: classify, tier: small}
  - {tier: large}
"""


def bundle_of(folder: Path, text: str = MANIFEST, **more: Any) -> Bundle:
    (folder / "agent.yaml").write_text(text, encoding="utf-8")
    (folder / "agent.py").write_text("def answer(run): ...", encoding="utf-8")
    return bundle_from_folder(folder, runtime_fingerprint="r1", **more)


def test_the_tiers_and_rules_are_part_of_the_bundle(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path)
    assert list(bundle.tiers) == ["small", "large"]
    assert bundle.model == bundle.models["large"], "the tier that takes whatever no rule does"
    again = Bundle.model_validate_json(bundle.canonical_json())
    assert (again, again.bundle_id) == (bundle, bundle.bundle_id)
    other = bundle_of(tmp_path, MANIFEST.replace("{task: classify", "{task: sort"))
    assert other.bundle_id != bundle.bundle_id


def test_a_bundle_that_names_nothing_new_keeps_the_id_that_it_had(make_bundle: Any) -> None:
    """The identity of a bundle that was made before there were tiers."""
    text = make_bundle().canonical_json()
    for word in ("models", "routing", "cache", "fallback", "context_share", "timeout_seconds"):
        assert f'"{word}"' not in text


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{tier: large}", "{tier: huge}", r"routing\.1\.tier is 'huge'; the tiers are small, large"),
        ("  - {tier: large}\n", "", r"routing\.0 has a condition: the last rule, and it alone"),
        ("{task: classify, tier: small}", "{tier: small}", r"routing\.0 has no condition"),
        ("fallback: [large]", "fallback: [small]", r"models\.small\.fallback names 'small'"),
        ("fallback: [large]", "fallback: [other]", r"models\.small\.fallback names 'other'"),
        ("secrets: [key]", "secrets: []", r"models\.small\.api_key_secret 'key' must also be listed"),
        ("  - {task: classify, tier: small}\n", "", r"models\.small is never called"),
        (
            "{task: classify, tier",
            "{input_tokens_over: 9, input_tokens_up_to: 9, tier",
            r"routing\.0 takes nothing",
        ),
        ("models:", "model: {}\nmodels:", r"model\.provider"),
        ("routing:", "rooting:", "not a known field"),
        ("small-v1, i", "small, i", r"models\.small\.name is 'small': a pinned version is needed"),
        ("fallback: [large]", "context_share: 0.5", "context_share is 0.5 of context_window_tokens"),
        (
            "fallback: [large]",
            "context_share: 0.5, context_window_tokens: 1000",
            "max_output_tokens is 1024, and the window of 1000",
        ),
    ],
)
def test_a_mistake_is_refused_with_its_path(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(ManifestError, match=said):
        bundle_of(tmp_path, MANIFEST.replace(old, new, 1))


def test_neither_or_both_ways_to_name_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="give either `model`, or `models`"):
        bundle_of(tmp_path, "entrypoint: agent:answer\n")
    only = ModelSpec.model_validate(spec())
    with pytest.raises(ValueError, match="one `model` for all tiers, or `models` for some"):
        called_models(None, {"small": only}, (RoutingRule(tier="small"),), only, {"small": only})


def test_an_environment_may_call_one_model_for_all_or_others_for_some(tmp_path: Path) -> None:
    local = ModelSpec.model_validate(spec(name="embedded-v1", api_key_secret="key"))
    one = bundle_of(tmp_path, model=local)
    assert (one.tiers, one.routing) == ({ONLY_TIER: local}, ())
    some = bundle_of(tmp_path, models={"large": local})
    assert some.models["large"] == some.model == local
    assert some.models["small"].name == "small-v1"
    assert len(some.routing) == 2


def test_a_model_for_a_tier_that_there_is_not_is_refused(tmp_path: Path) -> None:
    given_instead = {"huge": ModelSpec.model_validate(spec())}
    with pytest.raises(ManifestError, match=r"models\.huge is no tier of the manifest; it has small, large"):
        bundle_of(tmp_path, models=given_instead)
    without_key = {"large": ModelSpec.model_validate(spec(api_key_secret="other"))}
    with pytest.raises(ManifestError, match=r"models\.large\.api_key_secret 'other' must also be listed"):
        bundle_of(tmp_path, models=without_key)


@given(
    given_tokens=st.integers(0, 10**6),
    read=st.integers(0, 10**6),
    written=st.integers(0, 10**6),
    made=st.integers(0, 10**5),
    read_usd=st.none() | st.floats(0, 1),
    write_usd=st.none() | st.floats(0, 4),
)
def test_no_call_costs_more_than_was_reserved_for_its_tokens(
    given_tokens: int, read: int, written: int, made: int, read_usd: float | None, write_usd: float | None
) -> None:
    cached = ModelSpec.model_validate(
        spec(
            cache=True,
            cache_read_usd_per_million_tokens=read_usd,
            cache_write_usd_per_million_tokens=write_usd,
        )
    )
    whole = given_tokens + read + written
    cost = cached.cost_usd(whole, made, cache_read_tokens=read, cache_write_tokens=written)
    assert 0 <= cost <= cached.most_usd(whole, made) + 1e-9


def test_what_is_read_from_the_cache_is_cheaper_where_its_price_is_known() -> None:
    plain = ModelSpec.model_validate(spec(cache=True))
    priced = ModelSpec.model_validate(spec(cache=True, cache_read_usd_per_million_tokens=0.1))
    assert plain.cost_usd(1_000_000, 0, cache_read_tokens=1_000_000) == 1.0
    assert priced.cost_usd(1_000_000, 0, cache_read_tokens=1_000_000) == 0.1
    assert plain.cost_usd(1_000_000, 0, cache_write_tokens=1_000_000) == 1.25


def test_the_manifest_that_the_guide_shows_is_one() -> None:
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
    shown = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])
    manifest = AgentManifest.model_validate(shown)
    assert list(manifest.models) == ["small", "large"]
    assert choose(manifest.routing, "", 5000, lambda: 1.0) == "large"
