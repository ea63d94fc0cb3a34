# shellcheck shell=bash
# `--help` or `-h` as a script's first word prints the comment at its head, and the script does nothing else.
if [[ ${1-} == --help || ${1-} == -h ]]; then
    sed -n -e 1d -e '/^#/!q' -e '/^# shellcheck/d' -e 's/^# \{0,1\}//p' -- "$0"
    exit
fi
