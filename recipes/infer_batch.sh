#!/usr/bin/env bash
# Answers a file of questions without a server: one JSON line an answer.
# Hardware: one GPU of 80 GB for gpt-oss-20b; a small model runs on the CPU.
# Run:      bash recipes/infer_batch.sh
# Override: bash recipes/infer_batch.sh --model runs/grpo/merged --val_dataset mine.jsonl --result_path runs/mine.jsonl
# Small:    bash recipes/infer_batch.sh recipes/tiny/infer_batch.yaml
# Makes:    runs/infer_batch/answers.jsonl; next: swiftkit score data/eval.jsonl --completions runs/infer_batch/answers.jsonl
# shellcheck source=recipes/lib.sh
. "$(dirname "$0")/lib.sh"
launch swift infer "$here/infer_batch.yaml" "$@"
