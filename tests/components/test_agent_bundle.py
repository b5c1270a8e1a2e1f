"""The immutable identity of an agent."""

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from agent_hosting import AgentBundle
from agent_runtime.bundle import Bundle
from tests.components.recorder import refused, run
from tests.components.samples import MODEL, agent_folder, making


def outputs(source: object, **changes: Any) -> dict[str, Any]:
    return run(making(AgentBundle, "bundle", str(source), **changes)).outputs_of("AgentBundle")


def test_a_bundle_makes_nothing_in_aws(source: str) -> None:
    assert run(making(AgentBundle, "bundle", source)).tree() == {
        ("agent-hosting:index:AgentBundle", "bundle", "agent-hosting-test")
    }


def test_the_id_is_that_of_the_bundle_in_the_zip_and_the_hash_is_that_of_the_zip(source: str) -> None:
    made = outputs(source)
    with zipfile.ZipFile(made["archive_path"]) as archive:
        bundle = Bundle.model_validate_json(archive.read("bundle.json"))
    assert made["bundle_id"] == bundle.bundle_id
    assert made["archive_sha256"] == hashlib.sha256(Path(made["archive_path"]).read_bytes()).hexdigest()


def test_one_changed_byte_in_a_prompt_is_another_bundle(tmp_path: Path) -> None:
    one = outputs(agent_folder(tmp_path / "one", prompt="Answer."))
    other = outputs(agent_folder(tmp_path / "other", prompt="Answer!"))
    assert one["bundle_id"] != other["bundle_id"]
    assert one["archive_sha256"] != other["archive_sha256"]


def test_the_folders_name_is_no_part_of_the_bundle(tmp_path: Path) -> None:
    assert outputs(agent_folder(tmp_path / "one")) == outputs(agent_folder(tmp_path / "other"))


def test_the_environments_model_is_part_of_the_bundle(source: str) -> None:
    assert (
        outputs(source, model={**MODEL, "name": "model-2026-02-02"})["bundle_id"]
        != outputs(source)["bundle_id"]
    )


def test_prices_of_a_known_model_are_looked_up_and_frozen_into_the_bundle(source: str) -> None:
    model = {"provider": "openai", "name": "gpt-4o-mini-2024-07-18", "api_key_secret": "api-key"}
    with zipfile.ZipFile(outputs(source, model=model)["archive_path"]) as archive:
        held = Bundle.model_validate_json(archive.read("bundle.json")).model
    assert 0 < held.input_usd_per_million_tokens < held.output_usd_per_million_tokens


def test_the_context_window_is_looked_up_too_unless_it_is_given(source: str) -> None:
    def window(**given: int) -> int | None:
        model = {"provider": "openai", "name": "gpt-4o-mini-2024-07-18", "api_key_secret": "api-key", **given}
        with zipfile.ZipFile(outputs(source, model=model)["archive_path"]) as archive:
            return Bundle.model_validate_json(archive.read("bundle.json")).model.context_window_tokens

    prices = {"input_usd_per_million_tokens": 1, "output_usd_per_million_tokens": 2}
    assert window() == window(**prices) == 128_000
    assert window(context_window_tokens=4_096) == 4_096


def test_a_given_price_is_kept_and_only_the_missing_one_is_looked_up(source: str) -> None:
    model = {
        "provider": "openai",
        "name": "gpt-4o-mini-2024-07-18",
        "input_usd_per_million_tokens": 77,
        "api_key_secret": "api-key",
    }
    with zipfile.ZipFile(outputs(source, model=model)["archive_path"]) as archive:
        held = Bundle.model_validate_json(archive.read("bundle.json")).model
    assert held.input_usd_per_million_tokens == 77
    assert held.output_usd_per_million_tokens > 0


def test_what_a_cache_costs_is_looked_up_for_a_model_that_uses_one(source: str) -> None:
    def spec(**given: Any) -> Any:
        model = {"provider": "openai", "name": "gpt-4o-mini-2024-07-18", "api_key_secret": "api-key", **given}
        with zipfile.ZipFile(outputs(source, model=model)["archive_path"]) as archive:
            return Bundle.model_validate_json(archive.read("bundle.json")).model

    plain, cached = spec(), spec(cache=True)
    assert plain.cache_read_usd_per_million_tokens is None
    assert 0 < cached.cache_read_usd_per_million_tokens < cached.input_usd_per_million_tokens
    assert spec(cache=True, cache_read_usd_per_million_tokens=9).cache_read_usd_per_million_tokens == 9


