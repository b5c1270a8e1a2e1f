"""Writes `policies/manifest.json` and `docs/policies.md` from the rules' metadata.

`python -m policies.framework.catalogue` writes both; a test holds them to be current.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from .rule import Rule, StackRule, metadata
from .settings import RELAXED

HEAD = Path(__file__).with_suffix(".md")
"""What the documentation says before it comes to the rules."""
ROOT = Path(__file__).resolve().parents[2]
MANIFEST, DOCUMENT = ROOT / "policies" / "manifest.json", ROOT / "docs" / "policies.md"


def manifest(rules: Sequence[Rule]) -> str:
    return json.dumps({"rules": [metadata(rule) for rule in rules]}, indent=2, ensure_ascii=False) + "\n"


def document(rules: Sequence[Rule]) -> str:
    relaxed = ", ".join(f"`{name}`" for name in RELAXED)
    lines = [
        HEAD.read_text().replace("{relaxed}", relaxed),
        "| id | rule | level | severity |",
        "|---|---|---|---|",
    ]
    lines += [f"| {r.id} | [{r.title}](#{r.name}) | {r.level.value} | {r.severity.value} |" for r in rules]
    for rule in rules:
        kind = "the whole stack" if isinstance(rule, StackRule) else "one resource"
        lines += ["", f"### {rule.name}", f"**{rule.id}. {rule.title}.** {rule.why} {rule.remediation}", ""]
        lines.append(f"- Judges {kind}: {', '.join(f'`{name}`' for name in sorted(rule.types))}.")
        lines += [f"- {tool}: {', '.join(ids)}." for tool, ids in sorted(rule.external.items())]
        lines += [f"- Source: {page}" for page in rule.sources]
    return "\n".join(lines) + "\n"


def main() -> None:
    from ..rules import all_rules

    MANIFEST.write_text(manifest(all_rules()))
    DOCUMENT.write_text(document(all_rules()))


if __name__ == "__main__":
    main()
