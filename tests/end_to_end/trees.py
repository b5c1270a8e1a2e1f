"""An agent that has another one do parts of its work, at the expense of its own run."""

import shutil
from pathlib import Path

SOURCE = "examples/04-asks-others"
_CODE = '''

def planned(run: Run) -> dict[str, Any]:
    """As `answer`; with `ask`, the address of another agent, and a `token` it asks that one, too."""
    done = answer(run)
    if "ask" not in run.input:
        return done
    parent = run.share()
    return {**done, "parent": parent, "below": run.step("ask", ask_others, run.input, parent)}


def ask_others(given: dict[str, Any], parent: str) -> list[dict[str, Any]]:
    """What the runs of the other agent came to, until one does not end well."""
    told: list[dict[str, Any]] = []
    while not told or (told[-1]["status"] == "DONE" and len(told) < 10):
        body = json.dumps({"input": {"question": given["question"]}, "parent": parent}).encode()
        headers = {"content-type": "application/json", "authorization": "Bearer " + given["token"]}
        request = urllib.request.Request(given["ask"] + "/runs", body, headers)
        with urllib.request.urlopen(request, timeout=15) as reply:
            found = json.loads(reply.read())
        told.append({"run_id": found["run_id"], "status": found["status"]})
    return told
'''


def make_source(root: Path) -> str:
    """The first example, changed so, in a copy of the project; its folder."""
    folder = root / SOURCE
    shutil.copytree(root / "examples" / "01-first-turn", folder)
    code, manifest = folder / "agent.py", folder / "agent.yaml"
    code.write_text(
        code.read_text().replace(
            "from pathlib import Path\n", "import json\nimport urllib.request\nfrom pathlib import Path\n"
        )
        + _CODE
    )
    manifest.write_text(manifest.read_text().replace("entrypoint: agent:answer", "entrypoint: agent:planned"))
    return SOURCE
