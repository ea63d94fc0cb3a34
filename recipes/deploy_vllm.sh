#!/usr/bin/env bash
# Serves a model by vLLM behind an OpenAI-compatible address until it is stopped (Ctrl-C or SIGTERM).
# Hardware: one GPU of 80 GB for gpt-oss-20b; a small model runs on the CPU.
# Needs:    bash scripts/setup_vllm.sh, which makes an environment for it (SWIFTKIT_VLLM_VENV, default .venv_vllm)
# Run:      bash recipes/deploy_vllm.sh
# Override: bash recipes/deploy_vllm.sh --model runs/demo/merged --port 8001
# Small:    bash recipes/deploy_vllm.sh recipes/tiny/deploy_vllm.yaml
# Makes:    http://127.0.0.1:8000/v1; next: swiftkit eval tool-call --base-url http://127.0.0.1:8000/v1
vllm=${SWIFTKIT_VLLM_VENV:-$(dirname "$0")/../.venv_vllm}
if [[ -n ${SWIFTKIT_VLLM_VENV-} || -x $vllm/bin/python ]]; then export SWIFTKIT_VENV=$vllm; fi # without it, preflight says what is missing
# shellcheck source=recipes/lib.sh
. "$(dirname "$0")/lib.sh"
# vLLM's CPU build: its plugins are for GPUs; the memory for the cache is in GiB; it pins threads to cores if it may.
cpu=(--on-cpu VLLM_PLUGINS=none --on-cpu VLLM_CPU_KVCACHE_SPACE=1 --on-cpu VLLM_CPU_OMP_THREADS_BIND=nobind)
launch "${cpu[@]}" swift deploy "$here/deploy_vllm.yaml" "$@"
