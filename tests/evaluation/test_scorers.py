"""Each scorer gives 0 to 1 or says that it does not apply, whatever a run returned."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_hosting_cli.evaluation.cases import Case
from agent_hosting_cli.evaluation.results import TIMED_OUT, CaseResult
from agent_hosting_cli.evaluation.scorers import Scorer, scored
from agent_hosting_cli.evaluation.scorers.judge import Judge, score_in
from agent_hosting_cli.evaluation.scorers.outputs import Completed, Exact, JsonSchema, Regex, equal, holds
from agent_hosting_cli.evaluation.scorers.own import Own
from agent_hosting_cli.evaluation.scorers.traces import RequiredTools, RetrievalOverlap
from agent_hosting_cli.project import UserError

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)
names = st.lists(st.sampled_from(["a.md", "b.md", "search", "lookup"]), max_size=4)


class Replies:
    """A judge's model that answers from a list, its last answer again and again."""

    def __init__(self, *replies: str) -> None:
        self._replies = list(replies)
        self.questions: list[str] = []
        self.unreadable = 0

    def __call__(self, _system: str, question: str) -> str:
        self.questions.append(question)
        return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]

    def gave_no_score(self) -> None:
        self.unreadable += 1


def case(**more: Any) -> Case:
    return Case(id="c", input={}, **more)


def done(output: Any = None, *steps: str) -> CaseResult:
    return CaseResult("c", "DONE", 1.0, output=output, steps=tuple((name, False) for name in steps))


def every_scorer(reply: str = '{"score": 0.5}') -> list[Scorer]:
    return [
        Completed("m", None),
        Completed("m", "answer"),
        Exact("m", "citations.0.document"),
        Regex("m", "answer", "a+"),
        JsonSchema("m", "answer", {"type": "string"}),
        RetrievalOverlap("m"),
        RequiredTools("m", {"search", "lookup"}),
        Judge("m", "answer", "good?", Replies(reply)),
    ]


@settings(deadline=None)  # the first one imports the library of JSON schemas
@given(
    output=json_values | st.fixed_dictionaries({"answer": json_values, "citations": json_values}),
    expected=json_values,
    tools=names,
    cites=names,
    status=st.sampled_from(["DONE", "FAILED", "WAITING_APPROVAL", TIMED_OUT]),
    reply=st.text(max_size=20) | st.just('{"score": 7}'),
)
def test_every_score_lies_between_0_and_1(
    output: Any, expected: Any, tools: list[str], cites: list[str], status: str, reply: str
) -> None:
    one = case(expected=expected, required_tools=tools, must_cite=cites)
    result = CaseResult("c", status, 1.0, output=output, steps=tuple((name, False) for name in tools))
    for scorer in every_scorer(reply):
        score = scorer.score(one, result)
        assert score is None or 0 <= score <= 1


@given(expected=json_values)
def test_an_output_that_is_what_was_expected_scores_1(expected: Any) -> None:
    one, result = case(expected=expected), done({"answer": expected})
    assert Completed("m", "answer").score(one, result) == 1
    assert Exact("m", "answer").score(one, result) in (1, None)
    assert holds({"answer": expected}, {"answer": expected})


@given(expected=json_values.filter(lambda value: value is not None))
def test_a_run_that_is_not_done_scores_0_where_a_scorer_applies(expected: Any) -> None:
    failed = CaseResult("c", "FAILED", 1.0, output={"answer": expected})
    for scorer in (Completed("m", "answer"), Exact("m", "answer"), JsonSchema("m", "answer", {})):
        assert scorer.score(case(expected=expected), failed) == 0


@given(wanted=st.sets(st.sampled_from("abcdef"), min_size=1), used=st.sets(st.sampled_from("abcdef")))
def test_the_shares_of_documents_and_tools_are_those_of_sets(wanted: set[str], used: set[str]) -> None:
    share = len(wanted & used) / len(wanted)
    cited = done({"citations": [{"document": name} for name in used]})
    assert RetrievalOverlap("m").score(case(must_cite=sorted(wanted)), cited) == share
    called = done(None, *sorted(used))
    assert RequiredTools("m", set("abcdef")).score(case(required_tools=sorted(wanted)), called) == share


def test_citations_may_be_names_and_lie_elsewhere() -> None:
    one = case(must_cite=["a.md", "b.md"])
    assert RetrievalOverlap("m", "sources").score(one, done({"sources": ["a.md", 3]})) == 0.5
    assert RetrievalOverlap("m", "sources", "name").score(one, done({"sources": [{"name": "b.md"}]})) == 0.5
    assert RetrievalOverlap("m").score(one, done({"citations": "a.md"})) == 0


