#!/usr/bin/env bash
# Makes the virtual environment that everything here runs in. Safe to repeat: it returns at once when nothing has changed,
# and starts over when an earlier run was interrupted.
# Run:      bash scripts/setup.sh
# Override: PYTHON=python3.12 bash scripts/setup.sh         SWIFTKIT_VENV=/some/folder (default: .venv)
#           TORCH_INDEX_URL=...  the package index to take torch from, such as PyTorch's own for CPU builds
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"
venv=${SWIFTKIT_VENV:-$root/.venv}

state() { # prints what the environment depends on
    cat pyproject.toml constraints.txt
    echo "python ${PYTHON:-any} gpu $gpu torch ${TORCH_INDEX_URL-}"
}

is_current() { [[ -x $venv/bin/python && -x $venv/bin/swift ]] && is_ours "$venv" && has_stamp "$venv"; }

choose_python() { # prints the first Python that is new enough
    local candidate version found="" candidates=(python3.12 python3.11 python3.13 python3)
    if [[ -n ${PYTHON-} ]]; then candidates=("$PYTHON"); fi
    for candidate in "${candidates[@]}"; do
        version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
        if [[ ${version%%.*} -eq 3 && ${version#*.} -ge 11 ]]; then
            echo "$candidate"
            return
        fi
        found+=" $candidate is $version;"
    done
    die "Python 3.11 or newer is needed:${found:- no Python was found;} install one, or name it: PYTHON=/path/to/python3.12 bash $0"
}

make_venv() { # from nothing: what an interrupted venv or pip has left behind is not to be trusted
    clear_venv "$venv" "$base" >&2 ||
        die "$base cannot make a virtual environment (see above); on Debian and Ubuntu: apt install python3-venv"
}

stage() { # WHAT COMMAND...: one line on the screen, the rest in the log
    local what=$1 start=$SECONDS status=0
    shift
    printf '%-44s ' "$what ..." >&2
    set -m # a process group of its own: pip's helpers are stopped with it, and the lock is free for the next run
    "$@" >>"$venv/setup.log" 2>&1 </dev/null &
    set +m
    trap 'kill -- "-$!"' INT TERM HUP
    wait "$!" || status=$?
    trap - INT TERM HUP
    if ((status > 128)); then # stopped from outside: the mark stays, and the next run starts over
        echo "stopped" >&2
        exit "$status"
    fi
    if ((status == 0)); then echo "$((SECONDS - start)) s" >&2; else echo "failed" >&2; fi
    return "$status"
}

fail() {
    rm -f "$venv/.installing" # pip has taken back what it had begun
    give_up "$venv/setup.log"
}

pip_install() { # called through `stage` only, in a process of its own
    exec "$venv/bin/python" -m pip install --disable-pip-version-check -c constraints.txt "$@"
}

install_torch() { # before the rest, because anything that asks for torch would take the newest build, gigabytes of CUDA
    local torch
    torch=$(pin torch) || exit
    if [[ -n ${TORCH_INDEX_URL-} ]]; then
        stage "torch, from TORCH_INDEX_URL" pip_install --index-url "$TORCH_INDEX_URL" "$torch"
        return
    elif ((gpu == 0)); then
        if stage "torch, its build for the CPU" pip_install "$torch+cpu"; then return; fi
        if ! tail -n 5 "$venv/setup.log" | grep -q 'from versions: [0-9]'; then return 1; fi # another failure
        log "the configured package index has no CPU build; the ordinary one may take gigabytes (TORCH_INDEX_URL can name an index that has it)"
    fi
    stage "torch" pip_install "$torch"
}

choose_build "$venv"
end_if_current "$venv"
exec 9<pyproject.toml # two at once would install into each other; the lock goes with the process
if command -v flock >/dev/null; then flock 9; fi
if is_current; then exit 0; fi
base=$(choose_python)
check_venv_folder "$venv" SWIFTKIT_VENV
if [[ -e $venv/.installing || ! -x $venv/bin/python || -n ${PYTHON-} ]] || ! is_ours "$venv"; then make_venv; fi
touch "$venv/.installing"
rm -f "$venv/.stamp"
install_torch || fail
extras=train,dev
if ((gpu)); then extras=train,gpu,dev; fi
stage "swiftkit with ms-swift ($extras)" pip_install -e ".[$extras]" || fail
# The questions of BFCL and the simulators of its multi_turn; of what else the package asks for, they need nothing.
stage "bfcl-eval, its data and simulators" pip_install --no-deps bfcl-eval || fail
# The published chat templates that TRL keeps a copy of, for tests/rendering: its files alone, beside the trl that ms-swift needs.
stage "published chat templates, from TRL" "$venv/bin/python" -m pip install --disable-pip-version-check --no-deps --no-compile \
    --upgrade --target "$venv/chat_templates" trl==1.16.0 || log "tests of the published chat templates will be skipped"
# Of DashScope's wheel, too, one file is needed: the ranks of which tests/helpers/qwen3_tokenizer.py makes Qwen3's tokenizer.
stage "Qwen's tokenizer, from DashScope" "$venv/bin/python" -m pip install --disable-pip-version-check --no-deps --no-compile \
    --upgrade --target "$venv/qwen_tokenizer" dashscope==2.0.2 || log "tests with Qwen3's tokenizer will be skipped"
stamp >"$venv/.stamp"
rm -f "$venv/.installing"
