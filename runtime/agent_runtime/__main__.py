"""`python -m agent_runtime work`: a worker of a release's queue, until it is told to stop (SIGTERM).
`python -m agent_runtime serve`: the same, and it answers callers over HTTP.
"""

import os
import sys

from agent_runtime.errors import SettingsError


def main() -> int:
    command = sys.argv[1:]
    if command not in (["work"], ["serve"]):
        sys.stderr.write("usage: python -m agent_runtime work | serve\n")
        return 2
    try:
        if command == ["serve"]:
            from agent_runtime.hosts.serve import serve

            serve()
        else:
            from agent_runtime.hosts.work import work

            work()
    except SettingsError as error:
        sys.stderr.write(f"`{command[0]}` cannot start: {error}\n")
        return 78  # EX_CONFIG of sysexits.h
    sys.stdout.flush()
    os._exit(0)  # a step that would not end is left: its lease is over before another worker takes it


if __name__ == "__main__":
    sys.exit(main())
