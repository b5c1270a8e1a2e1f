import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import semver
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from agent_runtime.bundle import Bundle, ModelSpec, bundle_files, bundle_from_folder, load_manifest
from agent_runtime.errors import ManifestError
from agent_runtime.tool_spec import ToolSpec

MANIFEST = """
entrypoint: agent:answer
model:
  provider: openai
  name: small-v1
  input_usd_per_million_tokens: 1
  output_usd_per_million_tokens: 2
  api_key_secret: model-api-key
prompts: ["prompts/*.md"]
tools: [search, {name: lookup, description: finds an order}]
secrets: [model-api-key]
knowledge: documents
"""
FILES = {
    "agent.yaml": MANIFEST,
    "agent.py": "def answer(run): ...",
    "prompts/system.md": "Be brief.",
    "documents/a.md": "# A",
    "documents/deep/b.md": "# B",
}
IN_FOLDER = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def write(folder: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "agent", FILES)


def bundle_of(folder: Path, **more: object) -> Bundle:
    return bundle_from_folder(folder, runtime_fingerprint="r1", **more)  # pyright: ignore[reportArgumentType]


def test_every_file_is_in_exactly_one_part(folder: Path) -> None:
    bundle = bundle_of(folder)
    assert set(bundle.prompts) == {"prompts/system.md"}
    assert set(bundle.knowledge) == {"documents/a.md", "documents/deep/b.md"}
    assert set(bundle.code) == {"agent.py", "agent.yaml"}
    assert [tool.name for tool in bundle.tools] == ["search", "lookup"]


@IN_FOLDER
@given(path=st.sampled_from(sorted(set(FILES) - {"agent.yaml"})), at=st.integers(0), flip=st.integers(1, 255))
def test_one_changed_byte_in_any_file_is_another_bundle(folder: Path, path: str, at: int, flip: int) -> None:
    before = bundle_of(folder).bundle_id
    whole = bytearray((folder / path).read_bytes())
    original = bytes(whole)
    whole[at % len(whole)] ^= flip
    (folder / path).write_bytes(whole)
    assert bundle_of(folder).bundle_id != before
    (folder / path).write_bytes(original)
    assert bundle_of(folder).bundle_id == before


@IN_FOLDER
@given(order=st.permutations(sorted(FILES)))
def test_the_order_of_files_on_disk_does_not_matter(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, order: list[str]
) -> None:
    other = write(tmp_path_factory.mktemp("other"), {path: FILES[path] for path in order})
    assert bundle_of(other).bundle_id == bundle_of(folder).bundle_id


@pytest.mark.parametrize("field", ["entrypoint", "max_steps", "max_model_calls", "runtime_fingerprint"])
def test_each_other_part_is_part_of_the_identity(make_bundle: Callable[..., Bundle], field: str) -> None:
    changed = {"entrypoint": "other:answer", "runtime_fingerprint": "r2"}.get(field, 7)
    assert make_bundle(**{field: changed}).bundle_id != make_bundle().bundle_id


def test_a_file_moved_to_another_name_is_another_bundle(folder: Path) -> None:
    before = bundle_of(folder).bundle_id
    (folder / "agent.py").rename(folder / "agent2.py")
    assert bundle_of(folder).bundle_id != before


def test_another_model_is_another_bundle(folder: Path) -> None:
    spec = ModelSpec(
        provider="bedrock", name="small-v1:0", input_usd_per_million_tokens=1, output_usd_per_million_tokens=2
    )
    assert bundle_of(folder, model=spec).bundle_id != bundle_of(folder).bundle_id
    assert bundle_of(folder, model=spec).model == spec


def test_the_identity_survives_its_own_json(folder: Path) -> None:
    bundle = bundle_of(folder)
    again = Bundle.model_validate_json(bundle.canonical_json())
    assert again.bundle_id == bundle.bundle_id
    assert len(bundle.bundle_id) == 12
    assert list(json.loads(bundle.canonical_json())) == sorted(json.loads(bundle.canonical_json()))


def test_what_a_working_tree_leaves_behind_does_not_count(folder: Path) -> None:
    before = bundle_of(folder).bundle_id
    litter = (".env", ".venv/lib.py", ".git/HEAD", "__pycache__/agent.pyc", "agent.pyc", "bundle.json")
    write(folder, dict.fromkeys(litter, "x"))
    assert bundle_of(folder).bundle_id == before


