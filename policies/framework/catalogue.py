"""Writes `policies/manifest.json` and `docs/policies.md` from the rules' metadata.

`python -m policies.framework.catalogue` writes both; a test holds them to be current.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from .rule import Rule, StackRule, metadata
from .settings import RELAXED

ROOT = Path(__file__).resolve().parents[2]
MANIFEST, DOCUMENT = ROOT / "policies" / "manifest.json", ROOT / "docs" / "policies.md"

_HEAD = """# The policy pack

Generated from the rules by `python -m policies.framework.catalogue`; edit `policies/rules/` instead.

`pulumi preview --policy-pack policies` judges a stack, whoever wrote it. Each rule answers in one of
three ways: it passes, it fails with a message and the property's path, or it was not checked since a
value is unknown until the deployment; then it is judged in `up`. A missing property is judged by AWS's
default. A rule that raises is reported as its own error for that resource, and the run fails.

**Levels.** `mandatory` blocks everywhere; `mandatory in prod` advises in {relaxed} and blocks in any
other environment; `advisory` never blocks. The environment is the pack's config, else the stack's tag
`environment`, else what the stack's name tells, else prod.

**Config**, given with `--policy-pack-config`:
```json
{{"agent-hosting": {{
  "environment": "staging",
  "levels": {{"AG17": "advisory"}},
  "waivers": [{{"policy": "AG17", "resource": "old-role", "reason": "Replaced by the new platform in May",
                "expires": "2027-05-31"}}]
}}}}
```
A waiver names a rule by id or name and a resource by name or URN. Without a reason, or past its day, it
fails the run; one of no use is reported.

"""


def manifest(rules: Sequence[Rule]) -> str:
    return json.dumps({"rules": [metadata(rule) for rule in rules]}, indent=2, ensure_ascii=False) + "\n"


def document(rules: Sequence[Rule]) -> str:
    relaxed = ", ".join(f"`{name}`" for name in RELAXED)
    lines = [_HEAD.format(relaxed=relaxed), "| id | rule | level | severity |", "|---|---|---|---|"]
    lines += [f"| {r.id} | [{r.title}](#{r.name}) | {r.level.value} | {r.severity.value} |" for r in rules]
    for rule in rules:
        kind = "the whole stack" if isinstance(rule, StackRule) else "one resource"
        lines += ["", f"## {rule.name}", f"**{rule.id}. {rule.title}.** {rule.why} {rule.remediation}", ""]
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
