#!/usr/bin/env bash
# Makes the virtual environment that everything here runs in. Safe to repeat: it returns at once when nothing has changed,
# and starts over when an earlier run was interrupted.
# Run:      bash scripts/setup.sh
# Override: PYTHON=python3.12 bash scripts/setup.sh         SWIFTKIT_VENV=/some/folder (default: .venv)
#           TORCH_INDEX_URL=...  the package index to take torch from, such as PyTorch's own for CPU builds
# shellcheck source=recipes/lib.sh
source "$(dirname "$0")/../recipes/lib.sh"
cd "$root"
venv=${SWIFTKIT_VENV:-$root/.venv}
gpus=$(gpu_count)

state() { # prints what the environment depends on
    cat pyproject.toml constraints.txt
    echo "python ${PYTHON:-any} gpu $((gpus > 0)) torch ${TORCH_INDEX_URL-}"
}

is_current() { [[ -x $venv/bin/python && -x $venv/bin/swift && -f $venv/.stamp && $(<"$venv/.stamp") == "$(state | cksum)" ]]; }

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

make_venv() { # from nothing: what an interrupted pip has left behind is not to be trusted
    if [[ -e $venv && ! -e $venv/pyvenv.cfg && -n $(ls -A "$venv") ]]; then
        die "$venv is not a virtual environment and not empty; remove it, or set SWIFTKIT_VENV to another folder"
    fi
    if "$base" -m venv --clear "$venv" >&2; then return; fi
    rm -rf -- "$venv"
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

give_up() {
    tail -n 20 "$venv/setup.log" >&2
    log "the whole log: $venv/setup.log; to repeat: bash $0"
    rm -f "$venv/.installing" # pip has taken back what it had begun
    exit 1
}

pip_install() { # called through `stage` only, in a process of its own
    exec "$venv/bin/python" -m pip install --disable-pip-version-check -c constraints.txt "$@"
}

install_torch() { # before the rest, because anything that asks for torch would take the newest build, gigabytes of CUDA
    local torch
    torch=$(grep -E '^torch==' constraints.txt) || die "constraints.txt does not pin torch"
    if [[ -n ${TORCH_INDEX_URL-} ]]; then
        stage "torch, from TORCH_INDEX_URL" pip_install --index-url "$TORCH_INDEX_URL" "$torch"
        return
    elif ((gpus == 0)); then
        if stage "torch, its build for the CPU" pip_install "$torch+cpu"; then return; fi
        log "the configured package index has no CPU build; the ordinary one may take gigabytes (TORCH_INDEX_URL can name an index that has it)"
    fi
    stage "torch" pip_install "$torch"
}

if is_current; then exit 0; fi
exec 9<pyproject.toml # two at once would install into each other; the lock goes with the process
if command -v flock >/dev/null; then flock 9; fi
if is_current; then exit 0; fi
base=$(choose_python)
if [[ -e $venv/.installing || ! -x $venv/bin/python || -n ${PYTHON-} ]]; then make_venv; fi
touch "$venv/.installing"
rm -f "$venv/.stamp"
install_torch || give_up
extras=train,dev
if ((gpus > 0)); then extras=train,gpu,dev; fi
stage "swiftkit with ms-swift ($extras)" pip_install -e ".[$extras]" || give_up
# The questions of BFCL and the simulators of its multi_turn; of what else the package asks for, they need nothing.
stage "bfcl-eval, its data and simulators" pip_install --no-deps bfcl-eval || give_up
state | cksum >"$venv/.stamp"
rm -f "$venv/.installing"
