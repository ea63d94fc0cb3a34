#!/usr/bin/env bash
# The loop on real questions: train the tiny model on four fifths of BFCL's simple_python, multiple and parallel questions,
# evaluate it on the last fifth. A million parameters will not solve it; what counts is that every row is accounted for.
#   bash scripts/bfcl.sh BFCL_FOLDER [swift sft flags...]      (the folder with BFCL_v4_*.json and possible_answer/)
# Results: runs/bfcl (BFCL_DIR=folder for another), which is made anew and must not be there
set -euo pipefail
# shellcheck source=recipes/usage.sh
source "$(dirname "$0")/../recipes/usage.sh"
source=${1:?usage: bash scripts/bfcl.sh BFCL_FOLDER [swift sft flags...]}
source=$(cd -- "$source" && pwd)
shift
cd "$(dirname "$0")/.."
bash scripts/setup.sh # first, because lib.sh takes the environment's Python if there is one
# shellcheck source=recipes/lib.sh
source recipes/lib.sh
folder=${BFCL_DIR:-runs/bfcl}
make_paths folder
files=("$source"/BFCL_v4_{simple_python,multiple,parallel}.json)
for file in "${files[@]}"; do
    [[ -f $file ]] || die "there is no file $file; give the folder with BFCL_v4_*.json and possible_answer/"
done
if [[ -e $folder && ! -d $folder || -n $(ls -A -- "$folder" 2>/dev/null) ]]; then # whoever made what is there
    die "$folder is not empty; give another folder (BFCL_DIR), or: rm -r $(printf %q "$folder")"
fi
run_or_print mkdir -p -- "$folder"

# The same rows in the same order, once with the answer (to train on) and once without (to ask).
swiftkit convert "${files[@]}" -o "$folder/all_sft.jsonl"
swiftkit convert "${files[@]}" -o "$folder/all_grpo.jsonl" --to grpo
awk 'NR % 5' "$folder/all_sft.jsonl" >"$folder/train.jsonl"
awk 'NR % 5 == 0' "$folder/all_grpo.jsonl" >"$folder/eval.jsonl"

# BFCL's prompts are long for this small vocabulary: the median is 520 tokens, the longest 1,400. 240 steps are three epochs.
bash recipes/lora_sft.sh recipes/tiny/lora_sft.yaml --dataset "$folder/train.jsonl" --output_dir "$folder/lora" \
    --max_length 2048 --max_steps 240 "$@"
bash recipes/export_merge.sh recipes/tiny/export_merge.yaml --adapters "$folder/lora/last-checkpoint" --output_dir "$folder/merged"
bash recipes/eval.sh recipes/tiny/qwen3 "$folder/eval.jsonl" "$folder/base" recipes/tiny/deploy.yaml
bash recipes/eval.sh "$folder/merged" "$folder/eval.jsonl" "$folder/tuned" recipes/tiny/deploy.yaml
"$python" scripts/before_after.py "$folder/base" "$folder/tuned"
