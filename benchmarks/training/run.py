"""Measure a recipe beside plain ms-swift: the time to the first step, the tokens a second.

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

Measure = Callable[[list[str], Path], float]  # of a command and its output folder
ROOT = Path(__file__).resolve().parents[2]
SWIFT = Path(sys.executable).with_name("swift")
YAML = "recipes/tiny/lora_sft.yaml"
# The launcher sets these; a person who calls swift has none of them.
LAUNCHER_VARIABLES = (
    "OMP_NUM_THREADS",
    "OMP_WAIT_POLICY",
    "API_HTTP_CLIENT_MAX_RETRIES",
    "MODELSCOPE_REPO_TREE_PAGE_MAX_ATTEMPTS",
)
# The flags of the tutorial (docs/preflight.md), with the names of ms-swift 4 and what a CPU needs.
TUTORIAL = (
    "--model recipes/tiny/qwen3 --model_type qwen3 --template qwen3_nothinking --tuner_type lora"
    " --use_cpu true --fp16 false --torch_dtype float32 --num_train_epochs 1"
    " --per_device_train_batch_size 1 --learning_rate 1e-4 --lora_rank 8 --lora_alpha 32"
    " --target_modules all-linear --gradient_accumulation_steps 16 --logging_steps 5"
    " --max_length 8192 --warmup_ratio 0.05 --dataloader_num_workers 4"
    " --load_from_cache_file false --report_to none --add_version false"
).split()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--rows", type=int, default=512)
    options = parser.parse_args()
    lines = options.data.read_text(encoding="utf-8").splitlines(keepends=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "rows.jsonl"
        data.write_text("".join(lines[: options.rows]), encoding="utf-8")
        measure_start(data, folder, options.repeat)
        measure_speed(data, folder, options.repeat)


def measure_start(data: Path, folder: Path, repeat: int) -> None:
    flags = f"--dataset {data} --max_steps 1 --logging_steps 1 --save_strategy no".split()
    swift_flags = swift_arguments_of_recipe(flags)
    without_check = folder / "without.yaml"
    yaml_lines = (ROOT / YAML).read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in yaml_lines if not line.startswith("check_model")]
    without_check.write_text("".join(kept), encoding="utf-8")
    others = [flag for flag in swift_flags if flag != YAML]
    ways: dict[str, list[str]] = {
        "recipe": ["bash", "recipes/lora_sft.sh", YAML, *flags],
        "swift, the same arguments": [str(SWIFT), "sft", *swift_flags],
        "swift, the same but for check_model": [str(SWIFT), "sft", str(without_check), *others],
    }
    print_table("seconds to the first step", ways, folder, repeat, seconds_to_first_step)


def measure_speed(data: Path, folder: Path, repeat: int) -> None:
    dataset = f"--dataset {data} --save_strategy no".split()
    epoch = "--num_train_epochs 1 --max_steps -1".split()
    ways = {
        "recipe": ["bash", "recipes/lora_sft.sh", YAML, *dataset, *epoch],
        "the tutorial's flags": [str(SWIFT), "sft", *TUTORIAL, *dataset],
    }
    print_table("tokens a second", ways, folder, repeat, tokens_a_second)


def print_table(
    title: str, ways: dict[str, list[str]], folder: Path, repeat: int, measure: Measure
) -> None:
    results: dict[str, list[float]] = {name: [] for name in ways}
    for round_number in range(repeat):
        for name, command in ways.items():
            out = folder / f"{title} {name} {round_number}".replace(" ", "_").replace(",", "")
            results[name].append(measure([*command, "--output_dir", str(out)], out))
    print(f"| {title} | median | all | to the recipe's |\n|---|---|---|---|")
    for name, values in results.items():
        everything = ", ".join(f"{value:.1f}" for value in values)
        ratio = median(values) / median(results["recipe"])
        print(f"| {name} | {median(values):.1f} | {everything} | {ratio:.2f} |", flush=True)


def seconds_to_first_step(command: list[str], out: Path) -> float:
    start = time.monotonic()
    with start_process(command) as process:
        while not has_step(out / "logging.jsonl"):
            if process.poll() is not None:
                assert has_step(out / "logging.jsonl"), f"{command} ended without a step"
            time.sleep(0.02)
        seconds = time.monotonic() - start
        assert process.wait() == 0
    return seconds


def has_step(log: Path) -> bool:
    return log.exists() and '"loss"' in log.read_text(encoding="utf-8")


def tokens_a_second(command: list[str], out: Path) -> float:
    with start_process(command) as process:
        assert process.wait() == 0, command
    summary: dict[str, str] = {}
    for line in (out / "logging.jsonl").read_text(encoding="utf-8").splitlines():
        summary = json.loads(line) | summary
    length = summary["train_dataset"].split("±")[0]  # "123.4±5.6, min=..., max=..."
    return float(summary["train_samples_per_second"]) * float(length)


def start_process(command: list[str]) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "SWIFTKIT_VENV": str(SWIFT.parents[1])}
    for name in LAUNCHER_VARIABLES:
        environment.pop(name, None)
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def swift_arguments_of_recipe(flags: list[str]) -> list[str]:
    """Return the arguments that the recipe gives to `swift sft`."""
    environment = os.environ | {"DRY_RUN": "1", "SWIFTKIT_VENV": str(SWIFT.parents[1])}
    command = ["bash", "recipes/lora_sft.sh", YAML, *flags]
    printed = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    ).stdout
    words = shlex.split(printed)
    return words[words.index("sft") + 1 :]


if __name__ == "__main__":
    main()
