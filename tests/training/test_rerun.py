"""rerun.sh: it repeats the run, evaluates nothing, holds no secret, and goes on working."""

import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.recorded_runs import YAML, begin_run
from helpers.small_checkpoints import make_checkpoint

from swiftkit.training.run_record import read_record

SCRIPT = Path("out dir/rerun.sh")
HOSTILE = [
    "--system",
    "two  spaces",
    "",
    "it's",
    'a "b"',
    "中文 é",
    "*",
    "a\nb",
    "\\",
    "$(touch pwned)",
    "`touch pwned`",
]
# Writes down what it is called with.
SWIFT = '#!/usr/bin/env bash\nprintf "%s\\n" "$OMP_NUM_THREADS" "$@" >"$HOME/called"\n'
# What swiftkit wrote before its modules had rooms (fa275fc); PYTHON, SWIFT, FOLDER and DIGEST stand
# for what was there.
OLD_SCRIPT = """#!/usr/bin/env bash
# Repeats the run that run.json beside this file tells of: the same settings (recipe.yaml), flags, environment and data.
# It writes into a folder of its own, so that the two can be compared; your flags win, and DRY_RUN=1 only prints:
#   bash rerun.sh --output_dir runs/again
# 重复同一次训练，结果写入旁边的新目录。
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd FOLDER
export OMP_NUM_THREADS=2
export NPROC_PER_NODE=2
export MASTER_PORT="${MASTER_PORT:-$(PYTHON -c 'import socket; s = socket.socket(); s.bind(('"'"''"'"', 0)); print(s.getsockname()[1])')}"
command=(env SWIFT sft "$here/recipe.yaml"
    --system
    'two  words'
    --output_dir "${here}_rerun" "$@")
if [[ -n ${DRY_RUN-} ]]; then
    printf '%q ' "${command[@]}"
    echo
    exit
fi
if ! sha256sum --check --quiet <<'DATA'; then
DIGEST  FOLDER/rows.jsonl
DATA
    echo "${0##*/}: the data has changed since that run (the files named above)" >&2
    exit 2
fi
exec PYTHON -m swiftkit.supervise --record "${command[@]}"
"""


