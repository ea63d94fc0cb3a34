#!/usr/bin/env bats
# recipes/tool_call_pipeline.sh: the order of its stages, and that it goes on where it stopped.
# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154 # text that must not be expanded; what stage.bash sets

setup() {
    load stage
    make_stage
    stages=(convert sft merge_sft grpo merge_grpo evaluate_base evaluate_sft evaluate_grpo report)
    # All that a stage starts writes one line: the verb and the last of its words.
    program swift 'echo "$1 ${*: -1}" >>"$STAGE/calls"; [[ ! -e $STAGE/fail_$1 ]] || exit 1
        [[ $1 != export ]] || { mkdir -p "${*: -1}" && echo new >"${*: -1}/weights"; }'
    program python 'if [[ "$1 $2 $3" == "-P -m swiftkit" && $4 =~ ^(convert|check|compare)$ ]]; then
        echo "$4" >>"$STAGE/calls"
        exit "$(cat "$STAGE/status_$4" 2>/dev/null || echo 0)"
    fi
    [[ "$1 ${2-} ${3-}" != "-P -m swiftkit.cli.launch" ]] || set -- "$LAUNCH" "$@"
    exec "$REAL_PYTHON" "$@"'
    echo '[[ -n ${DRY_RUN-} ]] || echo "eval $3" >>"$STAGE/calls"' >"$project/recipes/eval.sh"
    export MODEL='a model' RAW='raw $(touch pwned)' HELD_OUT='held; touch pwned' FOLDER='runs/$(touch pwned)' YAMLS=$STAGE/yamls
    mkdir "$YAMLS"
    for name in lora_sft_qwen3 grpo_tool_call export_merge eval; do echo 'model: x' >"$YAMLS/$name.yaml"; done
}

teardown() {
    nothing_was_evaluated
}

@test "all stages in their order; a second run repeats none" {
    run recipe tool_call_pipeline
    [[ $status == 0 ]]
    printf '%s\n' convert convert convert check "sft $FOLDER/sft" "export $FOLDER/sft_merged.new" "rlhf $FOLDER/grpo" \
        "export $FOLDER/grpo_merged.new" "eval $FOLDER/eval_base" "eval $FOLDER/eval_sft" "eval $FOLDER/eval_grpo" \
        compare compare | diff - calls
    rm calls
    run recipe tool_call_pipeline
    [[ $status == 0 && ! -e calls ]]
    [[ $(grep -c 'done before' <<<"$output") == "${#stages[@]}" ]]
}

@test "a stage that fails stops it with the way to go on; the next run begins there" {
    touch fail_rlhf
    run recipe tool_call_pipeline
    [[ $status != 0 && $output == *"Repeat this stage alone:"*"tool_call_pipeline.sh"*" grpo"* ]]
    [[ $(tail -n 1 calls) == "rlhf $FOLDER/grpo" ]]
    rm fail_rlhf calls
    run recipe tool_call_pipeline
    [[ $status == 0 && $(head -n 1 calls) == "rlhf $FOLDER/grpo" ]]
}

@test "the hints repeat this very run, with its settings" {
    touch fail_rlhf
    run recipe tool_call_pipeline
    rm fail_rlhf calls
    hint=$(sed -n 's/^Repeat this stage alone:  //p' <<<"$output")
    env -u MODEL -u RAW -u HELD_OUT -u FOLDER -u YAMLS bash -c "$hint"
    [[ $(<calls) == "rlhf $FOLDER/grpo" && ! -e pwned ]]
}

@test "a merge that fails leaves the model that is there" {
    recipe tool_call_pipeline merge_sft
    echo old >"$FOLDER/sft_merged/weights"
    touch fail_export
    run recipe tool_call_pipeline merge_sft
    [[ $status != 0 && $(<"$FOLDER/sft_merged/weights") == old ]]
}

@test "a verdict is not a failure: worse, or no difference shown" {
    for verdict in 1 3; do
        echo "$verdict" >status_compare
        recipe tool_call_pipeline report
    done
    echo 2 >status_compare
    run recipe tool_call_pipeline report
    [[ $status == 2 ]]
}

@test "questions that are trained on stop it before anything is trained" {
    echo 1 >status_check
    run recipe tool_call_pipeline
    [[ $status == 1 && $(tail -n 1 calls) == check ]]
}

@test "a folder that was begun with other settings is refused" {
    recipe tool_call_pipeline
    MODEL=another run recipe tool_call_pipeline
    [[ $status == 2 && $output == *"begun with other settings: MODEL=a\\ model "* ]]
}

@test "one stage alone, and one that is not there" {
    recipe tool_call_pipeline merge_sft
    [[ $(<calls) == "export $FOLDER/sft_merged.new" && $(<"$FOLDER/sft_merged/weights") == new ]]
    run recipe tool_call_pipeline nothing
    [[ $status == 2 && $output == *"there is no stage nothing"* ]]
}

@test "a folder may be called like an option" {
    FOLDER=-rf MODEL=--help RAW=-x run recipe tool_call_pipeline sft
    [[ $status == 0 && $(<calls) == "sft ./-rf/sft" && -d ./-rf ]]
}

