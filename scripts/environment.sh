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

# shellcheck disable=SC2034 # for the script that sources this
gpu=$(if has_gpu; then echo 1; else echo 0; fi)

pin() { grep -E "^$1==" constraints.txt || die "constraints.txt does not pin $1"; } # PACKAGE: prints package==version

# In an environment that a script here has made. `.stamp` and `.installing` are those of versions that did not write it.
made_here=.made_by_swiftkit

check_venv_folder() { # FOLDER VARIABLE: what somebody else made is neither cleared nor installed into
    local fix="set $2 to another folder, or remove this one yourself"
    if [[ ! -e $1 || -e $1/$made_here || -e $1/.stamp || -e $1/.installing || (-d $1 && -z $(ls -A -- "$1")) ]]; then return; fi
    if [[ -e $1/pyvenv.cfg ]]; then die "$1 is an environment that this script has not made, so it is left alone; $fix"; fi
    die "$1 is not a virtual environment and not empty; $fix"
}

clear_venv() { # FOLDER PYTHON: made anew, and marked as ours first, so that one that is interrupted is made again
    mkdir -p -- "$1" && touch -- "$1/$made_here" &&
        (cd -- "$1" && find . -mindepth 1 -maxdepth 1 ! -name "$made_here" ! -name .installing -exec rm -rf -- {} +) && "$2" -m venv -- "$1"
}

give_up() { # LOG
    tail -n 20 "$1" >&2
    log "the whole log: $1; to repeat: bash $0"
    exit 1
}
