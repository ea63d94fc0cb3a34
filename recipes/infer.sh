#!/usr/bin/env bash
# Talk to a fine-tuned model in the terminal, or answer a whole file.
# Hardware: one GPU of 80 GB for gpt-oss-20b; a small model runs on the CPU.
# Run:      bash recipes/infer.sh
# Override: bash recipes/infer.sh --val_dataset data/val.jsonl --result_path runs/answers.jsonl
# Small:    bash recipes/infer.sh recipes/tiny/infer.yaml
# Makes:    a chat (it ends with `exit`), or one JSON line an answer; an existing result file is appended to.
# shellcheck source=recipes/lib.sh
. "$(dirname "$0")/lib.sh"
launch --terminal swift infer "$here/infer.yaml" "$@"
