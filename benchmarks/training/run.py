"""A recipe beside plain ms-swift: the time to the first training step, and the tokens that are
trained a second.

    python benchmarks/training/run.py --data runs/demo/train.jsonl [--repeat 3] [--rows 512]

Real `swift sft` of the tiny Qwen3 on this machine, one run after the other, the ways in turn. The
first step is there when swift has logged it. Tokens a second are swift's own samples a second times
its own mean length of a row.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
SWIFT = Path(sys.executable).with_name("swift")
YAML = "recipes/tiny/lora_sft.yaml"
# What recipes/lib.sh sets; a person who calls swift has none of it.
OURS = (
    "OMP_NUM_THREADS",
    "OMP_WAIT_POLICY",
    "API_HTTP_CLIENT_MAX_RETRIES",
    "MODELSCOPE_REPO_TREE_PAGE_MAX_ATTEMPTS",
)
# The flags of the tutorial (docs/preflight.md), with the names of ms-swift 4 and what a CPU needs.
TUTORIAL = (
    "--model recipes/tiny/qwen3 --model_type qwen3 --template qwen3_nothinking --tuner_type lora --use_cpu true"
    " --fp16 false --torch_dtype float32 --num_train_epochs 1 --per_device_train_batch_size 1 --learning_rate 1e-4"
    " --lora_rank 8 --lora_alpha 32 --target_modules all-linear --gradient_accumulation_steps 16 --logging_steps 5"
    " --max_length 8192 --warmup_ratio 0.05 --dataloader_num_workers 4"
    " --load_from_cache_file false --report_to none --add_version false"
).split()


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "rows.jsonl")
        data.write_text(
            "".join(
                options.data.read_text(encoding="utf-8").splitlines(keepends=True)[: options.rows]
            )
        )
        _start(data, Path(folder), options.repeat)
        _speed(data, Path(folder), options.repeat)


def _start(data: Path, folder: Path, repeat: int) -> None:
    one = [
        "--dataset",
        str(data),
        "--max_steps",
        "1",
        "--logging_steps",
        "1",
        "--save_strategy",
        "no",
    ]
    same = _flags_of_recipe(one)
    without = [flag for flag in same if flag != YAML]
    ways: dict[str, list[str]] = {
        "recipe": ["bash", "recipes/lora_sft.sh", YAML, *one],
        "swift, the same arguments": [str(SWIFT), "sft", *same],
        "swift, the same but for check_model": [
            str(SWIFT),
            "sft",
            _without_check_model(folder),
            *without,
        ],
    }
    _table("seconds to the first step", ways, folder, repeat, _seconds_to_first_step)


def _speed(data: Path, folder: Path, repeat: int) -> None:
    rows = [
        "--dataset",
        str(data),
        "--num_train_epochs",
        "1",
        "--max_steps",
        "-1",
        "--save_strategy",
        "no",
    ]
    ways = {
        "recipe": ["bash", "recipes/lora_sft.sh", YAML, *rows],
        "the tutorial's flags": [
            str(SWIFT),
            "sft",
            *TUTORIAL,
            "--dataset",
            str(data),
            "--save_strategy",
            "no",
        ],
    }
    _table("tokens a second", ways, folder, repeat, _tokens_a_second)


def _table(
    what: str,
    ways: dict[str, list[str]],
    folder: Path,
    repeat: int,
    measure: Callable[[list[str], Path], float],
) -> None:
    found: dict[str, list[float]] = {name: [] for name in ways}
    for round_number in range(repeat):
        for name, command in ways.items():
            out = folder / f"{what} {name} {round_number}".replace(" ", "_").replace(",", "")
            found[name].append(measure([*command, "--output_dir", str(out)], out))
    print(f"| {what} | median | all | to the recipe's |\n|---|---|---|---|")
    for name, values in found.items():
        each = ", ".join(f"{value:.1f}" for value in values)
        print(
            f"| {name} | {median(values):.1f} | {each} | {median(values) / median(found['recipe']):.2f} |",
            flush=True,
        )


def _seconds_to_first_step(command: list[str], out: Path) -> float:
    started = time.monotonic()
    with _process(command) as process:
        while not _has_step(out / "logging.jsonl"):
            assert process.poll() is None or _has_step(out / "logging.jsonl"), (
                f"{command} ended without a step"
            )
            time.sleep(0.02)
        seconds = time.monotonic() - started
        assert process.wait() == 0
    return seconds


def _has_step(log: Path) -> bool:
    return log.exists() and '"loss"' in log.read_text(encoding="utf-8")


def _tokens_a_second(command: list[str], out: Path) -> float:
    with _process(command) as process:
        assert process.wait() == 0, command
    lines = [
        json.loads(line)
        for line in (out / "logging.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    samples = next(
        line["train_samples_per_second"] for line in lines if "train_samples_per_second" in line
    )
    length = next(line["train_dataset"] for line in lines if "train_dataset" in line).split("±")[0]
    return float(samples) * float(length)


def _process(command: list[str]) -> "subprocess.Popen[bytes]":
    environment = {name: value for name, value in os.environ.items() if name not in OURS}
    environment["SWIFTKIT_VENV"] = str(SWIFT.parents[1])
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _flags_of_recipe(flags: list[str]) -> list[str]:
    """What the recipe gives to `swift sft`."""
    environment = os.environ | {"DRY_RUN": "1", "SWIFTKIT_VENV": str(SWIFT.parents[1])}
    command = ["bash", "recipes/lora_sft.sh", YAML, *flags]
    printed = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    ).stdout
    words = shlex.split(printed)
    return words[words.index("sft") + 1 :]


def _without_check_model(folder: Path) -> str:
    lines = (ROOT / YAML).read_text(encoding="utf-8").splitlines(keepends=True)
    path = folder / "without.yaml"
    path.write_text(
        "".join(line for line in lines if not line.startswith("check_model")), encoding="utf-8"
    )
    return str(path)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--rows", type=int, default=512)
    return parser.parse_args()


if __name__ == "__main__":
    main()
