"""Every snippet of README and docs is run, as a newcomer would: in a copy of the repository, in order."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.deployments import Deployment
from tests.unhurried import unhurried

pytestmark = pytest.mark.end_to_end

ROOT = Path(__file__).parents[2]
_COPIED = (
    "Makefile",
    "Pulumi.yaml",
    "pyproject.toml",
    "requirements",
    "stacks",
    "examples",
    "docs",
    "README.md",
    "policies",
)
_PAGES = tuple(f"docs/{page}.md" for page in ("ecs", "embedded", "gates", "lambda", "spending", "releases"))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("checkout")
    for name in _COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, root / name)
    unhurried(root / "examples/01-first-turn/gates.yaml")
    (root / ".venv").symlink_to(Path(sys.executable).parents[1])
    for name in ("pyproject.toml", "requirements/dev.lock", "requirements/bootstrap.sh"):
        os.utime(root / name, (0, 0))  # older than the environment, which is made already
    yield root
    Deployment(root).stop()


def _snippets(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


def _run(script: str, folder: Path, **extra: str) -> str:
    # Without what a surrounding `make` leaves behind: a nested one would tell of its folders in between.
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PULUMI_", "MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["sh", "-eu", "-c", script],
        cwd=folder,
        env={**kept, **extra},
        capture_output=True,
        text=True,
        timeout=420,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def test_the_snippets_of_the_first_page_and_of_the_guides_run_as_they_stand(checkout: Path) -> None:
    up, ask, killed, policies, down, account = _snippets("README.md", "sh")
    said = _run(up, checkout)
    for promised in ("bundle", "steps", "cost", "curl -s http://127.0.0.1:"):
        assert promised in said
    curl = said[said.index("curl -s") : said.index("\n", said.index("-d '"))]
    assert '"DONE"' in _run(curl, checkout)
    assert "90 days" in _run(ask, checkout)
    assert "17 of 18 checks are answered" in _run(killed, checkout)
    assert "every 30 minutes" in _run(up, checkout)
    assert "agent-hosting-policies" in _run(policies, checkout)
    for page in _PAGES:
        for snippet in _snippets(page, "sh"):
            _run(snippet, checkout)
    environment = _run(".venv/bin/agent-hosting env", checkout)
    _run(
        f"{environment}\nexport OPENAI_API_KEY=sk-none\n{account}\npulumi destroy --yes --stack dev", checkout
    )
    _run(down, checkout)


@pytest.mark.parametrize(("page", "number"), [("README.md", 0), ("docs/lambda.md", 0), ("docs/ecs.md", 0)])
def test_the_programs_on_the_pages_deploy(checkout: Path, page: str, number: int) -> None:
    program = _snippets(page, "python")[number]
    theirs = checkout / f"program-{page.replace('/', '-')}"
    theirs.mkdir()
    (theirs / "Pulumi.yaml").write_text(f"name: {Path(page).stem.lower()}\nruntime: python\n")
    (theirs / "examples").symlink_to(ROOT / "examples")
    imports = "" if "import" in program else "from agent_hosting import EcsAgent, LambdaAgent\n"
    (theirs / "__main__.py").write_text(imports + program)
    _run(".venv/bin/agent-hosting status || make up", checkout)
    environment = _run(".venv/bin/agent-hosting env", checkout)
    deploy = "pulumi stack init trial && pulumi up --yes --skip-preview --stack trial"
    _run(f"{environment}\ncd {theirs.name} && {deploy}", checkout)


def test_each_page_that_a_page_links_to_exists() -> None:
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "CONTRIBUTING.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
