"""Who came from whom: the manifests that the control table keeps of every release of an agent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent_runtime.errors import TrafficUnknown

PREFIX: Final = "manifest#"


def partition(agent: str) -> str:
    """Where the manifests of an agent lie: apart from what the controller reads each minute."""
    return f"{agent}#manifests"


def item_name(bundle_id: str) -> str:
    """Key of a bundle's manifest in that partition."""
    return f"{PREFIX}{bundle_id}"


@dataclass(frozen=True)
class Manifest:
    """What a release is and where it came from. `at` is milliseconds since 1970, of its first deployment."""

    bundle_id: str
    parent: str
    """The release before it when it was first deployed; empty for the first."""
    at: int
    document: str | None = None
    """The bundle's canonical JSON; None where it is too long for an item."""


def manifest_from(item: Mapping[str, Any]) -> Manifest:
    """The manifest of a control table's item. Raises `TrafficUnknown`."""
    try:
        return Manifest(
            bundle_id=item["item"]["S"].removeprefix(PREFIX),
            parent=item["parent"]["S"],
            at=int(item["at"]["N"]),
            document=item["document"]["S"] if "document" in item else None,
        )
    except (KeyError, ValueError) as error:
        raise TrafficUnknown(f"a manifest cannot be read: {type(error).__name__} {error}") from error


def generations(manifests: Iterable[Manifest]) -> list[tuple[int, Manifest]]:
    """Each manifest below its parent, with its depth; children in the order of their time.

    One whose parent has no manifest begins a tree of its own. Parents that form a ring, which no deployment
    writes, are told as trees that begin with their oldest.
    """
    known = {manifest.bundle_id: manifest for manifest in manifests}
    by_time = sorted(known.values(), key=lambda manifest: (manifest.at, manifest.bundle_id))
    told: list[tuple[int, Manifest]] = []
    seen: set[str] = set()

    def tell(first: Manifest) -> None:
        waiting = [(0, first)]
        while waiting:
            depth, manifest = waiting.pop()
            if manifest.bundle_id in seen:
                continue
            seen.add(manifest.bundle_id)
            told.append((depth, manifest))
            children = [child for child in by_time if child.parent == manifest.bundle_id]
            waiting += [(depth + 1, child) for child in reversed(children)]

    for manifest in by_time:
        if manifest.parent not in known:
            tell(manifest)
    for manifest in by_time:
        tell(manifest)
    return told
