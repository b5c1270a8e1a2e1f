"""Small reports in the shapes that other evaluation tools write."""

from typing import Any

PYTEST = {
    "created": 1518371686.7,
    "duration": 0.12,
    "exitcode": 1,
    "summary": {"passed": 1, "failed": 1, "skipped": 1, "error": 1, "total": 4},
    "collectors": [{"nodeid": "", "outcome": "passed", "result": []}],
    "tests": [
        {
            "nodeid": "test_a.py::test_one",
            "outcome": "passed",
            "setup": {"duration": 0.1, "outcome": "passed"},
            "call": {"duration": 3.0, "outcome": "passed"},
            "metadata": {
                "grounding": 0.5,
                "latency_ms": 1200,
                "cost_usd": 0.02,
                "escalated": False,
                "who": "a",
            },
        },
        {
            "nodeid": "test_a.py::test_two",
            "outcome": "failed",
            "call": {"duration": 1.0, "outcome": "failed"},
        },
        {"nodeid": "test_a.py::test_three", "outcome": "skipped"},
        {"nodeid": "test_a.py::test_four", "outcome": "error"},
    ],
}
PROMPTFOO = {
    "evalId": "eval-1",
    "results": {
        "version": 3,
        "timestamp": "2026-01-15T10:30:00Z",
        "prompts": [],
        "results": [
            {
                "promptIdx": 0,
                "testIdx": 0,
                "success": True,
                "score": 1,
                "latencyMs": 840,
                "cost": 0.01,
                "namedScores": {"Grounding": 1, "Tone of voice": 0.5},
                "response": {"output": "…", "cached": False},
                "failureReason": 0,
            },
            {
                "promptIdx": 0,
                "testIdx": 1,
                "success": False,
                "score": 0.4,
                "latencyMs": 2,
                "cost": 0,
                "namedScores": {},
                "response": {"output": "…", "cached": True},
                "error": "expected …",
                "failureReason": 1,
            },
        ],
        "stats": {"successes": 1, "failures": 1, "errors": 0},
    },
    "config": {},
    "shareableUrl": None,
}
DEEPEVAL = {
    "testRunData": {
        "testCases": [
            {
                "name": "test_case_0",
                "input": "?",
                "actualOutput": "!",
                "success": True,
                "completionTime": 1.5,
                "tokenCost": 0.003,
                "runDuration": 9.0,
                "evaluationCost": 0.5,
                "metricsData": [
                    {"name": "Faithfulness", "threshold": 0.7, "success": True, "score": 0.9},
                    {"name": "Tool Correctness", "threshold": 0.5, "success": True, "score": 1.0},
                    {"name": "Politeness [GEval]", "threshold": 0.5, "success": True, "score": 0.8},
                    {"name": "Toxicity", "threshold": 0.5, "success": False, "score": None, "error": "…"},
                ],
            },
            {"name": "test_case_1", "input": "?", "success": False, "metricsData": []},
            {"name": "test_case_2", "input": "?", "success": None},
        ],
        "conversationalTestCases": [],
        "metricsScores": [],
        "testPassed": 1,
        "testFailed": 1,
    },
    "testRunLink": None,
}
INSPECT = {
    "version": 2,
    "status": "success",
    "eval": {"task": "handbook", "model": "openai/small-v1"},
    "results": {"total_samples": 3, "completed_samples": 3, "scores": []},
    "samples": [
        {
            "id": 1,
            "epoch": epoch,
            "input": "?",
            "target": "!",
            "scores": {"match": {"value": value, "answer": "!", "explanation": ""}},
            "model_usage": {"openai/small-v1": {"input_tokens": 9, "output_tokens": 1, "total_cost": 0.002}},
            "total_time": 2.0,
            "working_time": 1.0,
        }
        for epoch, value in ((1, "C"), (2, "I"))
    ]
    + [{"id": 2, "epoch": 1, "input": "?", "target": "!", "error": {"message": "…"}, "total_time": 4.0}],
}
REPORTS: dict[str, Any] = {
    "pytest": PYTEST,
    "promptfoo": PROMPTFOO,
    "deepeval": DEEPEVAL,
    "inspect": INSPECT,
}
