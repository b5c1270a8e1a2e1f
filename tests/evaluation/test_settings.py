"""gates.yaml: what it may say, and how a mistake in it is told."""

from pathlib import Path

import pytest

from agent_hosting_cli.evaluation.settings import GateSettings, read_settings
from agent_hosting_cli.project import UserError
from agent_runtime.rollout.gates import DEFAULTS


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    settings = read_settings(tmp_path)
    assert settings == GateSettings()
    assert settings.thresholds == dict(DEFAULTS)
    assert [(spec.kind, spec.metric) for spec in settings.scorers] == [
        ("completed", "task_success"),
        ("retrieval_overlap", "grounding"),
        ("required_tools", "tool_call_accuracy"),
    ]


def test_an_empty_file_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "gates.yaml").write_text("# nothing yet\n")
    assert read_settings(tmp_path) == GateSettings()


def test_every_kind_of_scorer_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "gates.yaml").write_text(
        """
minimum_samples: 5
thresholds: {task_success: {at_least: 0.5}}
at_once: 2
cases: evaluation/other.jsonl
scorers:
  - {kind: completed, metric: task_success}
  - {kind: exact, metric: task_success, field: answer}
  - {kind: regex, metric: form, pattern: "^a"}
  - {kind: json_schema, metric: form, schema: {type: object}}
  - {kind: retrieval_overlap, metric: grounding, field: sources, key: name}
  - {kind: required_tools, metric: tool_call_accuracy}
  - {kind: judge, metric: tone, rubric: Is it polite}
  - {kind: python, metric: length, function: "scores:length"}
judge: {provider: bedrock, name: judge-v1, input_usd_per_million_tokens: 1, output_usd_per_million_tokens: 2}
"""
    )
    settings = read_settings(tmp_path)
    assert len({spec.kind for spec in settings.scorers}) == 8
    assert (settings.minimum_samples, settings.at_once) == (5, 2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("minimum_samples: 0", r"gates\.yaml: minimum_samples is 0: .*greater than or equal to 1"),
        (
            "minimum_sample: 5",
            r"minimum_sample is 5: no such field; known are at_once, cases, judge, minimum",
        ),
        ("thresholds: {a: {at_least: 1, at_most: 2}}", r"thresholds\.a is .*: give either `at_least` or"),
        ("thresholds: {a: {atleast: 1}}", r"thresholds\.a\.atleast is 1: no such field; known are at_least,"),
        ("thresholds: {a: {at_least: .nan}}", r"thresholds\.a\.at_least is nan: .*finite"),
        ("thresholds: {}", r"thresholds is \{\}: .*at least 1"),
        ("scorers: [{kind: fuzzy, metric: a}]", r"scorers\.0 is .*: .*'fuzzy'.*'completed', 'exact'"),
        ("scorers: [{kind: exact}]", r"scorers\.0\.metric: Field required"),
        ("scorers: [{kind: exact, metric: A b}]", r"scorers\.0\.metric is 'A b': "),
        (
            "scorers: [{kind: exact, metric: a, fields: b}]",
            r"scorers\.0\.fields is 'b': .* field, kind, metric",
        ),
        ("scorers: [{kind: regex, metric: a, pattern: '('}]", r"scorers\.0\.pattern is '\(': not a regular"),
        ("scorers: [{kind: exact, metric: escalation_rate}]", r"is measured without a scorer"),
        ("scorers: [{kind: python, metric: a, function: x}]", r"scorers\.0\.function is 'x'"),
        ("scorers: [{kind: json_schema, metric: a}]", r"scorers\.0\.schema: Field required"),
        ("cases: ../cases.jsonl", r"cases is '\.\./cases\.jsonl': a path inside the agent's folder"),
        ("judge: {provider: other}", r"judge\.provider is 'other': .*'bedrock' or 'openai'"),
        ("- a list", r"the document is \['a list'\]: "),
        ("thresholds: [", r"gates\.yaml is not YAML: "),
    ],
)
def test_a_mistake_is_told_with_its_path_its_value_and_what_is_allowed(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "gates.yaml").write_text(text)
    with pytest.raises(UserError, match=said) as error:
        read_settings(tmp_path)
    assert str(error.value).startswith(str(tmp_path / "gates.yaml"))
