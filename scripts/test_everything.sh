#!/usr/bin/env bash
# Installs and runs what CI skips, because it takes gigabytes or long. Each part ends in one line: what passed, what failed,
# what was not run and why.
# Run:      bash scripts/test_everything.sh            all parts; their logs: runs/everything
# Override: bash scripts/test_everything.sh litellm    one part, on the screen
# Needs:    the package index. Two cores take about an hour, most of it for vLLM, which also takes 5 GB (.venv_vllm).
# Exit status: 1 if a part has failed.
# shellcheck disable=SC2329 # parts are called by name
set -euo pipefail
# shellcheck source=recipes/usage.sh
source "$(dirname "$0")/../recipes/usage.sh"
cd "$(dirname "$0")/.."
bash scripts/setup.sh # first, because lib.sh takes the environment's Python if there is one
# shellcheck source=recipes/lib.sh
source recipes/lib.sh

# Each part is a function, which installs what it needs. To come: npm (tokenizers), tau2, browser.
parts=(demo jobset litellm mcp vllm)
export SWIFTKIT_DEMO_DIR=$root/runs/demo # a demo that is finished is not run again

demo() { # a checkpoint that ms-swift has written
    bash scripts/demo.sh
    tests tests/training/test_checkpoints.py
}

jobset() { # the Kubernetes recipe in the form that Kubeflow publishes
    add kubeflow-trainer-api==2.3.0
    tests tests/recipes/test_recipe_clusters.py -k job_set
}

litellm() { # the client behind many agent frameworks, at the server of recipes/deploy.sh; its proxy between that and `swiftkit eval`
    local venv=${SWIFTKIT_LITELLM_VENV:-$root/.venv_litellm}
    bash scripts/demo.sh
    add litellm
    if [[ ! -x $venv/bin/litellm ]]; then
        if ! "$python" -m venv "$venv" ||
            ! "$venv/bin/python" -m pip install --disable-pip-version-check 'litellm[proxy]'; then
            not_run "the environment of LiteLLM's proxy cannot be made (see above)"
        fi
    fi
    SWIFTKIT_LITELLM_VENV=$venv tests tests/e2e/test_openai_server.py tests/e2e/test_eval_endpoints.py \
        -k '(test_litellm and transformers) or (eval_endpoints and litellm)'
}

mcp() { # published MCP servers and OpenAPI documents
    bash scripts/setup_mcp.sh || not_run "the environment of the MCP servers cannot be made (see above)"
    tests tests/openapi/test_published.py
}

vllm() { # the server of recipes/deploy_vllm.sh, with every client
    bash scripts/demo.sh
    add litellm
    bash scripts/setup_vllm.sh || not_run "vLLM's environment cannot be made (see above)"
    SWIFTKIT_VLLM_VENV=${SWIFTKIT_VLLM_VENV:-$root/.venv_vllm} tests \
        tests/e2e/test_openai_server.py tests/e2e/test_eval_endpoints.py -k vllm
}

add() { # PACKAGE: to .venv; constraints.txt keeps what is there
    "$python" -m pip install --disable-pip-version-check -c constraints.txt "$1" || not_run "$1 cannot be installed (see above)"
}

tests() { # PYTEST ARGUMENTS...
    "$python" -m pytest -n 0 "$@"
}

not_run() { # REASON
    echo "SKIPPED: $1"
    exit 77
}

report() { # STATUS LOG
    local passed skipped
    passed=$(grep -oE '[0-9]+ passed' "$2" | tail -n 1) || true
    skipped=$(sed -n -e 's/^SKIPPED: //p' -e 's/^SKIPPED .*[.]py:[0-9]*: //p' "$2" | sort -u | paste -sd ';')
    if (($1 != 0 && $1 != 77)); then
        echo "failed (exit status $1); the end of $2:"
        tail -n 15 -- "$2"
    else
        echo "${passed:-nothing}${skipped:+; not run: $skipped}"
    fi
}

if (($#)); then
    [[ " ${parts[*]} " == *" $1 "* ]] || die "there is no part $1; the parts are: ${parts[*]}"
    "$1"
    exit
fi
supervised scripts/test_everything.sh
mkdir -p runs/everything
failed=0
for part in "${parts[@]}"; do
    status=0
    printf '%-10s ' "$part"
    bash scripts/test_everything.sh "$part" >"runs/everything/$part.log" 2>&1 || status=$?
    report "$status" "runs/everything/$part.log"
    if ((status != 0 && status != 77)); then failed=1; fi
    if ((status > 128)); then break; fi # stopped
done
exit "$failed"
