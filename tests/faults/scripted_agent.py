"""The agent of the fault tests: does what its input says, and acts on an outside world of files."""

import os
import signal
import time
from pathlib import Path

OUTSIDE = Path(os.environ["FAULT_FOLDER"])


def agent(run):
    """`{"do": [[kind, argument], ...]}`: each entry is a step, in order."""
    results = []
    for number, (kind, argument) in enumerate(run.input["do"], start=1):
        results.append(DOES[kind](run, f"{kind}-{number}", argument))
    return {"results": results}


def outside(name, idempotency_key):
    """An effect on a system that knows idempotency keys, as payment providers do."""
    note(f"tried {name} {idempotency_key}")
    try:
        with (OUTSIDE / f"effect-{idempotency_key}").open("x") as file:
            file.write(name)
    except FileExistsError:
        return "done"  # the answer of the first time, as such systems give it
    die("after effect")
    return "done"


def keyless(name):
    """An effect on a system that knows no keys: done twice, it happened twice."""
    note(f"keyless {name}")
    die("after effect")
    return "done"


def note(text):
    with (OUTSIDE / "notes").open("a") as file:
        file.write(text + "\n")


def die(point):
    wanted = os.environ.get("KILL_IN_AGENT", "")
    marker = OUTSIDE / "killed-in-agent"
    if wanted == point and not marker.exists():
        marker.write_text(point)
        os.kill(os.getpid(), signal.SIGKILL)


def wait_for(file, seconds=20.0):
    """A step that lasts until the test says so."""
    (OUTSIDE / f"{file}.begun").touch()
    ends = time.monotonic() + seconds
    while not (OUTSIDE / file).exists() and time.monotonic() < ends:
        time.sleep(0.02)
    return file


def count(run, name, argument):
    note(f"{run.run_id} {name}")
    return argument


def fail(run, name, kind):
    note(f"{run.run_id} {name}")
    raise {"value": ValueError, "os": ConnectionResetError}[kind]("told to fail")


def fail_until(run, name, file):
    note(f"{run.run_id} {name}")
    if not (OUTSIDE / file).exists():
        raise ValueError("told to fail")
    return file


def say(run, word):
    """What the session has said so far, this turn's word with it."""
    run.memory["said"] = [*run.memory.get("said", []), word]
    return run.memory["said"]


def outlast(run, name, argument):
    """Dies by its own hand each time, as a run that uses up the memory would."""
    note(f"{run.run_id} {name}")
    os.kill(os.getpid(), signal.SIGKILL)


def remember(run, key):
    """Adds the run to a list in its session's memory; whoever is there twice was remembered twice."""
    run.memory[key] = [*run.memory.get(key, []), run.run_id]
    return len(run.memory[key])


DOES = {
    "step": lambda run, name, argument: run.step(name, count, run, name, argument),
    "effect": lambda run, name, argument: run.effect(name, outside, name),
    "keyless": lambda run, name, argument: run.effect(name, keyless, f"{run.run_id} {name}", takes_key=False),
    "fail": lambda run, name, argument: run.step(name, fail, run, name, argument),
    "fail_until": lambda run, name, argument: run.step(name, fail_until, run, name, argument),
    "poison": lambda run, name, argument: run.step(name, outlast, run, name, argument),
    "wait": lambda run, name, argument: run.step(name, wait_for, argument),
    "sleep": lambda run, name, argument: run.sleep(name, argument),
    "gather": lambda run, name, argument: run.gather(
        name, lambda item: count(run, f"{name}/{item}", item), argument
    ),
    "approve": lambda run, name, argument: run.approve(name, summary=argument),
    "large": lambda run, name, argument: run.step(name, lambda: "x" * argument),
    "remember": lambda run, name, argument: remember(run, argument),
    "say": lambda run, name, argument: say(run, argument),
    "emit": lambda run, name, argument: run.emit("progress", argument),
    "secret": lambda run, name, argument: run.step(name, lambda: len(run.secret("model-api-key").reveal())),
    "model": lambda run, name, argument: (
        run.model(name=name, messages=[{"role": "user", "content": "x"}]).text
    ),
}
