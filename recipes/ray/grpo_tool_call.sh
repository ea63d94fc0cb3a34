#!/usr/bin/env bash
# GRPO on tool calls in ms-swift's Ray mode: Megatron trains, vLLM generates, Ray places both on the nodes' GPUs.
# Hardware: 2 nodes with 8 GPUs of 80 GB. Not run here: it needs ray, vllm, megatron-core, mcore-bridge and GPUs.
# Run:      ray start --head --port 6379                        on the first node
#           ray start --address FIRST_NODE:6379                 on each other node
#           bash recipes/ray/grpo_tool_call.sh                  on the first node, when `ray status` shows all GPUs
# Override: bash recipes/ray/grpo_tool_call.sh mine.yaml        Ray mode reads its YAML alone: a flag would have no effect
# Result:   runs/ray_grpo_tool_call
# shellcheck source=recipes/lib.sh
. "$(dirname "$0")/../lib.sh"
file=${1:-"$here/grpo_tool_call.yaml"}
if (($# > 1)) || [[ $file != *.yaml ]]; then
    die "Ray mode reads its YAML alone and ignores flags; copy $here/grpo_tool_call.yaml and name the copy"
fi
[[ -f $file ]] || die "there is no file $file"
for module in ray vllm megatron.core mcore_bridge; do
    if [[ -z ${DRY_RUN-} ]] && ! "$python" -P -c "import $module" 2>/dev/null; then
        die "$module is not installed beside ms-swift: Ray mode needs ray, vllm, megatron-core, mcore-bridge"
    fi
done
unset NPROC_PER_NODE NNODES # with them swift would start torchrun; Ray starts the processes here
launch --as-is megatron rlhf --use_ray true --config "$file"
