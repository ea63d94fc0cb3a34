#!/usr/bin/env bash
# Serves a model behind an OpenAI-compatible address until it is stopped (Ctrl-C or SIGTERM).
# Hardware: one GPU of 80 GB for gpt-oss-20b; a small model runs on the CPU.
# Run:      bash recipes/deploy.sh
# Override: bash recipes/deploy.sh --model runs/demo/merged --port 8001
# Small:    bash recipes/deploy.sh recipes/tiny/deploy.yaml
# Makes:    http://127.0.0.1:8000/v1; next: swiftkit eval tool-call --base-url http://127.0.0.1:8000/v1
# shellcheck source=recipes/lib.sh
. "$(dirname "$0")/lib.sh"
launch swift deploy "$here/deploy.yaml" "$@"
