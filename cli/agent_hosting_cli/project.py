"""The project that the command works on: the folder of its Pulumi.yaml, and what is kept beside it."""

from dataclasses import dataclass
from pathlib import Path


class UserError(Exception):
    """Something that the user can put right; the text says what, where and how."""


@dataclass(frozen=True)
class Project:
    root: Path

    @property
    def kept(self) -> Path:
        """State of the local stack and of the embedded cloud. Git ignores it."""
        return self.root / ".agent-hosting"

    @property
    def cloud(self) -> Path:
        return self.kept / "cloud"

    @property
    def backend_url(self) -> str:
        """Where Pulumi keeps the local stack's state.

        Without `metadata=skip` it writes a file of attributes beside each state file, in place: a kill during
        that write leaves half of it, and the state cannot be read again.
        https://pkg.go.dev/gocloud.dev/blob/fileblob#URLOpener
        """
        return f"file://{self.kept / 'state'}?metadata=skip"

    def stack_file(self, stack: str) -> Path:
        return self.root / "stacks" / f"Pulumi.{stack}.yaml"


def find_project(start: Path) -> Project:
    """The nearest folder, upwards from `start`, with a Pulumi.yaml."""
    for folder in (start, *start.parents):
        if (folder / "Pulumi.yaml").is_file():
            return Project(folder)
    raise UserError(
        f"there is no Pulumi.yaml in {start} or above it; run this inside a project of agent-hosting"
    )
