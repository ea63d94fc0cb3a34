#!/usr/bin/env bats
# What a person types, what a file is called and what stands in it reach swift as they are, and are never evaluated.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # text that must not be expanded; what stage.bash sets

setup() {
    load stage
    make_stage
    printf 'model: "$(touch pwned)"\ndataset:\n  - "; touch pwned"\noutput_dir: "`touch pwned`"\n' >small.yaml
}

teardown() {
    nothing_was_evaluated
}

@test "flags arrive as typed, and last: spaces, quotes, empty, leading dashes, unicode, newlines, shell syntax" {
    flags=(--system "${AWKWARD[@]}" '' - -- -5 -n --learning_rate=1e-4 --x='$(touch pwned)')
    for script in "$project"/recipes/*.sh; do
        name=$(basename "$script" .sh)
        grep -q '^launch ' "$script" || continue
        recipe "$name" small.yaml "${flags[@]}"
        swift_got
        [[ ${argv[1]} == small.yaml ]]
        same_words "${flags[@]}"
    done
}

@test "a YAML may be called anything" {
    for name in "${AWKWARD[@]}" -n -x --model -rf; do
        cp -- small.yaml "./$name.yaml"
        recipe lora_sft "$name.yaml" --max_steps 1
        swift_got
        [[ ${argv[1]} == "$name.yaml" || ${argv[1]} == "./$name.yaml" ]]
        same_words --max_steps 1
    done
}

@test "preflight reads a YAML whose name begins with a dash, and says what it lacks" {
    cp small.yaml ./-x.yaml
    REAL_PREFLIGHT=1 run recipe lora_sft -x.yaml
    [[ $status == 2 && $output == *"-x.yaml:"* && $output != *"No such option"* ]]
}

@test "DRY_RUN prints a line that a shell turns into the very same call" {
    flags=(--system "${AWKWARD[@]}" '' - -5)
    recipe lora_sft small.yaml "${flags[@]}"
    swift_got
    called=("${argv[@]}")
    rm argv
    DRY_RUN=1 recipe lora_sft small.yaml "${flags[@]}" >line.sh
    [[ ! -e argv ]]
    bash line.sh
    swift_got
    [[ ${#argv[@]} == "${#called[@]}" ]]
    same_words "${called[@]}"
}

@test "numbers from the environment are read, not calculated" {
    for value in 'a[$(touch pwned)]' 'x' '1;touch pwned'; do
        GPUS=$value run recipe lora_sft small.yaml
        [[ $status == 2 && $output == *"is not a number"* ]]
        NPROC_PER_NODE=$value run recipe lora_sft small.yaml
        [[ $status == 2 && $output == *"is no number of processes"* ]]
    done
}

@test "eval: a model, a data file and a folder may be called anything; nothing of them is removed" {
    for name in "${AWKWARD[@]}" -delete -rf; do
        rm -f argv
        mkdir -p -- "./$name"
        touch -- "./$name/model.safetensors"
        echo '{"messages": [{"role": "user", "content": "q"}], "expected_calls": "[]"}' >"./$name.jsonl"
        run recipe eval "$name" "$name.jsonl" "$name" small.yaml --system "$name"
        [[ $output == *"ended before it answered"* ]] # this swift serves nothing
        swift_got
        [[ ${argv[1]} == small.yaml ]]
        same_words --system "$name"
        [[ -f ./$name/model.safetensors && -f ./$name/model.txt ]]
    done
}

@test "eval: what follows -- goes to swiftkit eval" {
    line=$(DRY_RUN=1 recipe eval model data.jsonl run small.yaml --max_batch_size 4 -- --trials 3 --prompt 'a b' | tail -n 1)
    [[ $line == *" -m swiftkit eval tool-call --data data.jsonl "*" --run run --trials 3 --prompt a\\ b" ]]
    line=$(DRY_RUN=1 recipe eval model data.jsonl run small.yaml --max_batch_size 4 -- --trials 3 | head -n 1)
    [[ $line == *" deploy small.yaml "*" --max_batch_size 4" ]]
}

@test "eval: too few words, or a flag in the place of one, are refused with the usage" {
    run recipe eval model data.jsonl
    [[ $status == 2 && $output == *"usage: bash recipes/eval.sh"* ]]
    for words in 'data.jsonl --limit 3' '--limit 3 model data.jsonl run' 'model data.jsonl --limit 3'; do
        # shellcheck disable=SC2086 # words
        run recipe eval $words
        [[ $status == 2 && $output == *"--limit stands where MODEL"*"usage: bash recipes/eval.sh"* ]]
    done
    for words in 'data.jsonl --limit 3 a b' '--limit 3 data.jsonl run a b'; do
        # shellcheck disable=SC2086 # words
        run recipe eval_checkpoints $words
        [[ $status == 2 && $output == *"--limit stands where DATA"*"usage: bash recipes/eval_checkpoints.sh"* ]]
    done
    [[ ! -e --limit && ! -e argv ]]
}
