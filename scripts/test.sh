#!/usr/bin/env bash
# All checks and all tests, from nothing: what CI runs.
# Run:      bash scripts/test.sh
# Override: bash scripts/test.sh -m 'not e2e'       any pytest argument; e2e tests run the real swift and take minutes
#           bash scripts/test.sh -n 0               one after the other; else a process for each core, four at most
set -euo pipefail
# shellcheck source=recipes/usage.sh
source "$(dirname "$0")/../recipes/usage.sh"
cd "$(dirname "$0")/.."
bash scripts/setup.sh
bash scripts/check.sh
# A thread for each process: much of the time a swift command is starting, which takes one.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" OMP_WAIT_POLICY=passive
exec "${SWIFTKIT_VENV:-$PWD/.venv}/bin/python" -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder "$@"