def run(
    script: Path = SCRIPT, *arguments: str, **environment: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", str(script), *arguments],
        env={"PATH": os.environ["PATH"], "HOME": str(Path.cwd())} | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def write_swift(folder: Path, text: str = SWIFT) -> Path:
    swift = folder / "swift"
    swift.write_text(text)
    swift.chmod(0o755)
    return swift


def test_rerun_repeats_the_command_word_for_word(folder: Path) -> None:
    """Whatever the words hold, from anywhere, into a folder beside the first; yours come last."""
    begin_run(*HOSTILE)
    there = folder / "out dir"
    assert (there / "rerun.sh").stat().st_mode & stat.S_IXUSR
    done = subprocess.run(
        [there / "rerun.sh", "--x"],
        cwd="/",
        env=os.environ | {"DRY_RUN": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    script = f"words=({done.stdout.strip()})\nprintf '%s\\0' \"${{words[@]}}\""
    printed = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    command = ["swift", "sft", f"{there}/recipe.yaml", *HOSTILE]
    words = [*command, "--output_dir", f"{there}_rerun", "--x"]
    assert printed.stdout.split("\0")[:-1] == words
    assert not (folder / "pwned").exists()


def test_rerun_leaves_out_variables_that_no_shell_can_set(folder: Path) -> None:
    """A name may hold anything, also where its value is a secret, which is told in a comment."""
    names = ["HF_TOKEN\ntouch pwned #", "CUDA_\ntouch pwned #", "HF_é"]
    begin_run(swift=str(write_swift(folder)), **dict.fromkeys(names, "x"))
    done = run()
    assert done.returncode == 0, done.stderr
    assert not list(folder.rglob("pwned"))


def test_rerun_runs_with_the_same_environment(folder: Path) -> None:
    """Its command gets the recorded variables, and a record of its own."""
    begin_run(swift=str(write_swift(folder)), PYTHONPATH=os.pathsep.join(sys.path))
    (folder / "psutil.py").write_text("raise SystemExit('a module of the working folder')\n")
    done = run()
    assert done.returncode == 0, done.stderr
    out = folder / "out dir"
    called = ["2", "sft", f"{out}/recipe.yaml", "--output_dir", f"{out}_rerun"]
    assert (folder / "called").read_text().splitlines() == called
    assert run(DRY_RUN="True").stdout.startswith(str(folder / "swift"))
    assert run(DRY_RUN="False").stdout == ""
    record = read_record(folder / "out dir_rerun/run.json")
    assert record is not None
    assert record.attempts[0].exit_status == 0


def test_rerun_in_a_folder_with_any_name_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Swift's own path may hold what a shell would read: `=` would make it a variable of env's."""
    place = folder / "a=b; touch pwned 'x"
    place.mkdir()
    monkeypatch.chdir(place)
    (place / "recipe.yaml").write_text("model: m\noutput_dir: out dir\nadd_version: false\n")
    begin_run(swift=str(write_swift(place)), PYTHONPATH=os.pathsep.join(sys.path))
    done = run()
    assert done.returncode == 0, done.stderr
    assert (place / "called").exists()
    assert not list(folder.rglob("pwned"))


@pytest.mark.usefixtures("folder")
def test_rerun_on_other_data_is_refused() -> None:
    """A file that has changed would make it another run."""
    begin_run()
    with Path("rows.jsonl").open("a") as file:
        file.write("\n{}")
    done = run()
    assert (done.returncode, "the data has changed" in done.stderr) == (2, True)
    assert "rows.jsonl" in done.stdout


def test_rerun_beside_checkpoints_of_another_is_refused(folder: Path) -> None:
    """A new run would delete them."""
    begin_run(swift=str(write_swift(folder)), PYTHONPATH=os.pathsep.join(sys.path))
    (folder / "out dir_rerun/checkpoint-2").mkdir(parents=True)
    done = run()
    assert done.returncode == 2
    assert "out dir_rerun holds checkpoints of an earlier run" in done.stderr
    assert not (folder / "called").exists()


@pytest.mark.usefixtures("folder")
def test_rerun_of_several_processes_gets_a_free_port() -> None:
    """Chosen when it runs; a port that is set is taken."""
    swift = write_swift(Path.cwd(), '#!/usr/bin/env bash\necho "$MASTER_PORT" >"$HOME/port"\n')
    paths = os.pathsep.join(sys.path)
    begin_run(swift=str(swift), NPROC_PER_NODE="2", MASTER_PORT="1", PYTHONPATH=paths)
    assert run().returncode == 0
    assert 1024 < int(Path("port").read_text()) < 65536
    assert run(SCRIPT, MASTER_PORT="23456").returncode == 0
    assert Path("port").read_text() == "23456\n"


@pytest.mark.usefixtures("folder")
def test_rerun_on_several_nodes_asks_for_their_places() -> None:
    """NODE_RANK and MASTER_ADDR are each start's own."""
    begin_run(NNODES="2", NODE_RANK="0", MASTER_ADDR="10.0.0.1")
    done = run(DRY_RUN="1")
    assert (done.returncode, "NODE_RANK" in done.stderr) == (1, True)
    assert run(DRY_RUN="1", NODE_RANK="1", MASTER_ADDR="10.0.0.1").returncode == 0


@pytest.mark.usefixtures("folder")
def test_rerun_asks_for_a_secret_that_it_does_not_hold() -> None:
    """Of a flag, and of the YAML, whose copy has lost it."""
    Path("recipe.yaml").write_text(f"{YAML}hub_token: a-secret-of-the-yaml\n")
    begin_run("--swanlab_token", "a-secret-of-the-flag")
    done = run(DRY_RUN="1")
    assert done.returncode == 1
    assert "SWANLAB_TOKEN: its value is not kept" in done.stderr
    words = shlex.split(run(DRY_RUN="1", SWANLAB_TOKEN="t t", HUB_TOKEN="h").stdout)
    assert words[words.index("--swanlab_token") + 1] == "t t"
    assert words[words.index("--hub_token") + 1] == "h"


def test_rerun_of_an_older_swiftkit_still_works(folder: Path) -> None:
    """It starts `python -m swiftkit.supervise`, and its command begins with env."""
    digest = begin_run().data[0].sha256
    text = OLD_SCRIPT.replace("PYTHON", shlex.quote(sys.executable))
    text = text.replace("SWIFT", shlex.quote(str(write_swift(folder))))
    text = text.replace("FOLDER", shlex.quote(str(folder))).replace("DIGEST", digest)
    (folder / SCRIPT).write_text(text)
    done = run(PYTHONPATH=os.pathsep.join(sys.path))
    assert done.returncode == 0, done.stderr
    out = folder / "out dir"
    called = ["2", "sft", f"{out}/recipe.yaml", "--system", "two  words"]
    called += ["--output_dir", f"{out}_rerun"]
    assert (folder / "called").read_text().splitlines() == called
    record = read_record(folder / "out dir_rerun/run.json")
    assert record is not None
    assert (record.attempts[0].exit_status, record.command[0]) == (0, str(folder / "swift"))
    assert record.environment["NPROC_PER_NODE"] == "2"
    assert "swiftkit.training.supervise" in (folder / "out dir_rerun/rerun.sh").read_text()


STOPPED_SWIFT = """#!/usr/bin/env bash
output=$(printf '%s\\n' "$@" | grep -A1 -e --output_dir | tail -1)
printf '%s\\n' "$@" >"$HOME/called"
[[ "$*" == *resume_from_checkpoint* ]] && exit 0
cp -r "$HOME/out dir/checkpoint-2" "$output/"
exit 1
"""


def test_way_on_of_a_stopped_rerun_is_a_command_that_works(folder: Path) -> None:
    """RESUME=1 is no word of rerun.sh."""
    paths = os.pathsep.join(sys.path)
    begin_run(swift=str(write_swift(folder, STOPPED_SWIFT)), PYTHONPATH=paths)
    make_checkpoint(folder / "out dir/checkpoint-2")
    done = run()
    assert done.returncode == 1
    flag = done.stderr.splitlines()[-1].partition("the same command with ")[2]
    checkpoint = str(folder / "out dir_rerun/checkpoint-2")
    assert shlex.split(flag) == ["--resume_from_checkpoint", checkpoint]
    again = run(SCRIPT, *shlex.split(flag))
    assert again.returncode == 0, again.stderr
    assert (folder / "called").read_text().splitlines()[-1] == checkpoint
    record = read_record(folder / "out dir_rerun/run.json")
    assert record
    assert [attempt.exit_status for attempt in record.attempts] == [1, 0]
