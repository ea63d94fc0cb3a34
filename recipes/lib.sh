# shellcheck shell=bash
# What the scripts here share: messages, the environment's Python, `launch`, a server to wait for, and stages.
# `launch ... swift VERB FILE.yaml "$@"`: swiftkit/training/launch.py adds what this machine asks for before your flags.
# Environment: DRY_RUN=1 prints the command only, RESUME=1 goes on from the last complete checkpoint, VLLM=0 leaves vLLM out; 0,
# false, no and off are no. GPUS=N overrides the count (0: the CPU). DEEPSPEED=zero2|none replaces the recipe's. SWIFTKIT_VENV is
# the virtual environment (default .venv). SWIFTKIT_STOP_SECONDS (20) is how long a stopped process may take to end. Anything that
# swift reads itself (NPROC_PER_NODE, CUDA_VISIBLE_DEVICES, ...) is kept. For several machines: docs/multi_node.md.
set -euo pipefail
log() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() { # MESSAGE...: what happened and what to do; exit status 2 (wrong usage or bad input)
    log "$@"
    exit 2
}

((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404)) ||
    die "bash $BASH_VERSION is too old: 4.4 or newer is needed (macOS: brew install bash)"
if [[ -n ${DRY_RUN-} && ${DRY_RUN,,} =~ ^(0|false|no|off)$ ]]; then unset DRY_RUN; fi
# shellcheck disable=SC2034 # for the script that sources this
here=$(dirname -- "$0") # its folder, where its YAML lies
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${SWIFTKIT_VENV:-$root/.venv}/bin/python programs=${SWIFTKIT_VENV:-$root/.venv}/bin
if [[ ! -x $python ]]; then # an environment that is active already
    python=python3 programs=""
    export PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
fi

launch() { # [FLAGS...] swift VERB FILE.yaml ARGUMENTS...: see swiftkit/training/launch.py; it does not return
    if [[ -z $programs ]] && ! "$python" -c "import swiftkit.cli.launch" 2>/dev/null; then
        die "Python 3.11 or newer is needed; it is part of what this makes: bash scripts/setup.sh"
    fi
    exec "$python" -m swiftkit.cli.launch --script "$0" --programs "$programs" "$@"
}

wait_for_server() { # PID URL SECONDS LOG: until URL/health answers; 1, with the log's end, if the server dies or is late
    "$python" -m swiftkit.training.wait_for_server "$@"
}

make_paths() { # VARIABLE...: a value that begins with a dash is a name here, not an option of what it is given to
    local name
    for name in "$@"; do
        if [[ ${!name} == -* ]]; then printf -v "$name" './%s' "${!name}"; fi
    done
}

run_or_print() { # COMMAND...: under DRY_RUN it is only shown, as a line that can be pasted
    if [[ -n ${DRY_RUN-} ]]; then printf '%q' "$1" && printf ' %q' "${@:2}" && echo; else "$@"; fi
}

swiftkit() { run_or_print "$python" -m swiftkit "$@"; }

run() { # COMMAND...: in the foreground, so that a signal to this script reaches all of the command; returns its exit status
    local status=0 supervisor
    "$python" -m swiftkit.training.supervise "$@" <&0 &
    supervisor=$!
    trap 'kill -s INT "$supervisor"' INT
    trap 'kill -s TERM "$supervisor"' TERM HUP
    until wait "$supervisor" || status=$? && ! kill -0 "$supervisor" 2>/dev/null; do :; done # a trap interrupts wait
    trap - INT TERM HUP
    return "$status"
}

stages=()      # the functions of a script, in their order; as_given: the variables that it was started with, for a shell
run_stages() { # SCRIPT FOLDER [STAGE]: all stages, or one of them; one that is done is not run again
    local script=$1 folder=$2 stage
    if (($# > 2)); then
        [[ " ${stages[*]} " == *" $3 "* ]] || die "there is no stage $3; the stages are: ${stages[*]}"
        "$3"
        exit
    fi
    if [[ -n ${DRY_RUN-} ]]; then
        for stage in "${stages[@]}"; do echo "# $stage" && "$stage"; done
        return
    fi
    mkdir -p -- "$folder/logs" "$folder/done"
    echo "Stages (logs in $folder/logs):"
    for stage in "${stages[@]}"; do run_stage "$script" "$folder" "$stage"; done
    echo "All stages: $SECONDS s"
}

run_stage() { # SCRIPT FOLDER STAGE: in a process of its own; says how long it took, and remembers that it is done
    local script=$1 folder=$2 stage=$3 log_file=$2/logs/$3.log started=$SECONDS status=0 again
    printf '  %-15s ' "$stage"
    if [[ -e $folder/done/$stage ]]; then
        echo "done before"
        return
    fi
    run bash "$script" "$stage" >"$log_file" 2>&1 || status=$?
    if ((status == 0)); then
        touch -- "$folder/done/$stage"
        printf '%4d s\n' $((SECONDS - started))
        return
    fi
    printf 'stopped after %d s (exit status %d); the end of %s:\n' $((SECONDS - started)) "$status" "$log_file"
    tail -n 15 -- "$log_file" | tr '\r' '\n' | tail -n 15
    again="${as_given-}bash $(printf %q "$script")"
    printf 'Repeat this stage alone:  %s %s\nGo on from here:           %s\n' "$again" "$stage" "$again"
    exit "$status"
}
