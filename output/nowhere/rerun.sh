#!/usr/bin/env bash
# Repeats the run that run.json beside this file tells of: the same settings (recipe.yaml), flags, environment and data.
# It writes into a folder of its own, so that the two can be compared; your flags win, and DRY_RUN=1 only prints:
#   bash rerun.sh --output_dir runs/again
# 重复同一次训练，结果写入旁边的新目录。
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd /work/main
export NPROC_PER_NODE=1
export NNODES=2
export OMP_NUM_THREADS=2
export OMP_WAIT_POLICY=passive
export API_HTTP_CLIENT_MAX_RETRIES=1
export MODELSCOPE_REPO_TREE_PAGE_MAX_ATTEMPTS=1
export SWIFTKIT_VENV=/tmp/pytest-of-root/pytest-200/popen-gw1/test_job_at_the_end_of_its_tim0/venv
: "${NODE_RANK:?start this script on every node, with its NODE_RANK}" "${MASTER_ADDR:?and MASTER_ADDR}"
command=(env /tmp/pytest-of-root/pytest-200/popen-gw1/test_job_at_the_end_of_its_tim0/venv/bin/swift sft "$here/recipe.yaml"
    --ddp_timeout
    1800
    --deepspeed
    zero3
    --output_dir "${here}_rerun" "$@")
if [[ -n ${DRY_RUN-} ]]; then
    printf '%q ' "${command[@]}"
    echo
    exit
fi
exec /tmp/fresh4/.venv/bin/python -m swiftkit.supervise --record "${command[@]}"
