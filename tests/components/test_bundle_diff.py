"""What differs between two bundles is told part by part."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from agent_hosting_cli.bundles import bundle_at, difference
from agent_hosting_cli.project import Project, UserError
from tests.components.samples import MODEL, agent_folder, empty_zip, packed


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_equal_bundles_have_no_difference(project: Project, tmp_path: Path) -> None:
    folder = agent_folder(tmp_path / "agent")
    shutil.copytree(folder, tmp_path / "copy")
    assert difference(bundle_at(project, str(folder)), bundle_at(project, str(tmp_path / "copy"))) == {}


def test_each_part_tells_its_own_differences(project: Project, tmp_path: Path) -> None:
    before = agent_folder(tmp_path / "before")
    model = {**MODEL, "name": "model-2026-09-01"}
    after = agent_folder(
        tmp_path / "after", prompt="Answer briefly.", model=model, tools=["search", "book"], max_steps=9
    )
    (after / "more.py").write_text("")
    (before / "prompts" / "old.md").write_text("Once.")
    found = difference(bundle_at(project, str(before)), bundle_at(project, str(after)))
    assert found["prompts"] == ["- prompts/old.md", "~ prompts/system.md"]
    assert found["model"] == ["name: model-2026-01-01 -> model-2026-09-01"]
    assert found["max_steps"] == ["max_steps: 50 -> 9"]
    assert found["code"] == ["~ agent.yaml", "+ more.py"]
    assert [line.split(":")[0] for line in found["tools"]] == ["book"]
    assert set(found) == {"prompts", "model", "max_steps", "code", "tools"}


def test_tiers_tell_their_differences_field_by_field(project: Project, tmp_path: Path) -> None:
    small, other = {**MODEL, "max_output_tokens": 100}, {**MODEL, "name": "model-2026-09-01"}
    routing = [{"tier": "small", "task": "sort"}, {"tier": "large"}]
    tiers: list[dict[str, Any]] = [{"small": small, "large": MODEL}, {"small": small, "large": other}]
    folders = [
        agent_folder(tmp_path / str(n), model=None, models=models, routing=routing)
        for n, models in enumerate(tiers)
    ]
    found = difference(*(bundle_at(project, str(folder)) for folder in folders))
    assert found["models"] == ["large.name: model-2026-01-01 -> model-2026-09-01"]
    assert set(found) == {"model", "models", "code"}


def test_a_release_is_found_by_its_id_and_by_its_zip(project: Project, tmp_path: Path) -> None:
    folder = agent_folder(tmp_path / "agent")
    release = packed(folder)
    store = tmp_path / "releases" / "handbook"
    store.mkdir(parents=True)
    shutil.copy(release["archive"], store / f"{release['bundle_id']}.zip")
    for name in (release["bundle_id"], release["archive"], str(folder)):
        assert bundle_at(project, name).bundle_id == release["bundle_id"]


def test_what_is_no_bundle_is_refused_with_what_to_do(project: Project, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="`agent-hosting release new` packs one"):
        bundle_at(project, "0" * 12)
    with pytest.raises(UserError, match=r"holds no bundle\.json"):
        bundle_at(project, str(empty_zip(tmp_path / "empty.zip")))
