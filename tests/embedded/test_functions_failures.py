import json
import threading
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from tests.embedded.functions_world import HOLD, PATIENCE_SECONDS, Gateway, World, package, serving, world

CODE = (
    HOLD
    + """
import os, subprocess, sys, threading
def handler(event, context):
    match event.get("do"):
        case "raise": raise ValueError("the model said no")
        case "hang": threading.Event().wait()
        case "exit": os._exit(event["status"])
        case "grow":
            kept = bytearray(b"x" * 200_000_000)
            threading.Event().wait()
        case "spawn":
            sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
            child = subprocess.Popen(sleep, start_new_session=True)
            return {"pid": os.getpid(), "child": child.pid}
        case "hold": hold()
        case "large": return "x" * 7_000_000
    return {"pid": os.getpid()}
"""
)


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    gateway = Gateway()
    with serving(gateway) as gateway.url:
        yield gateway


@pytest.fixture
def aws(gateway: Gateway) -> Iterator[World]:
    with world(gateway) as made:
        yield made


def failed(reply: Any) -> dict[str, Any]:
    assert reply["StatusCode"] == 200
    assert reply["FunctionError"] == "Unhandled"
    return json.loads(reply["Payload"].read())


def test_an_exception_comes_back_with_its_stack(aws: World) -> None:
    error = failed(aws.invoke(aws.function(CODE), {"do": "raise"}))
    assert error["errorType"] == "ValueError"
    assert error["errorMessage"] == "the model said no"
    assert "app.py" in error["stackTrace"][0]


def test_a_process_survives_an_exception(aws: World) -> None:
    name = aws.function(CODE)
    before = aws.answer(name)["pid"]
    failed(aws.invoke(name, {"do": "raise"}))
    assert aws.answer(name)["pid"] == before


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("import nothing_of_this_name", "Runtime.ImportModuleError"),
        ("def handler(event, context", "Runtime.UserCodeSyntaxError"),
        ("def another(event, context): ...", "Runtime.HandlerNotFound"),
        ("raise KeyError('SETTING')", "KeyError"),
    ],
)
def test_an_init_error_is_a_function_error(aws: World, code: str, kind: str) -> None:
    assert failed(aws.invoke(aws.function(code)))["errorType"] == kind
    assert aws.functions.pids() == []


def test_a_run_past_its_timeout_is_killed_and_the_next_gets_a_new_process(aws: World) -> None:
    name = aws.function(CODE, Timeout=1)
    before = aws.answer(name)["pid"]
    error = failed(aws.invoke(name, {"do": "hang"}))
    assert error["errorType"] == "Sandbox.Timedout"
    assert error["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
    assert not psutil.pid_exists(before)
    assert aws.answer(name)["pid"] != before


def test_a_run_over_its_memory_is_killed(aws: World) -> None:
    error = failed(aws.invoke(aws.function(CODE, MemorySize=128), {"do": "grow"}))
    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")
    assert error["errorMessage"].startswith("RequestId: ")


@pytest.mark.parametrize(
    ("status", "words"), [(3, "with error: exit status 3"), (0, "without providing a reason")]
)
def test_a_process_that_exits_by_itself_is_told(aws: World, status: int, words: str) -> None:
    name = aws.function(CODE)
    error = failed(aws.invoke(name, {"do": "exit", "status": status}))
    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"].endswith(f"Error: Runtime exited {words}")
    assert aws.answer(name)["pid"]


def test_a_warm_process_that_died_meanwhile_is_replaced_unseen(aws: World) -> None:
    name = aws.function(CODE)
    before = psutil.Process(aws.answer(name)["pid"])
    before.kill()
    before.wait(PATIENCE_SECONDS)
    assert aws.answer(name)["pid"] != before.pid


def test_an_answer_over_six_megabytes_is_an_error(aws: World) -> None:
    error = failed(aws.invoke(aws.function(CODE), {"do": "large"}))
    assert error["errorType"] == "Function.ResponseSizeTooLarge"


def test_a_zip_that_is_none_is_refused(aws: World) -> None:
    name = aws.function("", Code={"ZipFile": b"no zip at all"})
    with pytest.raises(aws.client("lambda").exceptions.ClientError, match="InvalidZipFileException"):
        aws.invoke(name)


def test_a_zip_cannot_write_outside_its_root(aws: World) -> None:
    code = "import pathlib\ndef handler(e, c): return sorted(p.name for p in pathlib.Path().iterdir())"
    name = aws.function("", Code={"ZipFile": package({"app.py": code, "../../escaped.py": ""})})
    assert "escaped.py" in aws.answer(name)


def test_close_leaves_no_process(gateway: Gateway) -> None:
    with world(gateway) as aws:
        name = aws.function(CODE)
        made = aws.answer(name, {"do": "spawn"})
        child = psutil.Process(made["child"])
        running = threading.Thread(target=aws.invoke, args=(name, {"do": "hold"}))
        running.start()
        held = aws.arrived()
        idle = aws.answer(aws.function(CODE))["pid"]
        pids = [made["pid"], idle, *aws.functions.pids()]
    running.join()
    held.set()
    assert [pid for pid in pids if psutil.pid_exists(pid)] == []
    child.wait(PATIENCE_SECONDS)
    assert aws.functions.pids() == []


def test_what_a_function_started_ends_with_it(aws: World) -> None:
    name = aws.function(CODE, Timeout=1)
    child = psutil.Process(aws.answer(name, {"do": "spawn"})["child"])
    failed(aws.invoke(name, {"do": "hang"}))
    child.wait(PATIENCE_SECONDS)
    assert not child.is_running()
