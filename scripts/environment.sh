# shellcheck shell=bash
# What the scripts share that make a virtual environment. They run before there is a Python to ask.
# shellcheck disable=SC2034 # for lib.sh: what SWIFTKIT_VENV names may not be there yet
makes_venv=1
# shellcheck source=recipes/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../recipes/lib.sh"
cd "$root"

has_gpu() { # GPUS=0 and CUDA_VISIBLE_DEVICES="" say no
    if [[ ${GPUS-} =~ [^[:space:]] ]]; then
        [[ $GPUS =~ ^[[:space:]]*[0-9]+[[:space:]]*$ ]] || die "GPUS=$GPUS is not a number"
        [[ $GPUS =~ [1-9] ]]
    else
        [[ -n ${CUDA_VISIBLE_DEVICES-all} && ${CUDA_VISIBLE_DEVICES-} != -1 && $(nvidia-smi -L 2>/dev/null) == "GPU "* ]]
    fi
}

choose_build() { # FOLDER: sets `gpu`; what was made for GPUS stays so, where one run leaves them out or this node has none
    gpu=$(if [[ $(sed -n 2p "$1/.stamp" 2>/dev/null) == "gpu 1" ]] || has_gpu; then echo 1; else echo 0; fi)
}

stamp() { # prints what .stamp says of an environment that is complete
    state | cksum
    echo "gpu $gpu"
}

has_stamp() { # FOLDER: it is complete, and made for what is wanted; the second line is missing in older ones
    [[ -f $1/.stamp && $(head -n 1 "$1/.stamp") == "$(state | cksum)" ]]
}

end_if_current() { # FOLDER: there is nothing to do, or nothing may be done
    if is_current; then exit 0; fi
    if [[ -n ${DRY_RUN-} ]]; then
        log "$1 is not up to date; DRY_RUN=1 installs nothing"
        exit 0
    fi
}

pin() { grep -E "^$1==" constraints.txt || die "constraints.txt does not pin $1"; } # PACKAGE: prints package==version

# An environment that a script here has made holds this file, which names the script; it is empty in older ones.
made_here=.made_by_swiftkit
maker=$root/scripts/${0##*/}

is_ours() { # FOLDER: made by this very script
    local made_by
    [[ -f $1/$made_here ]] || return 1
    made_by=$(<"$1/$made_here")
    [[ -z $made_by || $made_by -ef $maker ]]
}

parts=(bin include lib lib64 share etc man pyvenv.cfg .gitignore .stamp setup.log chat_templates qwen_tokenizer) # of an environment

other_than_parts() { # FOLDER: prints what else is in it
    local name
    (
        cd -- "$1" && shopt -s nullglob dotglob || exit
        for name in *; do
            if [[ " ${parts[*]} $made_here .installing " != *" $name "* ]]; then printf '%s\n' "$name"; fi
        done
    )
}

check_venv_folder() { # FOLDER VARIABLE: what somebody else made is neither cleared nor installed into
    local fix="set $2 to another folder, or remove this one yourself" made_by other
    if [[ -L $1 && ! -e $1 ]]; then die "$1 is a link that leads nowhere; $fix"; fi
    if [[ ! -e $1 ]]; then return; fi
    [[ -d $1 && -r $1 && -w $1 ]] || die "$1 is not a folder that you can write into; $fix"
    if [[ ! -e $1/$made_here ]]; then
        if [[ -z $(ls -A -- "$1") ]]; then return; fi
        if [[ -e $1/pyvenv.cfg ]]; then die "$1 is an environment that this script has not made, so it is left alone; $fix"; fi
        die "$1 is not a virtual environment and not empty; $fix"
    fi
    made_by=$(<"$1/$made_here")
    if [[ -e $made_by ]] && ! is_ours "$1"; then
        die "$1 was made by $made_by and runs that code, so it is left alone; set $2 to another folder"
    fi
    other=$(other_than_parts "$1")
    if [[ -n $other ]]; then die "$1 holds ${other%%$'\n'*}, which is no part of an environment, so it is left alone; $fix"; fi
}

clear_venv() { # FOLDER PYTHON: made anew, and marked as ours first, so that one that is interrupted is made again
    local is_new="" probe status=0
    if [[ ! -e $1 ]]; then is_new=1; fi
    if [[ -e $1/bin && ! -e $1/.installing ]]; then # it is kept if this Python can make no other
        probe=$(mktemp -d) || return
        "$2" -m venv -- "$probe/venv" || status=$?
        rm -rf -- "$probe"
        if ((status)); then return "$status"; fi
    fi
    mkdir -p -- "$1" && printf '%s\n' "$maker" >"$1/$made_here" && touch -- "$1/.installing" || return
    rm -rf -- "${parts[@]/#/$1/}"
    if "$2" -m venv -- "$1"; then return; fi
    rm -rf -- "${parts[@]/#/$1/}" "${1:?}/$made_here" "$1/.installing"
    if [[ -n $is_new ]]; then rmdir -- "$1"; fi
    return 1
}

give_up() { # LOG
    tail -n 20 "$1" >&2
    log "the whole log: $1; to repeat: $(given PYTHON TORCH_INDEX_URL)bash $(printf %q "$maker")"
    exit 1
}

if [[ -n ${SWIFTKIT_VENV+set} && -z $SWIFTKIT_VENV ]]; then die "SWIFTKIT_VENV is set and empty; name a folder, or: unset SWIFTKIT_VENV"; fi
