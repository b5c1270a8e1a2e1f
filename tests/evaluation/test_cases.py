"""The evaluation set: one case a line, refused by its line."""

import json
from pathlib import Path

import pytest

from agent_hosting_cli.evaluation.cases import MOST_CASES, read_cases
from agent_hosting_cli.project import UserError

GOOD = '{"input": {"question": "?"}}'


def file_of(folder: Path, *lines: str) -> Path:
    path = folder / "cases.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_case_without_an_id_is_called_by_its_line_and_empty_lines_are_passed_over(tmp_path: Path) -> None:
    named = '{"id": "a", "input": {}, "expected": [1], "must_cite": ["x.md"], "required_tools": ["search"]}'
    found = read_cases(file_of(tmp_path, GOOD, "", named), {"search"})
    assert [case.id for case in found.cases] == ["line-1", "a"]
    assert found.cases[1].expected == [1]
    assert len(found.sha256) == 64


def test_what_a_run_of_production_put_out_may_stand_beside_a_case_and_asks_nothing(tmp_path: Path) -> None:
    seen = '{"output": {"answer": "90"}, "run_id": "r", "bundle_id": "b"}'
    (case,) = read_cases(file_of(tmp_path, f'{{"input": {{}}, "observed": {seen}}}')).cases
    assert case.expected is None
    assert case.observed is not None
    assert case.observed.output == {"answer": "90"}


def test_one_changed_byte_is_another_evaluation_set(tmp_path: Path) -> None:
    first = read_cases(file_of(tmp_path, GOOD)).sha256
    assert read_cases(file_of(tmp_path, GOOD + " ")).sha256 != first


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", r"'\{' is no JSON"),
        ("[1]", r"the document is \[1\]: "),
        ('{"expected": 1}', r"input: Field required"),
        ('{"input": "?"}', r"input is '\?': .*dictionary"),
        ('{"input": {}, "excepted": 1}', r"excepted is 1: no such field; known are expected, id, input"),
        ('{"input": {"a": NaN}}', r"NaN is no JSON"),
        (
            '{"input": {}, "required_tools": ["serach"]}',
            r"names 'serach', and agent\.yaml has .*; it has search",
        ),
        ('{"id": "line-1", "input": {}}', r"id is 'line-1', which line 1 has"),
    ],
)
def test_a_bad_line_is_refused_with_its_file_and_number(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(UserError, match=rf"cases\.jsonl:2: .*{said}|cases\.jsonl:2: {said}"):
        read_cases(file_of(tmp_path, GOOD, line), {"search"})


def test_no_file_no_cases_and_too_many_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist: write one case a line"):
        read_cases(tmp_path / "none.jsonl")
    with pytest.raises(UserError, match="holds no case"):
        read_cases(file_of(tmp_path, ""))
    many = [json.dumps({"input": {}})] * (MOST_CASES + 1)
    with pytest.raises(UserError, match=r":10001: an evaluation set has at most 10,000 cases"):
        read_cases(file_of(tmp_path, *many))


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_bytes('{"input": {"q": "ä"}}'.encode("latin-1"))
    with pytest.raises(UserError, match="cannot be read as UTF-8"):
        read_cases(path)
