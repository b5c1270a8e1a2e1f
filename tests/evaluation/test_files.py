"""Evidence and its picture."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_hosting_cli.evaluation.files import evidence_of_file, places, write
from agent_hosting_cli.evaluation.picture import number, picture
from agent_hosting_cli.evaluation.results import CaseResult
from agent_hosting_cli.project import Project, UserError
from agent_runtime.rollout.gates import Evidence, Gate, Measured, Threshold, judge

finite = st.floats(-1e9, 1e9, allow_nan=False)
SVG = "{http://www.w3.org/2000/svg}"


def evidence(**metrics: Measured) -> Evidence:
    return Evidence(
        agent="helper",
        bundle_id="0123456789ab",
        created_at=1,
        created_by="a",
        source="agent-hosting gate",
        metrics=metrics,
    )


def test_evidence_is_read_as_it_was_written_and_lies_under_its_bundle(tmp_path: Path) -> None:
    made = evidence(task_success=Measured(value=0.1 + 0.2, samples=3))
    where = places(Project(tmp_path), "helper", made.bundle_id, None)
    write(where, made, [CaseResult("a", "DONE", 1.0)], "<svg/>")
    assert where.evidence == tmp_path / "build" / "evidence" / "helper-0123456789ab.json"
    assert evidence_of_file(where.evidence) == made
    assert where.cases.read_text().count("\n") == 1
    write(where, made, [], "<svg/>")
    assert not where.cases.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "Invalid JSON"),
        ('{"agent": "a", "bundle": "b"}', "bundle is 'b': no such field; known are agent, bundle_id"),
        ('{"metrics": {"a": {"value": 1, "samples": -1}}}', r"metrics\.a\.samples is -1: "),
    ],
)
def test_what_is_no_evidence_is_refused_by_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "evidence.json"
    path.write_text(text)
    with pytest.raises(UserError, match=said):
        evidence_of_file(path)


def test_evidence_that_is_not_there_is_told_how_to_get(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"No such file.*`agent-hosting gate AGENT` writes evidence"):
        evidence_of_file(tmp_path / "none.json")
    with pytest.raises(UserError, match=r"ends in \.json"):
        places(Project(tmp_path), "helper", "0123456789ab", Path("evidence.txt"))
    (tmp_path / "file").write_text("")
    where = places(Project(tmp_path), "helper", "0123456789ab", tmp_path / "file" / "e.json")
    with pytest.raises(UserError, match=r"cannot be written: .*; use --out FILE"):
        write(where, evidence(), [], "")


@given(
    values=st.lists(st.none() | st.tuples(finite, finite, st.booleans()), min_size=1, max_size=4),
    with_stable=st.booleans(),
)
def test_a_picture_is_well_formed_and_stays_within_itself(
    values: list[tuple[float, float, bool] | None], with_stable: bool
) -> None:
    thresholds = {
        f"metric_{n}": Threshold(at_least=value[1]) if value and value[2] else Threshold(at_most=0.5)
        for n, value in enumerate(values)
    }
    metrics = {
        f"metric_{n}": Measured(value=value[0], samples=40, low=value[0] - 1, high=value[0] + 1)
        for n, value in enumerate(values)
        if value is not None
    }
    made = evidence(**metrics)
    judged = judge(Gate(thresholds=thresholds), metrics)
    tree = ElementTree.fromstring(picture(made, judged, made if with_stable else None))
    width = float(tree.attrib["width"])
    for shape in tree.iter(f"{SVG}rect"):
        assert float(shape.attrib["width"]) >= 0
        assert float(shape.attrib.get("x", 0)) + float(shape.attrib["width"]) <= width
    said = "".join(tree.itertext())
    assert all(name in said for name in thresholds)
    assert said.count("missed") + said.count("met ") >= len(thresholds)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.9, "0.9"), (1 / 3, "0.333"), (8000, "8,000"), (0.0000494, "0.000049"), (0, "0"), (1e-9, "1e-09")],
)
def test_figures_are_shown_as_people_read_them(value: float, shown: str) -> None:
    assert number(value) == shown


def test_a_name_cannot_break_the_picture() -> None:
    made = evidence().model_copy(update={"agent": "<b>&"})
    assert "<b>&" in "".join(ElementTree.fromstring(picture(made, [])).itertext())