def test_a_step_that_is_no_tool_is_no_call() -> None:
    assert RequiredTools("m", {"lookup"}).score(case(required_tools=["search"]), done(None, "search")) == 0


@pytest.mark.parametrize(
    ("found", "expected", "is_held"),
    [
        ({"answer": "Every 90  days. [1]"}, "every 90 days", True),
        ({"answer": "ninety"}, "90", False),
        ({"n": 42}, 42, True),
        ({"flag": True}, 1, False),
        ({"a": {"b": "x"}, "c": 1}, {"a": {"b": "X"}}, True),
        ({"a": 1}, {"b": 1}, False),
        ({"a": "x"}, "", False),
        ({"a": [1, 2]}, [1, 2], True),
    ],
)
def test_a_text_may_stand_anywhere_and_other_values_must_be_equal(
    found: Any, expected: Any, is_held: bool
) -> None:
    assert holds(found, expected) is is_held


def test_true_is_no_1() -> None:
    assert not equal({"a": [True]}, {"a": [1]})
    assert equal({"a": [1, None]}, {"a": [1.0, None]})


def test_a_pattern_comes_from_the_case_where_the_gate_has_none() -> None:
    one = case(expected=r"\d+ days")
    assert Regex("m", "answer", None).score(one, done({"answer": "in 90 days"})) == 1
    assert Regex("m", None, None).score(case(), done({})) is None
    with pytest.raises(UserError, match=r"case c: expected is '\('"):
        Regex("m", None, None).score(case(expected="("), done({}))


def test_a_schema_is_checked_and_reaches_for_no_address() -> None:
    with pytest.raises(UserError, match="the schema of the scorer `json_schema`"):
        JsonSchema("m", None, {"type": "strnig"})
    elsewhere = JsonSchema("m", None, {"$ref": "https://schemas.example.com/a.json"})
    with pytest.raises(
        UserError, match=r"refers to 'https://schemas\.example\.com/a\.json', which is not in"
    ):
        elsewhere.score(case(), done({}))


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ('{"score": 0.25}', 0.25),
        ('Sure! ```json\n{"score": 1}\n```', 1.0),
        ('{"why": {"score": 0.5}}', 0.5),
        ('{"score": true} {"score": 2}', None),
        ('{"score": NaN}', None),
        ("0.5", None),
        ("{" * 3000, None),
    ],
)
def test_the_judges_score_is_found_in_what_it_says(text: str, score: float | None) -> None:
    assert score_in(text) == score


def test_a_judge_that_gives_no_score_is_asked_again_and_then_counts_as_0() -> None:
    replies = Replies("well", '{"score": 0.75}', "well")
    judge = Judge("m", None, "good?", replies)
    assert judge.score(case(), done({})) == 0.75
    assert judge.score(case(), done({})) == 0
    assert (len(replies.questions), replies.unreadable) == (4, 1)


def test_a_case_is_worth_its_lowest_score_of_a_metric() -> None:
    one = case(expected="x", must_cite=["a.md"])
    scorers: list[Scorer] = [Completed("m", None), Exact("m", "answer"), RetrievalOverlap("g")]
    assert scored(one, done({"answer": "has x"}), scorers) == {"m": 0.0, "g": 0.0}
    assert scored(case(), done({}), scorers) == {"m": 1.0}


def own(folder: Path, text: str, function: str = "scores:score") -> Own:
    (folder / "scores.py").write_text(text)
    return Own("m", function, folder)


def test_a_function_of_the_agents_own_scores_what_it_wants_to(tmp_path: Path) -> None:
    text = "def score(case, result):\n    return case['expected'] and result['output']['n'] / 10\n"
    scorer = own(tmp_path, text)
    assert scorer.score(case(expected=1), done({"n": 4})) == 0.4
    assert scorer.score(case(), done({"n": 4})) is None
    assert scorer.score(case(), CaseResult("c", "FAILED", 1.0)) == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "def score(case, result):\n    return 7\n",
            r"scores\.py: scores:score returned 7 for the case c; a number",
        ),
        ("def score(case, result):\n    return 'a'\n", "returned 'a'"),
        (
            "def score(case, result):\n    raise KeyError('sk-1')\n",
            r"scores\.py:2: scores:score raised KeyError",
        ),
        ("def other(case, result): ...\n", "there is no function 'score'"),
        ("import nowhere_to_be_found\n", r"scores\.py:1: importing it raised ModuleNotFoundError"),
        ("def score(:\n", r"scores\.py:1: importing it raised SyntaxError"),
    ],
)
def test_a_function_that_goes_wrong_is_told_by_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as error:
        own(tmp_path, text).score(case(), done({}))
    assert "sk-1" not in str(error.value)


def test_a_function_in_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"looked for in .*scores\.py, and there is no such file"):
        Own("m", "scores:score", tmp_path)
