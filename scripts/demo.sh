#!/usr/bin/env bash
# The whole loop on this machine, through the real swift commands: raw data -> LoRA -> merge -> deploy -> evaluate.
#   bash scripts/demo.sh           all stages; run it again and it goes on after the last finished one
#   bash scripts/demo.sh STAGE     one stage alone, with its output on the screen
#   MODEL_FAMILY=gpt-oss bash scripts/demo.sh      the same with a tiny gpt-oss and Harmony tool calls (default: qwen3)
#   MAX_STEPS=100 bash scripts/demo.sh             a shorter training than the recipe's, with a worse result
# Results and logs: runs/demo, runs/demo_gpt_oss (DEMO_DIR=folder for another). Start afresh: rm -r runs/demo
# shellcheck disable=SC2329 # stages are called by name
set -euo pipefail
# shellcheck source=recipes/usage.sh
source "$(dirname "$0")/../recipes/usage.sh"
cd "$(dirname "$0")/.."
bash scripts/setup.sh # first, because lib.sh takes the environment's Python if there is one
# shellcheck source=recipes/lib.sh
source recipes/lib.sh
as_given=$(given DEMO_DIR MODEL_FAMILY MAX_STEPS) # to repeat this very run
export RESUME=${RESUME-1}
case ${MODEL_FAMILY:-qwen3} in
    qwen3) base=recipes/tiny/qwen3 family="" ;;
    gpt-oss) base=recipes/tiny/gpt_oss family=_gpt_oss ;;
    *) die "there is no MODEL_FAMILY=$MODEL_FAMILY; choose qwen3 or gpt-oss" ;;
esac
folder=${DEMO_DIR:-runs/demo$family} deploy=recipes/tiny/deploy$family.yaml
make_paths folder
plan=(
    --stage data --reads datasets_custom/demo_tools/make.py
    --stage evaluate_base --reads "$deploy" --reads "$base" --reads "$folder/eval.jsonl" --makes "$folder/base"
    --stage lora_sft --reads "recipes/tiny/lora_sft$family.yaml" --reads "$base" --reads "$folder/train.jsonl"
    --reads "MAX_STEPS=${MAX_STEPS-}" --makes "$folder/lora"
    --stage export_merge --reads recipes/tiny/export_merge.yaml --reads "$folder/lora/last-checkpoint" --makes "$folder/merged"
    --stage evaluate_tuned --reads "$deploy" --reads "$folder/merged" --reads "$folder/eval.jsonl" --makes "$folder/tuned"
    --stage table --reads "$folder/base/report.json" --reads "$folder/tuned/report.json"
)

data() { # raw rows -> swift rows to train on (SFT, GRPO, preferences); held-out rows -> one question a step
    run_or_print "$python" datasets_custom/demo_tools/make.py "$folder/raw"
    swiftkit convert "$folder"/raw/train_*.jsonl -o "$folder/train.jsonl"
    swiftkit convert "$folder/raw/train_openai.jsonl" -o "$folder/grpo.jsonl" --to grpo
    swiftkit convert "$folder/raw/eval_openai.jsonl" -o "$folder/eval.jsonl" --to grpo --each-step
    for target in preference kto; do # for recipes/tiny/{dpo,rm,kto,...}.yaml
        swiftkit convert "$folder/raw/preference_openai.jsonl" -o "$folder/$target.jsonl" --to "$target"
    done
}

lora_sft() {
    bash recipes/lora_sft.sh "recipes/tiny/lora_sft$family.yaml" --model "$base" --dataset "$folder/train.jsonl" \
        --output_dir "$folder/lora" ${MAX_STEPS:+--max_steps "$MAX_STEPS"}
}

export_merge() { # the model of an earlier time goes when there is a new one
    run_or_print rm -rf -- "$folder/merged.new"
    bash recipes/export_merge.sh recipes/tiny/export_merge.yaml --adapters "$folder/lora/last-checkpoint" \
        --output_dir "$folder/merged.new"
    run_or_print rm -rf -- "$folder/merged"
    run_or_print mv -- "$folder/merged.new" "$folder/merged"
}

evaluate_base() { bash recipes/eval.sh "$base" "$folder/eval.jsonl" "$folder/base" "$deploy"; }
evaluate_tuned() { bash recipes/eval.sh "$folder/merged" "$folder/eval.jsonl" "$folder/tuned" "$deploy"; }

table() { run_or_print "$python" scripts/before_after.py "$folder/base" "$folder/tuned"; }

run_stages scripts/demo.sh "$folder" table "$@"
