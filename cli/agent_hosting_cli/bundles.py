"""What differs between two bundles, part by part."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agent_hosting_cli.lineage import Lineage
from agent_hosting_cli.project import Project, UserError
from agent_runtime.bundle import BUNDLE_FILE, Bundle

_FILES = ("prompts", "knowledge", "code")
"""Parts that are hashes by path; every other one is a value."""


def bundle_at(project: Project, name: str, lineage: Lineage | None = None) -> Bundle:
    """The bundle of a packed release, named by its id or by its zip, or of an agent's folder. With `lineage`
    an id is that of a release that was deployed.

    Raises `UserError`.
    """
    path = Path(name)
    if lineage is not None and not path.exists():
        return lineage.bundle(name)
    if path.is_dir():
        return _of_folder(path)
    zips = [path] if path.is_file() else sorted((project.root / "releases").glob(f"*/{name}.zip"))
    if not zips:
        raise UserError(
            f"{name!r} is no folder, no zip and no release in {project.root / 'releases'}; "
            f"`agent-hosting release new` packs one"
        )
    try:
        with zipfile.ZipFile(zips[0]) as archive:
            return Bundle.model_validate_json(archive.read(BUNDLE_FILE))
    except (zipfile.BadZipFile, KeyError, ValidationError):
        raise UserError(f"{zips[0]} holds no {BUNDLE_FILE} that this version knows; pack it anew") from None


def difference(before: Bundle, after: Bundle) -> dict[str, list[str]]:
    """By part, a line for each difference; parts that are equal are left out."""
    old, new = before.model_dump(mode="json"), after.model_dump(mode="json")
    found: dict[str, list[str]] = {}
    for part in new:
        if part in _FILES:
            lines = _of_files(old[part], new[part])
        elif part == "tools":
            lines = _of_values(*({tool["name"]: tool for tool in held[part]} for held in (old, new)))
        elif part == "models":
            lines = _of_values(*(_by_field(held[part]) for held in (old, new)))
        elif isinstance(new[part], dict):
            lines = _of_values(old[part], new[part])
        else:
            lines = _of_values({part: old[part]}, {part: new[part]})
        if lines:
            found[part] = lines
    return found


def _by_field(tiers: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {f"{tier}.{field}": value for tier, model in tiers.items() for field, value in model.items()}


def _of_files(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    signs = {True: "~", False: "+"}
    gone = [f"- {path}" for path in old if path not in new]
    other = [f"{signs[path in old]} {path}" for path in new if old.get(path) != new[path]]
    return sorted([*gone, *other], key=lambda line: line[2:])


def _of_values(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    names = sorted({*old, *new})
    return [
        f"{name}: {_shown(old.get(name))} -> {_shown(new.get(name))}"
        for name in names
        if old.get(name) != new.get(name)
    ]


def _shown(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _of_folder(folder: Path) -> Bundle:
    from agent_hosting._validation import InputError, Inputs
    from agent_hosting.agent_bundle import read_bundle  # the components take two seconds to import

    try:
        return read_bundle(folder, None, Inputs("Agent", folder.name, {}))
    except InputError as error:
        raise UserError(str(error)) from None
