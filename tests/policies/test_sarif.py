"""Findings as SARIF: by the published schema, whole after each finding, and beside the line that names it."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from policies.framework.engine import _sarif
from policies.framework.outcomes import Finding, Outcome, Severity
from policies.framework.sarif import FOLDER, SarifFile, Sources
from policies.rules import all_rules

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((Path(__file__).parent / "sarif-2.1.0.schema.json").read_text())
"""As the package @microsoft/jest-sarif ships it."""
URN = "urn:pulumi:dev::shop::aws:sqs/queue:Queue::orders-dead"


def failures_of_schema(log: Any) -> list[str]:
    return [error.message for error in jsonschema.Draft4Validator(SCHEMA).iter_errors(log)]


def finding(outcome: Outcome = Outcome.FAIL, **changes: Any) -> Finding:
    given = {"rule_id": all_rules()[0].id, "rule": all_rules()[0].name, "urn": URN, "message": "is “bad”."}
    return Finding(**{**given, "outcome": outcome, "severity": Severity.HIGH, **changes})


@pytest.fixture
def file(tmp_path: Path) -> SarifFile:
    return SarifFile(tmp_path / "out" / "shop.dev.sarif", all_rules(), "shop.dev", Sources(None))


def read(tmp_path: Path) -> dict[str, Any]:
    log = json.loads((tmp_path / "out" / "shop.dev.sarif").read_text())
    assert failures_of_schema(log) == []
    return log["runs"][0]


def test_a_stack_without_findings_has_a_log_so_that_old_alerts_are_closed(
    file: SarifFile, tmp_path: Path
) -> None:
    file.finish()
    run = read(tmp_path)
    assert run["results"] == []
    assert run["invocations"] == [{"executionSuccessful": True}]
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} >= {rule.id for rule in all_rules()}


def test_the_log_is_whole_after_each_finding_and_says_when_the_stack_was_not_judged_to_its_end(
    file: SarifFile, tmp_path: Path
) -> None:
    for number in range(1, 4):
        file.add([finding(blocks=True)])
        run = read(tmp_path)
        assert len(run["results"]) == number
        assert run["invocations"] == [{"executionSuccessful": False}]


@pytest.mark.parametrize(
    ("told", "level"),
    [
        (finding(blocks=True), "error"),
        (finding(), "warning"),
        (finding(Outcome.ERROR, blocks=True), "error"),
        (finding(Outcome.NOT_CHECKED), "note"),
        (finding(Outcome.WAIVER, rule_id="waiver", urn="", blocks=True), "error"),
        (finding(Outcome.WAIVER, rule_id="waiver", urn=""), "note"),
    ],
)
def test_levels_are_those_of_the_run(told: Finding, level: str, file: SarifFile, tmp_path: Path) -> None:
    file.add([told])
    run = read(tmp_path)
    (result,) = run["results"]
    assert result["level"] == level
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    assert result["message"]["text"] == told.line


def test_a_waived_finding_is_suppressed_with_its_reason(file: SarifFile, tmp_path: Path) -> None:
    file.add([finding(Outcome.WAIVED, message="is bad. Waived until May: replaced then.")])
    (result,) = read(tmp_path)["results"]
    assert "replaced then" in result["suppressions"][0]["justification"]


def test_two_findings_of_one_rule_stay_two_alerts(file: SarifFile, tmp_path: Path) -> None:
    file.add([finding(path="a"), finding(path="b"), finding(path="a", urn=URN + "2")])
    prints = [one["partialFingerprints"]["primaryLocationLineHash"] for one in read(tmp_path)["results"]]
    assert len(set(prints)) == 3


@pytest.mark.parametrize(
    ("name", "page", "line"),
    [
        ("orders", "infra/__main__.py", 2),
        ("orders-dead", "infra/__main__.py", 2),
        ("orders-extra-long", "infra/__main__.py", 2),
        ("handbook", "infra/Pulumi.dev.yaml", 3),
        ("handbook-role", "infra/Pulumi.dev.yaml", 3),
        ("nowhere", "infra/Pulumi.yaml", 1),
    ],
)
def test_a_finding_stands_at_the_line_that_names_the_resource(
    name: str, page: str, line: int, tmp_path: Path
) -> None:
    infra = tmp_path / "infra"
    infra.mkdir()
    (infra / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (infra / "Pulumi.dev.yaml").write_text("config:\n  shop:agents:\n    handbook:\n      host: lambda\n")
    (infra / "__main__.py").write_text('import x\nx.Queue("orders", dead="orders-d")\n')
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text('"orders"\n')
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "a.js").write_text('"nowhere"\n')
    assert Sources(tmp_path).place(f"urn:pulumi:dev::shop::a:b:C::{name}") == (page, line)


def test_a_file_is_written_where_the_environment_says_and_for_each_stack_its_own(tmp_path: Path) -> None:
    assert _sarif(all_rules(), {}) is None
    for stack in ("dev", "prod"):
        given = {"POLICIES_SARIF": str(tmp_path), "PULUMI_PROJECT": "shop", "PULUMI_STACK": stack}
        assert _sarif(all_rules(), given) is not None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shop.dev.sarif", "shop.prod.sarif"]


def test_a_relative_folder_is_refused_since_the_engine_runs_the_pack_elsewhere() -> None:
    with pytest.raises(ValueError, match=r"\$PWD/build"):
        _sarif(all_rules(), {"POLICIES_SARIF": "build"})


def test_the_workflow_for_pull_requests_uploads_what_the_pack_writes() -> None:
    """Names that the workflow and the pack must share."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "policies.yml").read_text())
    job = workflow["jobs"]["preview"]
    (preview,) = [step for step in job["steps"] if step.get("id") == "preview"]
    (upload,) = [step for step in job["steps"] if "upload-sarif" in step.get("uses", "")]
    assert preview["env"][FOLDER] == upload["with"]["sarif_file"]
    assert "--policy-pack" in preview["run"]
    assert workflow["permissions"] == {}
    assert job["permissions"] == {"contents": "read", "id-token": "write", "security-events": "write"}
    for step in job["steps"]:
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step.get("uses", f"a@{'0' * 40}")), step


def test_the_documented_caller_gives_the_workflow_what_it_asks_for() -> None:
    (snippet,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "policies.md").read_text(), re.DOTALL)
    (caller,) = yaml.safe_load(snippet)["jobs"].values()
    workflow = yaml.safe_load((ROOT / caller["uses"]).read_text())
    asked = workflow[True]["workflow_call"]["inputs"]  # YAML 1.1 reads `on` as true
    assert set(caller["with"]) <= set(asked)
    assert {name for name, of in asked.items() if of.get("required")} <= set(caller["with"])
    assert caller["permissions"] == workflow["jobs"]["preview"]["permissions"]