def test_what_an_agent_is_measured_by_is_no_part_of_it(folder: Path) -> None:
    before, packed = bundle_of(folder).bundle_id, bundle_files(folder)
    write(folder, dict.fromkeys(("gates.yaml", "evaluation/cases.jsonl", "evaluation/deep/scores.py"), "x"))
    assert bundle_of(folder).bundle_id == before
    assert bundle_files(folder) == packed


@pytest.mark.parametrize("path", ["documents/gates.yaml", "documents/evaluation/a.md", "evaluation.py"])
def test_files_of_those_names_further_down_are_the_agents(folder: Path, path: str) -> None:
    before = bundle_of(folder).bundle_id
    write(folder, {path: "x"})
    assert bundle_of(folder).bundle_id != before
    assert path in bundle_files(folder)


def test_a_link_that_leaves_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("x")
    (folder / "prompts" / "stolen.md").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(ManifestError, match=r"prompts/stolen\.md links to"):
        bundle_of(folder)


def test_a_link_inside_the_folder_counts_as_its_content(folder: Path) -> None:
    (folder / "prompts" / "same.md").symlink_to("system.md")
    prompts = bundle_of(folder).prompts
    assert prompts["prompts/same.md"] == prompts["prompts/system.md"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("agent:answer", "agent.answer", r"agent\.yaml: entrypoint is 'agent\.answer'"),
        ("small-v1", "gpt-latest", r"model\.name is 'gpt-latest': a pinned version"),
        ("small-v1", "gpt-4o", r"model\.name is 'gpt-4o': .* such as gpt-4o-2024-08-06, .*\(my-model-v1\)"),
        ("tokens: 2", "tokens: 2\n  temperature: 3", r"model\.temperature is 3"),
        ("tokens: 2", "tokens: 2\n  stop_sequences: ['']", r"model\.stop_sequences\.0 is ''"),
        ("tokens: 2", "tokens: 2\n  stop_sequences: [a, b, c, d, e]", r"has 5 texts, and OpenAI takes 4"),
        (
            "{name: lookup,",
            "{name: lookup, version: '1.2',",
            r"tools\.1\.version is '1\.2': a range of semantic",
        ),
        ("{name: lookup,", "{name: lookup, version: '',", r"tools\.1\.version is '': a range of semantic"),
        ("openai", "other", r"model\.provider is 'other'.*'bedrock' or 'openai'"),
        ("knowledge:", "knowlege:", r"knowlege is 'documents': not a known field; known are .*knowledge"),
        ("secrets: [model-api-key]", "secrets: []", "must also be listed under secrets"),
        ("knowledge: documents", "knowledge: ../documents", "must be a path inside"),
        ("knowledge: documents", "knowledge: nowhere", "knowledge is 'nowhere', and no such path"),
        ("prompts/*.md", "prompt/*.md", r"prompts holds 'prompt/\*\.md', and no file matches"),
        ("tokens: 2", "tokens: -2", r"output_usd_per_million_tokens is -2"),
        ("entrypoint", "[", "is not YAML"),
    ],
)
def test_a_wrong_manifest_is_named_by_file_field_and_value(
    folder: Path, old: str, new: str, said: str
) -> None:
    (folder / "agent.yaml").write_text(MANIFEST.replace(old, new))
    with pytest.raises(ManifestError, match=said) as error:
        bundle_of(folder)
    assert "\n" not in str(error.value)


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"agent\.yaml does not exist"):
        load_manifest(tmp_path)


def test_a_manifest_has_bounds_by_default(folder: Path) -> None:
    manifest = load_manifest(folder)
    assert (manifest.max_steps, manifest.max_model_calls, manifest.model.max_output_tokens) == (50, 20, 1024)


def test_the_price_of_a_call_is_by_the_million() -> None:
    spec = ModelSpec(
        provider="openai", name="m-v1", input_usd_per_million_tokens=3, output_usd_per_million_tokens=15
    )
    assert spec.cost_usd(1_000, 200) == pytest.approx(0.006)


BEDROCK = {"provider": "bedrock", "name": "amazon.nova-pro-v1:0"}
PRICES = {"input_usd_per_million_tokens": 1, "output_usd_per_million_tokens": 2}


