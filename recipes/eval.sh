#!/usr/bin/env bash
# Evaluates a model: serves it on a free port, asks it every question of a file, stops the server.
#   bash recipes/eval.sh MODEL DATA.jsonl RUN_DIR [SERVER.yaml] [swift deploy flags...] [-- swiftkit eval flags...]
# Hardware: that of deploy.sh: one GPU that holds the model, or the CPU for a small one.
# Run:      bash recipes/eval.sh runs/lora_sft/merged data/eval.jsonl runs/eval
# Override: TASK=tool-chain bash recipes/eval.sh runs/lora_sft/merged data/chains.jsonl runs/eval_chains -- --trials 3
# Small:    bash recipes/eval.sh runs/demo/merged runs/demo/eval.jsonl runs/tiny/eval recipes/tiny/eval.yaml
# Makes:    RUN_DIR/report.md, report.json and the server's log. Run it again: it resumes; next: swiftkit compare
# What `swiftkit eval` would refuse is said before the server starts; -- --dry-run only looks. -- --gate 'tool_accuracy>=0.85' --junit junit.xml
# Its exit status is that of `swiftkit eval`: 1 a gate failed, 3 one is inconclusive, 4 no verdict, as of a server that does not start.
# shellcheck source=recipes/lib.sh
. "$(dirname "$0")/lib.sh"
supervised "$0" "$@"

usage="bash recipes/eval.sh MODEL DATA.jsonl RUN_DIR [SERVER.yaml] [swift deploy flags...] [-- swiftkit eval flags...]"
if (($# == 0)); then set -- runs/lora_sft/merged data/eval.jsonl runs/eval; fi # as in the line above
(($# >= 3)) || die "usage: $usage"
for word in "${@:1:3}"; do
    if [[ $word == --* && ! -e ./$word ]]; then die "$word stands where MODEL, DATA.jsonl and RUN_DIR belong; usage: $usage"; fi
done
model=$1 data=$2 run_dir=$3 yaml=$root/recipes/eval.yaml
make_paths model data run_dir
shift 3
if [[ ${1-} == *.yaml || ${1-} == *.yml ]]; then
    yaml=$1
    shift
fi
server_flags=()
while (($#)) && [[ $1 != -- ]]; do
    server_flags+=("$1")
    shift
done
port=$("$python" -P -m swiftkit.training.free_port)
weights=(--model "$model")
if [[ -f $model/adapter_config.json ]]; then # a checkpoint of LoRA: its base model with it, not merged
    base=$("$python" -P -m swiftkit.training.adapter "$model") || exit 2
    weights=(--model "$base" --adapters "$model")
fi
serve=(bash "$root/recipes/deploy.sh" "$yaml" "${weights[@]}" --port "$port" "${server_flags[@]}")
# An answer ends where the server's max_new_tokens say, and has its temperature, unless flags after -- say otherwise.
mapfile -t request_flags < <("$python" -P -m swiftkit.training.request_flags "$yaml" "${server_flags[@]}")
task=${TASK:-tool-call} eval_flags=("${@:2}")
ask() { # FLAGS...
    swiftkit eval "$task" "$@" --data "$data" --base-url "http://127.0.0.1:$port/v1" --run "$run_dir" \
        "${request_flags[@]}" "${eval_flags[@]}"
}
if [[ -n ${DRY_RUN-} ]]; then
    "${serve[@]}"
    ask
    exit
fi

# Answers that are there are not asked for again, so they must be this model's: these very weights, or a hub's name, served so.
asked=$("$python" -P -m swiftkit.training.served_model "$yaml" "${weights[@]}" "${server_flags[@]}")
check_answers() {
    if [[ -s $run_dir/responses.jsonl && $(cat -- "$run_dir/model.txt" 2>/dev/null) != "$asked" ]]; then
        die "$run_dir holds the answers of another model (or of $model before it changed, or served with other settings);" \
            "give another folder, or: rm -r $(printf %q "$run_dir")"
    fi
}
check_answers
ask --dry-run # says what is wrong with data and flags before the server takes its minutes
for flag in "$task" "${eval_flags[@]}"; do
    if [[ $flag == --dry-run || $flag == --help || $flag == -h ]]; then exit; fi
done

mkdir -p -- "$run_dir"
exec 9>>"$run_dir/.eval.lock" # until this process and its server have ended
if command -v flock >/dev/null; then flock --nonblock 9 || die "$run_dir is in use by another eval.sh; wait for it, or give another folder"; fi
check_answers
printf '%s\n' "$asked" >"$run_dir/model.txt"
"${serve[@]}" >"$run_dir/server.log" 2>&1 &
server=$!
trap 'kill -TERM "$server" 2>/dev/null && wait "$server" || true' EXIT
if ! wait_for_server "$server" "http://127.0.0.1:$port" 600 "$run_dir/server.log"; then
    kill -TERM "$server" 2>/dev/null || true
    wait "$server" || exit $(($? == 2 ? 2 : 4)) # 2: preflight or swift refused its flags; 1 is that of a failed gate
    exit 4
fi
ask