@test "DRY_RUN prints every command and makes nothing" {
    DRY_RUN=1 run recipe tool_call_pipeline
    [[ $status == 0 && ! -e calls && ! -e $FOLDER ]]
    for stage in "${stages[@]}"; do [[ $output == *"# $stage"* ]]; done
    [[ $output == *" sft $YAMLS/lora_sft_qwen3.yaml "* && $output == *" -m swiftkit convert raw\\ \\\$\\(touch\\ pwned\\) "* ]]
}

@test "a stage whose YAML or data has changed runs again, and what reads its result" {
    mkdir raw_rows && echo one >raw_rows/rows.jsonl
    export RAW=raw_rows
    recipe tool_call_pipeline
    rm calls
    echo 'learning_rate: 1' >>"$YAMLS/grpo_tool_call.yaml"
    run recipe tool_call_pipeline
    [[ $status == 0 && $(head -n 1 calls) == "rlhf $FOLDER/grpo" && $output == *"again, for what it reads has changed: "*grpo_tool_call.yaml* ]]
    rm calls
    echo two >>raw_rows/rows.jsonl
    run recipe tool_call_pipeline
    [[ $status == 0 && $(head -n 1 calls) == convert ]]
}

@test "a folder with somebody's files and no stage of ours is refused, and so is one stage in it" {
    mkdir -p "$FOLDER/sft_merged"
    echo mine >"$FOLDER/sft_merged/weights"
    echo mine >"$FOLDER/train.jsonl"
    for stage in '' merge_sft; do
        run recipe tool_call_pipeline $stage
        [[ $status == 2 && $output == *" holds "*"no stage was run there; give another folder"* ]]
        [[ ! -e calls && $(ls -A "$FOLDER") == $'sft_merged\ntrain.jsonl' ]]
        [[ $(cat "$FOLDER/sft_merged/weights" "$FOLDER/train.jsonl") == $'mine\nmine' ]]
    done
}

@test "another spelling of the folder repeats nothing" {
    FOLDER=p1 recipe tool_call_pipeline
    for spelling in p1/ ./p1 "$PWD/p1" p1/../p1; do
        FOLDER=$spelling run recipe tool_call_pipeline
        [[ $status == 0 && $(grep -c 'done before' <<<"$output") == "${#stages[@]}" ]]
    done
}

@test "a stage whose YAML names code that has changed runs again" {
    echo 1 >my_reward.py
    echo 'external_plugins: my_reward.py' >>"$YAMLS/grpo_tool_call.yaml"
    recipe tool_call_pipeline
    rm calls
    echo 2 >my_reward.py
    run recipe tool_call_pipeline
    [[ $status == 0 && $(head -n 1 calls) == "rlhf $FOLDER/grpo" && $output == *"what it reads has changed: my_reward.py"* ]]
}

@test "TINY off is off" {
    for value in 0 false No off ''; do
        TINY=$value DRY_RUN=1 run recipe tool_call_pipeline
        [[ $status == 0 && $output != *demo_tools* ]]
    done
    TINY=1 DRY_RUN=1 run recipe tool_call_pipeline
    [[ $status == 0 && $output == *demo_tools* ]]
}

@test "a misspelt switch starts nothing" {
    for name in DRYRUN dry_run RESUM RESUMED resume; do
        run env "$name=1" bash "$project/recipes/tool_call_pipeline.sh"
        [[ $status == 2 && $output == *"nobody reads $name"* && ! -e calls ]]
    done
}

@test "CDPATH leads nobody elsewhere" {
    mkdir -p elsewhere/recipes elsewhere/..
    cd "$project"
    CDPATH=$STAGE/elsewhere DRY_RUN=1 run bash recipes/tool_call_pipeline.sh
    [[ $status == 0 && $output != *elsewhere* ]]
}

@test "a start that is refused beside a running one changes no settings" {
    recipe tool_call_pipeline convert
    exec 8>>"$FOLDER/.stages.lock"
    flock 8
    RAW=another run recipe tool_call_pipeline
    exec 8>&-
    [[ $status == 2 && $output == *"is in use by"* && $(<"$FOLDER/settings") == *'RAW=raw'* ]]
}

@test "settings are fixed when a stage is done, not by a start that failed" {
    echo 2 >status_convert
    run recipe tool_call_pipeline
    [[ $status == 2 ]]
    rm status_convert
    RAW=another recipe tool_call_pipeline
    run recipe tool_call_pipeline
    [[ $status == 2 && $output == *"begun with other settings: MODEL=a\ model RAW=another "* ]]
}

@test "the hints name the folder, and the variables of every recipe" {
    touch fail_rlhf
    export USE_HF=1 HF_HUB_OFFLINE=1 SWIFTKIT_TOOLS=tools.json SWIFTKIT_HARMONY_DATE=2026-01-15 SWIFTKIT_WIRE_FORMAT=hermes
    export SWIFTKIT_JUDGE_API_KEY=secret
    GPUS=0 VLLM=0 run recipe tool_call_pipeline
    [[ $output == *"Go on from here:           cd $(printf %q "$PWD") && "*" GPUS=0 VLLM=0 USE_HF=1 HF_HUB_OFFLINE=1 "* ]]
    for name in SWIFTKIT_TOOLS SWIFTKIT_HARMONY_DATE SWIFTKIT_WIRE_FORMAT; do [[ $output == *" $name=${!name} "* ]]; done
    [[ $output != *secret* && $output != *SUPERVISED* ]]
}
