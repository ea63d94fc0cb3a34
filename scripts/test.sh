#!/usr/bin/env bash
# All checks and all tests, from nothing: what CI runs.
# Run:      bash scripts/test.sh
# Override: bash scripts/test.sh -m 'not e2e'       any pytest argument; e2e tests run the real swift and take minutes
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/setup.sh
bash scripts/check.sh
exec "${SWIFTKIT_VENV:-$PWD/.venv}/bin/python" -m pytest "$@"
