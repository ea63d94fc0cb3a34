# shellcheck shell=bash
# What the scripts share that make a virtual environment. They run before there is a Python to ask.
# shellcheck source=recipes/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../recipes/lib.sh"
cd "$root"

has_gpu() { # GPUS=0 and CUDA_VISIBLE_DEVICES="" say no
    if [[ -n ${GPUS-} ]]; then
        [[ $GPUS =~ ^[0-9]+$ ]] || die "GPUS=$GPUS is not a number"
        [[ $GPUS =~ [1-9] ]]
    else
        [[ -n ${CUDA_VISIBLE_DEVICES-all} && ${CUDA_VISIBLE_DEVICES-} != -1 && $(nvidia-smi -L 2>/dev/null) == "GPU "* ]]
    fi
}

# shellcheck disable=SC2034 # for the script that sources this
gpu=$(if has_gpu; then echo 1; else echo 0; fi)

pin() { grep -E "^$1==" constraints.txt || die "constraints.txt does not pin $1"; } # PACKAGE: prints package==version

check_venv_folder() { # FOLDER VARIABLE: a folder with other things in it is never cleared
    if [[ -e $1 && ! -e $1/pyvenv.cfg && -n $(ls -A "$1") ]]; then
        die "$1 is not a virtual environment and not empty; remove it, or set $2 to another folder"
    fi
}

give_up() { # LOG
    tail -n 20 "$1" >&2
    log "the whole log: $1; to repeat: bash $0"
    exit 1
}
