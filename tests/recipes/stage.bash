# shellcheck shell=bash disable=SC1003,SC2016,SC2034 # text that must not be expanded; arrays for the tests
# A stage for bats: a copy of the recipes in a folder with an awkward name, and a `swift` that writes down how it was called.

# What a file, a flag or a folder may be called. Whoever evaluates one of them makes a file `pwned`.
export AWKWARD=('two  spaces' "it's" 'a "b"' '中文 é' '*' '\' $'a\nb' '$(touch pwned)' '`touch pwned`' '; touch pwned'
    '&& touch pwned' '|touch pwned' '>pwned' '${x:=$(touch pwned)}' 'a[$(touch pwned)]' '!!' '~' '{a,b}' '%s%n' '#x')

make_stage() {
    export STAGE=$BATS_TEST_TMPDIR REAL_PYTHON=${REAL_PYTHON:-$BATS_TEST_DIRNAME/../../.venv/bin/python}
    export SWIFTKIT_VENV=$STAGE/venv PATH=$STAGE/venv/bin:/usr/bin:/bin
    unset GPUS DRY_RUN NPROC_PER_NODE CUDA_VISIBLE_DEVICES DEEPSPEED TASK
    PYTHONPATH=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)${PYTHONPATH:+:$PYTHONPATH}
    export PYTHONPATH PYTHONDONTWRITEBYTECODE=1
    project="$STAGE/a 'project' \"of\" \$(touch pwned);"$'\n'"-x"
    mkdir -p "$project" "$SWIFTKIT_VENV/bin"
    cp -r "$BATS_TEST_DIRNAME/../../recipes" "$project/"
    program swift 'printf "%s\0" "$@" >"$STAGE/argv"'
    program nvidia-smi ''
    # Preflight is asked only where a test wants its opinion; here it would miss the models.
    export LAUNCH="$BATS_TEST_DIRNAME/../helpers/launch_without_preflight.py"
    program python '[[ "$1 ${2-} ${3-}" != "-P -m swiftkit.cli.launch" || -n ${REAL_PREFLIGHT-} ]] || set -- "$LAUNCH" "$@"
        exec "$REAL_PYTHON" "$@"'
    cd "$STAGE" || return 1
}

program() { # NAME TEXT
    printf '#!/usr/bin/env bash\n%s\n' "$2" >"$SWIFTKIT_VENV/bin/$1"
    chmod +x "$SWIFTKIT_VENV/bin/$1"
}

recipe() { # NAME ARGUMENTS...: from the project whose name nobody would choose
    bash "$project/recipes/$1.sh" "${@:2}"
}

swift_got() { # reads what the real swift would have received into the array `argv`
    mapfile -t -d '' argv <"$STAGE/argv"
}

nothing_was_evaluated() {
    local found
    found=$(find "$STAGE" -name pwned)
    [[ -z $found ]]
}

same_words() { # the array `argv` ends with these
    local wanted=("$@") first=$((${#argv[@]} - $#)) i
    ((first >= 0)) || return 1
    for ((i = 0; i < $#; i++)); do
        if [[ ${argv[first + i]} != "${wanted[i]}" ]]; then
            printf 'word %d: %q, not %q\n' "$i" "${argv[first + i]}" "${wanted[i]}"
            return 1
        fi
    done
}
