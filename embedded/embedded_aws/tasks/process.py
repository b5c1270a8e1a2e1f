"""The process of one container: started, watched, and ended with all that it started."""

import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from embedded_aws.functions.memory import Family
from embedded_aws.functions.output import Output


class Process:
    """`ended` is called once, after the last line, with nothing of the process left."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        root: Path,
        environment: Mapping[str, str],
        line: Callable[[str], None],
        ended: Callable[[], None],
    ) -> None:
        """Raises OSError where the program cannot be run."""
        self._ended = ended
        self.exit_code: int | None = None
        """As Docker has it: 128 and the signal's number where one ended the process. None while it runs."""
        # A session of its own: a signal to our terminal passes it by, and its whole group can be ended by id.
        self._process = subprocess.Popen(
            arguments,
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self._family = Family(self._process.pid)
        self._output = Output(self._process.stdout, line)
        threading.Thread(target=self._reap, name="ecs-reaper", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def terminate(self) -> None:
        """SIGTERM to the process alone, as a container's first process gets it."""
        self._process.terminate()

    def kill(self) -> None:
        """SIGKILL to the whole group."""
        if self.exit_code is None:
            self._family.kill()

    def _reap(self) -> None:
        code = self._process.wait()
        # What the process started and left behind must not outlive it.
        self._family.kill()
        self._output.close()
        self.exit_code = 128 - code if code < 0 else code
        self._ended()
