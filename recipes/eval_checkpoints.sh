#!/usr/bin/env bash
# Evaluates the checkpoints of a training, one after the other, and draws one curve of them.
#   bash recipes/eval_checkpoints.sh DATA.jsonl FOLDER CHECKPOINT... [SERVER.yaml] [swift deploy flags...] [-- swiftkit eval flags...]
# Hardware: that of deploy.sh: one GPU that holds the model, or the CPU for a small one.
# Run:      bash recipes/eval_checkpoints.sh data/eval.jsonl runs/curve runs/lora_sft/checkpoint-400 runs/lora_sft/checkpoint-800
# Override: TASK=tool-chain bash recipes/eval_checkpoints.sh data/chains.jsonl runs/curve models/base runs/lora_sft/merged -- --trials 3
# Small:    bash recipes/eval_checkpoints.sh runs/demo/eval.jsonl runs/tiny/curve recipes/tiny/qwen3 runs/demo/merged recipes/tiny/eval.yaml
# Makes:    FOLDER/curve.svg, and a run of `swiftkit eval` for each: FOLDER/checkpoint-200, ... Run it again: it resumes.
# shellcheck source=recipes/lib.sh
. "$(dirname "$0")/lib.sh"
supervised "$0" "$@"

usage="bash recipes/eval_checkpoints.sh DATA.jsonl FOLDER CHECKPOINT... [SERVER.yaml] [swift deploy flags...] [-- swiftkit eval flags...]"
(($# >= 4)) || die "usage: $usage"
for word in "${@:1:2}"; do
    if [[ $word == --* && ! -e ./$word ]]; then die "$word stands where DATA.jsonl and FOLDER belong; usage: $usage"; fi
done
data=$1 folder=$2
shift 2
checkpoints=()
while (($#)) && [[ $1 != --* && $1 != *.yaml && $1 != *.yml ]]; do
    checkpoints+=("$1")
    shift
done
((${#checkpoints[@]} >= 2)) || die "two checkpoints at least make a curve; usage: $usage"
server=() # YAML and flags of the server
while (($#)) && [[ $1 != -- ]]; do
    server+=("$1")
    shift
done

runs=()
for checkpoint in "${checkpoints[@]}"; do
    run=$folder/$(basename -- "$checkpoint")
    for other in "${runs[@]}"; do
        [[ $run != "$other" ]] || die "two checkpoints are named $(basename -- "$checkpoint"): give each a folder name of its own"
    done
    runs+=("$run")
done
evaluate() { # INDEX [FLAGS...]: of `swiftkit eval`
    bash "$root/recipes/eval.sh" "${checkpoints[$1]}" "$data" "${runs[$1]}" "${server[@]}" -- "${@:2}"
}
if [[ -z ${DRY_RUN-} ]]; then # what is wrong with the last one is said before the first is served
    for index in "${!runs[@]}"; do evaluate "$index" --dry-run "${@:2}"; done
    "$python" -P -c "import matplotlib" 2>/dev/null || die "matplotlib draws the curve, and is not installed (pip install matplotlib)"
    if [[ " ${*:2} " == *" --dry-run "* ]]; then exit; fi
fi
for index in "${!runs[@]}"; do
    status=0
    log "${checkpoints[$index]} -> ${runs[$index]}"
    evaluate "$index" "${@:2}" || status=$?
    # 1 or 3: errors are left, or a gate is not passed, which the report says; the curve shows what was measured.
    if [[ $status != [013] || ($status != 0 && ! -f ${runs[$index]}/report.json) ]]; then exit "$status"; fi
done
if [[ -n ${DRY_RUN-} ]]; then exit; fi
"$python" -P -m swiftkit curve "${runs[@]}" -o "$folder/curve.svg"
log "the picture: $folder/curve.svg"
