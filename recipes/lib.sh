# shellcheck shell=bash
# What the scripts here share: messages, the environment's Python, `launch`, a server to wait for, and stages.
# `launch ... swift VERB FILE.yaml "$@"`: swiftkit/training/launch.py adds what this machine asks for before your flags.
# Environment: DRY_RUN=1 prints the command only, RESUME=1 goes on from the last complete checkpoint, AUDIT=1 audits GRPO's
# rewards first (docs/audit.md; flaws stop it, AUDIT=warn only says them), VLLM=0 leaves vLLM out; 0,
# false, no and off are no. GPUS=N overrides the count (0: the CPU). DEEPSPEED=zero2|none replaces the recipe's. SWIFTKIT_VENV is
# the virtual environment (default .venv). SWIFTKIT_STOP_SECONDS (20) is how long a stopped process may take to end. Anything that
# swift reads itself (NPROC_PER_NODE, CUDA_VISIBLE_DEVICES, ...) is kept. For several machines: docs/multi_node.md.
[ -n "${BASH_VERSION-}" ] || { echo "${0##*/}: this is a script for bash: bash $0" >&2 && exit 2; } # also sh reads this far
set -euo pipefail
# shellcheck source=recipes/usage.sh
source "$(dirname "${BASH_SOURCE[0]}")/usage.sh"
log() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() { # MESSAGE...: what happened and what to do; exit status 2 (wrong usage or bad input)
    log "$@"
    exit 2
}

# shellcheck disable=SC2034 # for the script that sources this
here=$(dirname -- "$0") # its folder, where its YAML lies
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
programs=${SWIFTKIT_VENV:-$root/.venv}/bin
python=$programs/python
if [[ ! -x $python && -n ${SWIFTKIT_VENV-} && -z ${makes_venv-} ]]; then # no other takes its place unnoticed
    die "SWIFTKIT_VENV=$SWIFTKIT_VENV is no virtual environment: it has no bin/python; name another, or make one: bash scripts/setup.sh"
elif [[ ! -x $python ]]; then # an environment that is active already
    python=python3 programs=""
    export PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
fi

check_python() { # MODULE: the environment has it, or the script ends
    if [[ -n $programs ]] && ! "$python" -P -c "import swiftkit" 2>/dev/null; then
        die "the environment $(dirname -- "$programs") has no swiftkit; name another (SWIFTKIT_VENV), or make one: bash scripts/setup.sh"
    elif [[ -z $programs ]] && ! "$python" -P -c "import $1" 2>/dev/null; then
        die "Python 3.11 or newer is needed; it is part of what this makes: bash scripts/setup.sh"
    fi
}

launch() { # [FLAGS...] swift VERB FILE.yaml ARGUMENTS...: see swiftkit/training/launch.py; it does not return
    check_python swiftkit.cli.launch
    exec "$python" -P -m swiftkit.cli.launch --script "$0" --programs "$programs" "$@"
}

wait_for_server() { # PID URL SECONDS LOG: until URL/health answers; 1, with the log's end, if the server dies or is late
    "$python" -P -m swiftkit.training.wait_for_server "$@"
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

swiftkit() { run_or_print "$python" -P -m swiftkit "$@"; }

supervised() { # SCRIPT ARGUMENTS...: starts it again below the supervisor, so that a signal to it reaches all that it has started
    if [[ -n ${SWIFTKIT_SUPERVISED-}${DRY_RUN-} ]]; then return; fi
    check_python swiftkit.training.supervise
    SWIFTKIT_SUPERVISED=1 exec "$python" -P -m swiftkit.training.supervise bash "$@"
}

# The stages of a script are functions. Its `plan` names them in their order, each with what it reads (files, folders, settings)
# and the folders that it makes: --stage sft --reads rows.jsonl --reads MODEL=x --makes runs/sft. `as_given` are the variables that
# the script was started with, for a shell. A stage that has read the same before is not run again (swiftkit/training/stages.py).
plan=()
given() { # NAME...: prints those variables, and those of every recipe, as far as they are set
    local name
    for name in "$@" GPUS CUDA_VISIBLE_DEVICES DEEPSPEED VLLM RESUME NPROC_PER_NODE USE_HF HF_HUB_OFFLINE "${!SWIFTKIT_@}"; do
        if [[ -v $name && $name != SWIFTKIT_@(STAGE|SUPERVISED|FAMILY|RUN_JSON|*KEY) ]]; then printf '%s=%q ' "$name" "${!name}"; fi
    done
}

run_stages() { # SCRIPT FOLDER SHOWN [STAGE]: all stages, at the end the log of SHOWN; or one, on the screen; it does not return
    local script=$1 folder=$2 shown=$3 i stages=()
    for ((i = 0; i < ${#plan[@]}; i += 2)); do # all of it is pairs
        if [[ ${plan[i]} == --stage ]]; then stages+=("${plan[i + 1]}"); fi
    done
    if (($# > 3)); then [[ " ${stages[*]} " == *" $4 "* ]] || die "there is no stage $4; the stages are: ${stages[*]}"; fi
    if [[ -n ${DRY_RUN-} && $# == 3 ]]; then
        for i in "${stages[@]}"; do echo "# $i" && "$i"; done
    elif [[ -n ${DRY_RUN-}${SWIFTKIT_STAGE-} ]]; then
        "$4"
    else
        check_python swiftkit.training.stages
        exec "$python" -P -m swiftkit.training.stages --folder "$folder" --show "$shown" \
            --again "cd $(printf %q "$PWD") && ${as_given-}bash $(printf %q "$script")" --only "${4-}" "${plan[@]}" -- bash "$script"
    fi
    exit
}
