"""Findings as SARIF 2.1.0, which code hosts show beside the lines of a pull request.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html and, for what GitHub takes of it,
https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .outcomes import Finding, Outcome, Severity
from .rule import Rule

FOLDER = "POLICIES_SARIF"
"""Environment variable: the folder, given in full, that gets a file for each stack that is judged."""
_PAGE = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_SCORES = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "2.5"}
"""`security-severity`: GitHub reads 9 and more as critical, 7 as high, 4 as medium."""
_WAIVERS = {
    "id": "waiver",
    "name": "waivers-hold",
    "shortDescription": {"text": "Waivers have a reason, hold today and are of use"},
}


class SarifFile:
    """One stack's log. It is a whole document after each finding: a program that fails halfway, or an engine
    that ends the pack's process, leaves what was found until then."""

    def __init__(self, path: Path, rules: Sequence[Rule], stack: str, sources: "Sources") -> None:
        self._numbers = {rule.id: n for n, rule in enumerate(rules)} | {"waiver": len(rules)}
        self._sources, self._path = sources, path
        self._end, self._results, self._whole = 0, 0, False
        head = {
            "tool": {
                "driver": {
                    "name": "agent-hosting-policies",
                    "rules": [*(_descriptor(rule) for rule in rules), _WAIVERS],
                }
            },
            "automationDetails": {"id": f"policies/{stack}/"},
            "columnKind": "unicodeCodePoints",
        }
        begun = json.dumps({"$schema": _PAGE, "version": "2.1.0", "runs": [head]}, ensure_ascii=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
        self._write(begun.removesuffix("}]}") + ', "results": [\n')

    def add(self, findings: Iterable[Finding]) -> None:
        text = ""
        for finding in findings:
            told = json.dumps(self._result(finding), ensure_ascii=False)
            text += (",\n" if self._results else "") + told
            self._results += 1
        self._write(text)

    def finish(self) -> None:
        """Says that the whole stack was judged."""
        self._whole = True
        self._write("")

    def _write(self, text: str) -> None:
        """Puts the text where the results end, and the end of the document behind it."""
        end = f'\n], "invocations": {json.dumps([{"executionSuccessful": self._whole}])}}}]}}\n'
        with self._path.open("r+b") as file:
            file.seek(self._end)
            self._end += file.write(text.encode())
            file.write(end.encode())
            file.truncate()

    def _result(self, finding: Finding) -> dict[str, Any]:
        page, line = self._sources.place(finding.urn)
        same = hashlib.sha256("\0".join((finding.rule_id, finding.urn, finding.path)).encode()).hexdigest()
        made: dict[str, Any] = {
            "ruleId": finding.rule_id,
            "ruleIndex": self._numbers[finding.rule_id],
            "level": _level(finding),
            "message": {"text": finding.line},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": page},
                        "region": {"startLine": line},
                    },
                    "logicalLocations": [
                        {
                            "name": finding.urn.rpartition("::")[2] or "the stack",
                            "fullyQualifiedName": finding.urn or "the stack",
                            "kind": "resource",
                        }
                    ],
                }
            ],
            "partialFingerprints": {"primaryLocationLineHash": same[:32]},
        }
        if finding.outcome is Outcome.WAIVED:
            made["suppressions"] = [{"kind": "external", "justification": finding.message}]
        return made


def _level(finding: Finding) -> str:
    if finding.blocks:
        return "error"
    told = finding.outcome in (Outcome.NOT_CHECKED, Outcome.WAIVER)
    return "note" if told else "warning"


def _descriptor(rule: Rule) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": rule.id,
        "name": rule.name,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": rule.remediation},
        "properties": {
            "security-severity": _SCORES[rule.severity],
            "tags": ["security", *(f"{tool} {name}" for tool, ids in rule.external.items() for name in ids)][
                :20
            ],
        },
    }
    if rule.sources:
        made["helpUri"] = rule.sources[0]
    return made


class Sources:
    """Where in a repository a resource is named. Pulumi does not tell packs which line made a resource, so it
    is the first line with its name in quotes, or as a key of YAML; else with the beginning of its name, as
    components name their children; else the project's own file."""

    _KINDS = (".py", ".ts", ".js", ".go", ".cs", ".java", ".yaml", ".yml")
    _NOT_OURS = frozenset({"node_modules", "venv", "site-packages", "build", "dist", "__pycache__"})
    _MOST_FILES, _LONGEST = 2000, 400_000
    _NAMED = re.compile(
        r"""["'`]([A-Za-z][\w.-]{0,99})["'`]|^\s*(?:-\s+)?([A-Za-z][\w.-]{0,99}):(?:\s|$)""", re.MULTILINE
    )

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self._lines: Mapping[str, tuple[str, int]] | None = None

    def place(self, urn: str) -> tuple[str, int]:
        if self._lines is None:
            self._lines = self._read()
        parts = urn.rpartition("::")[2].split("-")
        for last in range(len(parts), 0, -1):
            if found := self._lines.get("-".join(parts[:last])):
                return found
        return self._lines.get("", ("Pulumi.yaml", 1))

    def _read(self) -> dict[str, tuple[str, int]]:
        found: dict[str, tuple[str, int]] = {}
        for path in self._files():
            page = path.relative_to(self._root or path.parent).as_posix()
            if path.name == "Pulumi.yaml":
                found.setdefault("", (page, 1))
            try:
                text = path.read_text(encoding="utf-8") if path.stat().st_size < self._LONGEST else ""
            except (OSError, UnicodeDecodeError):
                continue
            line, at = 1, 0
            for named in self._NAMED.finditer(text):
                start = named.start(named.lastindex or 0)
                line, at = line + text.count("\n", at, start), start
                found.setdefault(named[1] or named[2], (page, line))
        return found

    def _files(self) -> list[Path]:
        """Programs first, and stacks' files before other YAML, since a name may be in many."""
        found: list[Path] = []
        waiting = [self._root] if self._root else []
        while waiting and len(found) < self._MOST_FILES:
            folder = waiting.pop(0)
            try:
                held = sorted(folder.iterdir())
            except OSError:
                continue
            for path in held:
                if path.name.startswith(".") or path.name in self._NOT_OURS or path.is_symlink():
                    continue
                if path.is_dir():
                    if not (path / "PulumiPolicy.yaml").exists():
                        waiting.append(path)
                elif path.suffix in self._KINDS:
                    found.append(path)
        return sorted(found[: self._MOST_FILES], key=_first)


def _first(path: Path) -> tuple[int, int, str]:
    tests = any(part.startswith("test") for part in path.parts[-4:])
    kind = 1 if path.name.startswith("Pulumi.") else 2 if path.suffix in (".yaml", ".yml") else 0
    return (1 if tests else 0, kind, path.as_posix())
