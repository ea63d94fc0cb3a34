# shellcheck shell=bash
# What every recipe needs, and the only file that is sourced. It adds what the machine asks for (processes, DeepSpeed, CPU
# flags) between the YAML and your own flags. It reads none of swift's flags: `swift VERB FILE.yaml [machine] [yours]`, and
# the last one wins. What is wrong with them, `swiftkit preflight` says before swift starts.
#
# Environment: DRY_RUN=1 prints the command only. RESUME=1 goes on from the last complete checkpoint. GPUS=N overrides the
# count (0: use the CPU). DEEPSPEED=zero2|none replaces zero3. VLLM=false leaves vLLM out. SWIFTKIT_VENV is the virtual
# environment (default .venv). SWIFTKIT_STOP_SECONDS (20) is how long a stopped process may take to end. Anything that
# swift itself reads (NPROC_PER_NODE, CUDA_VISIBLE_DEVICES, ...) is kept. NNODES, NODE_RANK and MASTER_ADDR make it one of
# several machines (docs/multi_node.md).

set -euo pipefail
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
    echo "bash $BASH_VERSION is too old: 4.4 or newer is needed (macOS: brew install bash)" >&2
    exit 2
fi

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=python3 swift=swift
if [[ -x ${SWIFTKIT_VENV:-$root/.venv}/bin/python ]]; then
    python=${SWIFTKIT_VENV:-$root/.venv}/bin/python swift=${SWIFTKIT_VENV:-$root/.venv}/bin/swift
fi
environment=() # NAME=value pairs for swift
hardware=()    # flags for swift
recipe_gpus=0  # what a recipe's own YAML is made for; a recipe overrides these five
recipe_gpu_gb=80
recipe_deepspeed=zero3
recipe_vllm=false # whether vLLM, where it is installed beside swift, generates the rollouts
recipe_terminal=false
launcher=swift # or megatron, for `recipe megatron VERB`
nodes=1        # machines that train together
stages=()      # of a script that runs in stages (run_stages)

log() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() { # MESSAGE...: what happened and what to do; exit status 2 (wrong usage or bad input)
    log "$@"
    exit 2
}

recipe() { # [megatron] VERB [OTHER.yaml] [swift flags...]: the whole of a recipe; it does not return
    if [[ $1 == megatron ]]; then
        launcher=megatron swift=${swift%swift}megatron
        shift
    fi
    local verb=$1 file own=true gpus
    file=$(dirname "$0")/$(basename "$0" .sh).yaml
    shift
    if [[ ${1-} == *.yaml || ${1-} == *.yml ]]; then # swift's own convention
        file=$1 own=false
        shift
    fi
    [[ -f $file ]] || die "there is no file $file"
    make_paths file
    gpus=$(gpu_count)
    if is_training "$verb"; then count_nodes; fi
    if [[ $own == true && $((gpus * nodes)) -lt $recipe_gpus ]]; then
        if [[ -n ${DRY_RUN-} && -z ${GPUS-} ]]; then
            log "this is the command for the $recipe_gpus GPUs that the recipe is made for; here are $gpus"
            gpus=$recipe_gpus
        elif ((gpus == 0)); then
            explain_missing_gpus "$file"
        else
            log "$file is made for $recipe_gpus GPUs, here are $gpus: it may run out of memory"
        fi
    fi
    choose_environment "$verb" "$gpus"
    choose_flags "$verb" "$gpus"
    if [[ ${RESUME:-0} != 0 ]] && is_training "$verb"; then resume "$verb" "$file" "$@"; fi
    if [[ -n ${DRY_RUN-} ]]; then
        if wants_liger "$verb" "$gpus"; then hardware+=(--use_liger_kernel true); fi
        if wants_vllm "$gpus"; then hardware+=(--use_vllm true --vllm_mode colocate); fi
        print_command "$verb" "$file" "${hardware[@]}" "$@"
        exit
    fi
    command -v "$swift" >/dev/null || die "ms-swift is not installed; install it: bash scripts/setup.sh"
    # Seconds, where swift would first import torch: a missing model, a missing dataset, a port in use, a renamed flag.
    local checked_as=$verb
    if [[ $launcher == megatron ]]; then checked_as=megatron; fi
    env "${environment[@]}" "$python" -m swiftkit preflight --verb "$checked_as" "$file" "${hardware[@]}" "$@" </dev/null
    if wants_liger "$verb" "$gpus" && liger_works; then hardware+=(--use_liger_kernel true); fi # imports torch: last
    if wants_vllm "$gpus"; then
        if "$python" -c 'import vllm' >/dev/null 2>&1; then  # one that belongs to another torch is found, and fails
            hardware+=(--use_vllm true --vllm_mode colocate) # not in the YAML: without vLLM swift refuses vllm_mode
        else
            log "vLLM is not installed beside ms-swift: transformers generates the rollouts, which takes much longer"
        fi
    fi
    local supervise=(-m swiftkit.training.supervise)
    if is_training "$verb"; then supervise+=(--record); fi # run.json and rerun.sh
    if [[ $recipe_terminal == true && -t 0 ]]; then supervise+=(--terminal); fi
    if ((nodes > 1)); then supervise+=(--last-words "$(explain_lost_node)"); fi
    exec "$python" "${supervise[@]}" env "${environment[@]}" "$swift" "$verb" "$file" "${hardware[@]}" "$@"
}