def test_an_environment_replaces_the_tiers_that_it_names(tmp_path: Path) -> None:
    tiers = {"small": MODEL, "large": {**MODEL, "name": "model-2026-02-02"}}
    routing = [{"tier": "small", "task": "classify"}, {"tier": "large"}]
    source = agent_folder(tmp_path / "agent", model=None, models=tiers, routing=routing)
    other = {**MODEL, "name": "model-2026-03-03"}
    with zipfile.ZipFile(outputs(source, models={"large": other})["archive_path"]) as archive:
        bundle = Bundle.model_validate_json(archive.read("bundle.json"))
    assert {name: spec.name for name, spec in bundle.tiers.items()} == {
        "large": "model-2026-03-03",
        "small": MODEL["name"],
    }
    said = refused(making(AgentBundle, "bundle", str(source), models={"huge": other}))
    assert "models.huge is no tier of the manifest; it has large, small" in said
    said = refused(making(AgentBundle, "bundle", str(source), models={"small": {**MODEL, "name": "latest"}}))
    assert said.startswith("AgentBundle 'bundle': models.small.name is 'latest'")


@pytest.mark.parametrize(
    ("model", "given", "limit"),
    [
        ({**MODEL, "name": "latest"}, "model.name is 'latest'", "a pinned version is needed"),
        ({**MODEL, "name": "gpt-4o"}, "model.name is 'gpt-4o'", "End the name with the date"),
        ({**MODEL, "stop_sequences": list("abcde")}, "model is", "has 5 texts, and OpenAI takes 4"),
        ({**MODEL, "provider": "other"}, "model.provider is 'other'", "'bedrock' or 'openai'"),
        ({**MODEL, "temprature": 1}, "model.temprature is 1", "Extra inputs are not permitted"),
        ({**MODEL, "max_output_tokens": 0}, "model.max_output_tokens is 0", "greater than or equal to 1"),
    ],
)
def test_a_model_that_cannot_be_counted_or_pinned_is_refused(
    source: str, model: dict[str, Any], given: str, limit: str
) -> None:
    said = refused(making(AgentBundle, "bundle", source, model=model))
    assert said.startswith(f"AgentBundle 'bundle': {given}")
    assert limit in said
    assert said.endswith("Correct the model of this environment.")


def test_a_model_without_a_price_is_told_by_its_name_with_the_ways_out(source: str) -> None:
    model = {"provider": "openai", "name": "unheard-of-v1", "input_usd_per_million_tokens": 1}
    said = refused(making(AgentBundle, "bundle", source, model=model))
    assert "model.output_usd_per_million_tokens" in said
    assert "genai-prices knows no price of 'unheard-of-v1'" in said
    assert said.endswith("or under `prices` of the stack by the model's name.")


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    said = refused(making(AgentBundle, "bundle", str(tmp_path / "nowhere")))
    assert "source is" in said
    assert "there is no such folder. Name the folder that holds agent.yaml." in said


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ({"entrypoint": "agent.py"}, "entrypoint is 'agent.py'"),
        ({"promts": ["a"]}, "promts is ['a']: not a known field"),
        ({"prompts": ["none/*"]}, "prompts holds 'none/*', and no file matches it"),
        ({"secrets": []}, "model.api_key_secret 'api-key' must also be listed under secrets"),
    ],
)
def test_a_mistake_in_the_manifest_is_told_with_its_field(
    tmp_path: Path, manifest: dict[str, Any], said: str
) -> None:
    told = refused(making(AgentBundle, "bundle", str(agent_folder(tmp_path / "agent", **manifest))))
    assert told.startswith("AgentBundle 'bundle': source is ")
    assert said in told
    assert told.endswith("Correct the manifest.")


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    assert "every agent needs one" in refused(making(AgentBundle, "bundle", str(tmp_path)))
