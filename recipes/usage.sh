# shellcheck shell=bash
# What every script begins with, before it changes its folder or asks for a Python.
refuse() { # MESSAGE
    echo "${0##*/}: $1" >&2
    exit 2
}
((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404)) ||
    refuse "bash $BASH_VERSION is too old: 4.4 or newer is needed (macOS: brew install bash)"

# `--help` or `-h` as a script's first word prints the comment at its head, and the script does nothing else.
if [[ ${1-} == --help || ${1-} == -h ]]; then
    sed -n -e 1d -e '/^#/!q' -e '/^# shellcheck/d' -e 's/^# \{0,1\}//p' -- "$0"
    exit
fi

# With CDPATH `cd` may go elsewhere, and prints where it went; an environment is seen from where the user stands.
unset CDPATH
for name in SWIFTKIT_VENV SWIFTKIT_VLLM_VENV; do
    if [[ ${!name-} == [!/]* ]]; then export "$name=$PWD/${!name}"; fi
done

# Off is off (swiftkit/recipe/switches.py).
for name in DRY_RUN TINY; do
    value=${!name-}
    if [[ ${value,,} =~ ^[[:space:]]*(0|false|no|off)?[[:space:]]*$ ]]; then unset "$name"; fi
done
# What is misspelt would start a run that nobody asked for.
for name in $(compgen -e); do
    if [[ ${name^^} =~ ^(DRY_?RUNS?|RESUM.{0,2})$ && $name != DRY_RUN && $name != RESUME ]]; then
        refuse "nobody reads $name; DRY_RUN=1 only prints, RESUME=1 goes on; unset $name"
    fi
done