resume() { # VERB FILE FLAGS...: adds the flag that goes on from the last complete checkpoint; a finished run ends here
    local verb=$1 file=$2 checkpoint status=0
    shift 2
    checkpoint=$(env "${environment[@]}" "$python" -m swiftkit.training.resume "$verb" "$file" "${hardware[@]}" "$@") || status=$?
    if ((status == 3)); then exit 0; fi # it has said that nothing is left to do
    if ((status)); then exit "$status"; fi
    if [[ -n $checkpoint ]]; then hardware+=(--resume_from_checkpoint "$checkpoint"); fi
}

print_command() { # VERB FILE FLAGS...: one line that can be pasted into a shell
    local program=$swift
    if [[ $swift == /* ]]; then program=$(realpath --relative-base="$PWD" -s "$swift"); fi
    print_words "${environment[@]}" "$program" "$@"
}

print_words() {
    printf '%q' "$1"
    printf ' %q' "${@:2}"
    echo
}

explain_missing_gpus() { # FILE: what the recipe needs, and what runs here
    local name=${0##*recipes/} gpus="$recipe_gpus GPUs"
    name=${name%.sh}
    if ((recipe_gpus == 1)); then gpus="1 GPU"; fi
    cat >&2 <<END
recipes/$name.sh needs $gpus of $recipe_gpu_gb GB or more; this machine shows none.
It also needs the model and the training rows that $1 names.
The command it would run:                   DRY_RUN=1 bash recipes/$name.sh
END
    if [[ -f $root/recipes/tiny/$name.yaml ]]; then
        cat >&2 <<END
The same recipe, small, on this machine:    bash recipes/$name.sh recipes/tiny/$name.yaml
    (its data is made by: bash scripts/demo.sh)
本机没有 GPU。完整训练需要 $recipe_gpus 张 $recipe_gpu_gb GB 以上的显卡；上面最后一条命令可以在 CPU 上跑同一流程的小模型。
END
    fi
    exit 2
}

explain_lost_node() { # what is said when one of several nodes has failed
    cat <<END
${0##*/}: node ${NODE_RANK-} of $nodes has failed. Where the errors above say "closed by peer", "reset by peer", "timed out" or
"waiting for clients", another node went first, or never came to ${MASTER_ADDR-}:${MASTER_PORT:-29500}: read its log too.
When that is mended, give the same command on every node, with RESUME=1: it goes on from the last checkpoint.
本节点因错误停止；若上面出现上述字样，多半是别的节点先退出，请查看它的日志。修复后在每个节点上加 RESUME=1 重新运行，从最后的检查点继续。
END
}

# --- what the machine has ---------------------------------------------------------------------------------------------

gpu_count() { # prints how many GPUs swift may use
    local found listed
    if [[ -n ${GPUS-} ]]; then
        [[ $GPUS =~ ^[0-9]+$ ]] || die "GPUS=$GPUS is not a number"
        echo "$GPUS"
        return
    fi
    found=$(nvidia-smi -L 2>/dev/null | grep -c '^GPU ') || found=0
    if [[ -n ${CUDA_VISIBLE_DEVICES+set} && $found -gt 0 ]]; then
        IFS=, read -ra listed <<<"$CUDA_VISIBLE_DEVICES"
        found=${#listed[@]}
        if [[ $CUDA_VISIBLE_DEVICES == -1 ]]; then found=0; fi
    fi
    echo "$found"
}

cpu_count() { # cores that this container may really use: a thread more than those is slower by a factor, not by a share
    local cores quota period
    cores=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
    if { read -r quota period </sys/fs/cgroup/cpu.max; } 2>/dev/null && [[ $quota != max ]]; then
        quota=$(((quota + period - 1) / period))
        if ((quota < cores)); then cores=$quota; fi
    fi
    echo "$cores"
}

count_nodes() { # sets nodes; what else belongs to NNODES is preflight's matter
    nodes=${NNODES:-1}
    [[ $nodes =~ ^[1-9][0-9]{0,4}$ ]] || die "NNODES=$nodes is no number of machines"
}

is_training() { [[ $1 == sft || $1 == pt || $1 == rlhf ]]; }

set_default() { # NAME VALUE: hand the variable to swift; a value that the user set stays
    environment+=("$1=${!1-$2}")
}

choose_environment() { # VERB GPUS
    local processes=${NPROC_PER_NODE:-1} threads name
    # Looked at first, because bash evaluates what it calculates with.
    [[ $processes =~ ^[1-9][0-9]*$ ]] || die "NPROC_PER_NODE=$processes is no number of processes"
    if [[ -n ${GPUS-} ]]; then # a smaller number than the machine has must also hide the others
        set_default CUDA_VISIBLE_DEVICES "$(if (($2 > 0)); then seq -s, 0 $(($2 - 1)); fi)"
    fi
    if is_training "$1" && (($2 > 1)); then processes=${NPROC_PER_NODE:-$2}; fi
    if [[ -n ${NPROC_PER_NODE-} || $processes -gt 1 || $nodes -gt 1 ]]; then
        set_default NPROC_PER_NODE "$processes"
        # A fixed port makes the second job on a machine fail, but several machines could not know a chosen one.
        set_default MASTER_PORT "$(if ((nodes > 1)); then echo 29500; else free_port; fi)"
    fi
    if ((nodes > 1)); then
        for name in NNODES NODE_RANK MASTER_ADDR; do
            if [[ -n ${!name-} ]]; then set_default "$name" ""; fi
        done
    fi
    threads=$(($(cpu_count) / processes))
    if [[ $2 -gt 0 && $threads -gt 8 ]]; then threads=8; fi # beside a GPU more of them only get in each other's way
    set_default OMP_NUM_THREADS "$((threads > 0 ? threads : 1))"
    set_default OMP_WAIT_POLICY passive # threads that spin while they wait cost a factor of 50 on a busy machine
    # On a node without internet ms-swift would ask the hub about a local model again and again, for 22-25 s.
    set_default API_HTTP_CLIENT_MAX_RETRIES 1
    set_default MODELSCOPE_REPO_TREE_PAGE_MAX_ATTEMPTS 1
}

choose_flags() { # VERB GPUS
    # swift would wait 208 days for a node that is gone without a word; NCCL heeds this limit, in seconds.
    if ((nodes > 1)); then hardware+=(--ddp_timeout 1800); fi
    if [[ $launcher == megatron ]]; then return; fi
    if (($2 == 0)); then
        # fp16 is said because float32 turns it on by default; without use_cpu several processes train apart, unnoticed.
        if is_training "$1"; then hardware+=(--use_cpu true --fp16 false); fi
        if [[ $1 != export ]]; then hardware+=(--torch_dtype float32); fi
    elif is_training "$1" && (($2 * nodes > 1)) && [[ ${DEEPSPEED:-$recipe_deepspeed} != none ]]; then
        hardware+=(--deepspeed "${DEEPSPEED:-$recipe_deepspeed}") # not in the YAML: a key there cannot be taken away again
    fi
}

liger_works() { # its kernels need triton with an active driver, and crash in mid-training without it
    "$python" - 2>/dev/null <<'END'
import liger_kernel
import triton

raise SystemExit(not any(backend.driver.is_active() for backend in triton.backends.backends.values()))
END
}

wants_liger() { [[ $1 == sft && $2 -gt 0 && $launcher == swift ]]; }          # VERB GPUS
wants_vllm() { [[ $recipe_vllm == true && $1 -gt 0 && ${VLLM-} != false ]]; } # GPUS

# --- for scripts that start recipes -----------------------------------------------------------------------------------

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

make_paths() { # VARIABLE...: a value that begins with a dash is a name here, not an option of what it is given to
    local name
    for name in "$@"; do
        if [[ ${!name} == -* ]]; then printf -v "$name" './%s' "${!name}"; fi
    done
}

run_or_print() { # COMMAND...: under DRY_RUN it is only shown
    if [[ -n ${DRY_RUN-} ]]; then print_words "$@"; else "$@"; fi
}

run_stages() { # SCRIPT FOLDER [STAGE]: the functions of the array `stages`, or one of them; one that is done is not run again
    local script=$1 folder=$2 name
    shift 2
    if (($#)); then
        [[ " ${stages[*]} " == *" $1 "* ]] || die "there is no stage $1; the stages are: ${stages[*]}"
        "$1"
        exit
    fi
    if [[ -n ${DRY_RUN-} ]]; then
        for name in "${stages[@]}"; do echo "# $name" && "$name"; done
        return
    fi
    mkdir -p -- "$folder/logs" "$folder/done"
    echo "Stages (logs in $folder/logs):"
    for name in "${stages[@]}"; do run_stage "$script" "$folder" "$name"; done
    echo "All stages: $SECONDS s"
}

run_stage() { # SCRIPT FOLDER NAME: in a process of its own; says how long it took, and remembers that it is done
    local script=$1 folder=$2 name=$3 log_file=$2/logs/$3.log started=$SECONDS status=0
    if [[ -e $folder/done/$name ]]; then
        printf '  %-15s done before\n' "$name"
        return
    fi
    printf '  %-15s ' "$name"
    run bash "$script" "$name" >"$log_file" 2>&1 || status=$?
    if ((status == 0)); then
        touch -- "$folder/done/$name"
        printf '%4d s\n' $((SECONDS - started))
        return
    fi
    printf 'stopped after %d s (exit status %d); the end of %s:\n' $((SECONDS - started)) "$status" "$log_file"
    tail -n 15 -- "$log_file" | tr '\r' '\n' | tail -n 15
    printf 'Repeat this stage alone:  bash %s %s\nGo on from here:           bash %s\n' "$script" "$name" "$script"
    exit "$status"
}

free_port() {
    "$python" -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])'
}

wait_for_server() { # PID URL SECONDS LOG: until URL/health answers; 1, with the log's end, if the server dies or is late
    local deadline=$((SECONDS + $3)) problem=""
    until answers "${2%/}/health"; do
        if ! kill -0 "$1" 2>/dev/null; then
            problem="the server at $2 ended before it answered"
        elif ((SECONDS >= deadline)); then
            problem="the server at $2 did not answer within $3 s"
        fi
        if [[ -n $problem ]]; then
            log "$problem; the end of $4:"
            tail -n 20 -- "$4" >&2
            return 1
        fi
        sleep 0.3
    done
}

answers() { # URL; a proxy from the environment is not asked for a server of our own
    "$python" - "$1" 2>/dev/null <<'END'
import sys, urllib.request

urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1], timeout=2)
END
}
