#!/usr/bin/env bash
# Evaluate a model directory: serve it with `swift deploy` on a free port, ask it every question, stop the server.
#
#   bash recipes/eval.sh MODEL DATA.jsonl RUN_DIR [DEPLOY.yaml] [swift deploy flags...]
#
# hardware   that of deploy.sh: one GPU that holds the model, or the CPU for a small one
# run        bash recipes/eval.sh runs/lora_sft/merged eval.jsonl runs/eval
# override   bash recipes/eval.sh runs/lora_sft/merged eval.jsonl runs/eval --max_batch_size 64
#            TASK=tool-chain bash recipes/eval.sh ...      another task than tool-call (`swiftkit eval --help`)
# result     RUN_DIR/report.md, report.json; the server's log is RUN_DIR/server.log. Run it again: it resumes.
set -euo pipefail
# shellcheck source=recipes/lib.sh
source "$(dirname "$0")/lib.sh"

(($# >= 3)) || die "usage: bash recipes/eval.sh MODEL DATA.jsonl RUN_DIR [DEPLOY.yaml] [swift deploy flags...]"
model=$1 data=$2 run_dir=$3
shift 3
yaml=()
if [[ ${1-} == *.yaml ]]; then
    yaml=("$1")
    shift
fi

mkdir -p "$run_dir"
# Answers that are there are not asked for again, so they must be this model's: these very weights, or a hub's name.
asked=$model
if [[ -d $model ]]; then asked=$(find "$model" -maxdepth 1 -name '*.safetensors' -printf '%f %s %T@\n' | sort | cksum); fi
if [[ -f $run_dir/model.txt && $(<"$run_dir/model.txt") != "$asked" ]]; then
    die "$run_dir holds the answers of another model (or of $model before it changed); give another folder, or: rm -r $run_dir"
fi
echo "$asked" >"$run_dir/model.txt"
port=$(free_port)
bash "$root/recipes/deploy.sh" "${yaml[@]}" --model "$model" --port "$port" "$@" >"$run_dir/server.log" 2>&1 &
server=$!
trap 'kill -TERM "$server" 2>/dev/null && wait "$server" || true' EXIT
wait_for_server "$server" "http://127.0.0.1:$port" 600 "$run_dir/server.log"
"$python" -m swiftkit eval "${TASK:-tool-call}" --data "$data" --base-url "http://127.0.0.1:$port/v1" --run "$run_dir"
