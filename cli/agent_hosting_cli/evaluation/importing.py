"""Imports an agent's function from its folder, and leaves the process as it was."""

import sys
import traceback
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from agent_hosting_cli.project import UserError
from agent_runtime.entrypoints import Agent, load_agent
from agent_runtime.errors import SettingsError


@contextmanager
def imported_agent(entrypoint: str, folder: Path) -> Generator[Agent]:
    """The function `module:function` of the agent in `folder`, imported once for the block.

    Raises `UserError` naming the line of the agent's that an import failed at, and the class of the error.
    """
    root = folder.resolve()
    path = sys.path[:]
    # A module of another agent with the same name would be found instead. The standard library's are left:
    # on a host, too, they are imported before the agent is.
    names = {entry.stem if entry.suffix == ".py" else entry.name for entry in root.iterdir()}
    clashing = {
        name: module
        for name, module in sys.modules.items()
        if name.partition(".")[0] in names - set(sys.stdlib_module_names) and not _is_in(module, root)
    }
    for name in clashing:
        del sys.modules[name]
    try:
        yield _loaded(entrypoint, root)
    finally:
        sys.path[:] = path
        for name in [name for name, module in sys.modules.items() if _is_in(module, root)]:
            del sys.modules[name]
        sys.modules.update(clashing)


def _loaded(entrypoint: str, root: Path) -> Agent:
    try:
        return load_agent(entrypoint, root)
    except SettingsError as error:
        raise UserError(f"{root / 'agent.yaml'}: {error}") from None
    except Exception as error:  # noqa: BLE001  their code may raise anything
        raise UserError(
            f"{_place(error, root)}: importing the agent's {entrypoint!r} raised {type(error).__name__}; "
            f"correct it, or install the packages that it needs beside agent-hosting"
        ) from None


def _place(error: Exception, root: Path) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(root)
    ]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else str(root)


def _is_in(module: object, root: Path) -> bool:
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and Path(file).resolve().is_relative_to(root)
