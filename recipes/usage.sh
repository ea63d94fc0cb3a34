# shellcheck shell=bash
# What every script begins with, before it changes its folder or asks for a Python.
# With CDPATH `cd` may go elsewhere, and prints where it went; an environment is seen from where the user stands.
unset CDPATH
for variable in SWIFTKIT_VENV SWIFTKIT_VLLM_VENV; do
    if [[ ${!variable-} == [!/]* ]]; then export "$variable=$PWD/${!variable}"; fi
done
unset variable

# `--help` or `-h` as a script's first word prints the comment at its head, and the script does nothing else.
if [[ ${1-} == --help || ${1-} == -h ]]; then
    sed -n -e 1d -e '/^#/!q' -e '/^# shellcheck/d' -e 's/^# \{0,1\}//p' -- "$0"
    exit
fi
