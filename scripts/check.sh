#!/usr/bin/env bash
# Everything that can be said about the code without running it.
# Run: bash scripts/check.sh        Fix what can be fixed: ruff check --fix, ruff format, shfmt -i 4 -ci -w FILES
set -euo pipefail
# shellcheck source=recipes/lib.sh
source "$(dirname "$0")/../recipes/lib.sh"
PATH=${programs:+$programs:}$PATH
cd "$root"
# Those that are not committed yet count too.
mapfile -t shell_files < <(git ls-files --cached --others --exclude-standard -- '*.sh' '*.bash' '*.bats' '*.sbatch' .ci/run)

failed=0
check() {
    echo "+ $*" | cut -c1-110 >&2
    "$@" || failed=1
}
check ruff check .
check ruff format --check .
check mypy --strict swiftkit
check lint-imports --no-cache
check shellcheck --external-sources "${shell_files[@]}"
check shfmt -i 4 -ci -d "${shell_files[@]}"
exit "$failed"