@pytest.mark.parametrize(
    ("parameter", "said"),
    [({"seed": 1}, "seed is not known to Bedrock"), ({"temperature": 1.5}, "takes 0 to 1")],
)
def test_a_parameter_that_the_provider_has_not_is_refused(parameter: dict[str, float], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ModelSpec.model_validate({**BEDROCK, **PRICES, **parameter})


@pytest.mark.parametrize(
    "parameter", [{"temperature": 0.2}, {"top_p": 0.9}, {"seed": 7}, {"stop_sequences": ["END"]}]
)
def test_each_parameter_of_the_model_is_part_of_the_bundle(
    folder: Path, parameter: dict[str, object]
) -> None:
    plain = load_manifest(folder).model
    changed = ModelSpec.model_validate({**plain.model_dump(), **parameter})
    assert bundle_of(folder, model=changed).bundle_id != bundle_of(folder).bundle_id


def test_the_version_of_the_knowledge_changes_with_a_document_and_with_nothing_else(folder: Path) -> None:
    before = bundle_of(folder).knowledge_version
    assert before is not None
    assert len(before) == 12
    write(folder, {"prompts/system.md": "Be long.", "agent.py": "def answer(run): return 1"})
    assert bundle_of(folder).knowledge_version == before
    write(folder, {"documents/a.md": "# B"})
    assert bundle_of(folder).knowledge_version != before


def test_knowledge_outside_the_folder_has_the_version_that_the_manifest_names(folder: Path) -> None:
    (folder / "agent.yaml").write_text(f"{MANIFEST}knowledge_version: index-2026-11-01\n")
    named = bundle_of(folder)
    assert named.knowledge_version == "index-2026-11-01"
    (folder / "agent.yaml").write_text(MANIFEST.replace("knowledge: documents", ""))
    assert bundle_of(folder).knowledge_version is None


NUMBER = st.integers(0, 40)
VERSION = st.builds("{}.{}.{}".format, NUMBER, NUMBER, NUMBER) | st.from_regex(
    r"[0-9]{1,2}(\.[0-9]{1,2}){1,3}(-[0-9a-z.-]{1,6})?", fullmatch=True
)


@given(st.lists(st.builds("{}{}".format, st.sampled_from([">=", "<", "==", "", "~"]), VERSION), max_size=3))
def test_every_range_that_a_tool_may_ask_for_can_be_compared(comparisons: list[str]) -> None:
    try:
        ToolSpec(name="search", version=" ".join(comparisons))
    except ValidationError:
        return
    assert comparisons
    for comparison in comparisons:
        assert semver.Version.parse("1.0.0").match(comparison) in (True, False)


def test_the_ids_of_bundles_without_memory_are_what_they_were_before_there_was_any(
    make_bundle: Callable[..., Bundle],
) -> None:
    bundle = make_bundle()
    assert "memory" not in json.loads(bundle.canonical_json())
    assert bundle.bundle_id == "3111171cee53"
    assert Bundle.model_validate_json(bundle.canonical_json()) == bundle


def test_memory_is_a_part_of_the_bundle_with_its_defaults_filled_in(folder: Path) -> None:
    without = bundle_of(folder)
    assert without.memory is None
    (folder / "agent.yaml").write_text(MANIFEST + "memory: {}\n")
    bundle = bundle_of(folder)
    assert bundle.bundle_id != without.bundle_id
    assert json.loads(bundle.canonical_json())["memory"] == {"snapshots": 20, "snapshot_days": 30}
    assert Bundle.model_validate_json(bundle.canonical_json()) == bundle


@pytest.mark.parametrize(
    ("memory", "said"),
    [
        ("{snapshots: 0}", "memory.snapshots is 0: Input should be greater than or equal to 1"),
        ("{snapshots: 101}", "memory.snapshots is 101: Input should be less than or equal to 100"),
        ("{snapshot_days: 400}", "memory.snapshot_days is 400: Input should be less than or equal to 365"),
        ("{days: 3}", "memory.days is 3: not a known field here"),
    ],
)
def test_memory_that_cannot_be_is_refused_with_what_is_allowed(folder: Path, memory: str, said: str) -> None:
    (folder / "agent.yaml").write_text(MANIFEST + f"memory: {memory}\n")
    with pytest.raises(ManifestError, match=re.escape(said)):
        load_manifest(folder)
