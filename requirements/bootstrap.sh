#!/bin/sh
# Makes .venv from the lock: uv from PATH, else uv in a small environment of its own.
set -eu
cd "$(dirname "$0")/.."

"${PYTHON:-python3}" - <<'CHECK'
import sys
if sys.version_info < (3, 11):
    sys.exit(f"agent-hosting needs Python 3.11 or later; {sys.executable} is {sys.version.split()[0]}. "
             "Name another with: make up PYTHON=python3.12")
CHECK

if command -v uv >/dev/null 2>&1; then
    UV=uv
else
    UV=.venv/.uv/bin/uv
    if [ ! -x "$UV" ]; then
        echo "[1/2] getting uv, the installer (once)"
        "${PYTHON:-python3}" -m venv .venv/.uv
        .venv/.uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.lock
    fi
fi

echo "[2/2] installing the locked Python packages into .venv"
[ -x .venv/bin/python ] || "$UV" venv --quiet --allow-existing --python "${PYTHON:-python3}" .venv
"$UV" pip sync --quiet --python .venv/bin/python --require-hashes requirements/dev.lock
"$UV" pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
touch .venv/bin/.installed
