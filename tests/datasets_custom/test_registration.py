"""datasets_custom/registration: both ways to make a data set known to ms-swift, through the real
swift and offline."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.paths import ROOT
from helpers.preflight_recipes import preflight

from swiftkit.data.convert import convert_files
from swiftkit.data.convert_record import ConvertOptions

FOLDER = ROOT / "datasets_custom" / "registration"
PLUGIN, INFO, ROWS = (
    FOLDER / "register_swiftkit_datasets.py",
    FOLDER / "dataset_info.json",
    FOLDER / "demo_rows.jsonl",
)
SAMPLES = [
    ROOT / "datasets_custom" / "demo_tools" / f"sample_train_{kind}.jsonl"
    for kind in ("openai", "alpaca")
]
RECIPE, MODEL = ROOT / "recipes" / "tiny" / "lora_sft.yaml", ROOT / "recipes" / "tiny" / "qwen3"
NATIVE = ROOT / "swiftkit" / "swift_plugins" / "native_template.py"
REGISTER = ["--external_plugins", str(NATIVE), str(PLUGIN), "--custom_dataset_info", str(INFO)]
# Loads data sets as `swift sft` does: pairs of PLUGIN and DATASET; prints each row's last role and
# columns.
LOAD = """
import json, sys
from swift import load_dataset
from swift.utils import import_external_file
for plugin, name in zip(sys.argv[1::2], sys.argv[2::2]):
    import_external_file(plugin)
    for row in load_dataset(name, strict=True, remove_unused_columns=False)[0]:
        print("ROW", json.dumps([name, row["messages"][-1]["role"], sorted(row)]))
"""


def run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """With caches of its own, and without any hub."""
    offline = {"USE_HF": "1", "HF_HUB_OFFLINE": "1", "MODELSCOPE_CACHE": str(folder / "cache")}
    environment = os.environ | offline | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_rows_are_what_convert_writes(tmp_path: Path) -> None:
    """The finished file that dataset_info.json names is up to date."""
    report = convert_files(SAMPLES, tmp_path / "rows.jsonl", None, ConvertOptions())
    assert (report.rows_in, report.rows_rejected) == (16, 0)
    assert (tmp_path / "rows.jsonl").read_bytes() == ROWS.read_bytes()


@pytest.mark.parametrize(
    ("flags", "findings"),
    [
        ([*REGISTER, "--dataset", "swiftkit/demo_tools:grpo#8", "swiftkit/demo_rows"], 0),
        ([*REGISTER, "--dataset", "swiftkit/no_such"], 1),
        (["--dataset", "swiftkit/demo_tools"], 1),
    ],
)
def test_preflight_knows_registered_names(
    monkeypatch: pytest.MonkeyPatch, flags: list[str], findings: int
) -> None:
    """Where `swiftkit/` is a folder an unknown id may be a path that is missing: a warning."""
    monkeypatch.chdir(ROOT)
    cpu = ["--use_cpu", "true", "--fp16", "false"]
    assert len(preflight(RECIPE, [*cpu, *flags])) == findings


@pytest.mark.e2e
def test_swift_trains_on_both(tmp_path: Path) -> None:
    """One step of `swift sft` on an id whose raw file is converted while loading, and on a name
    from the JSON file."""
    swift = Path(sys.executable).with_name("swift")
    training = [
        "--use_cpu",
        "true",
        "--max_steps",
        "1",
        "--save_strategy",
        "no",
        "--output_dir",
        "out",
    ]
    names = ["swiftkit/demo_tools", "swiftkit/demo_rows"]
    done = run(
        tmp_path, swift, "sft", RECIPE, "--model", MODEL, *training, *REGISTER, "--dataset", *names
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "num_rows: 32" in done.stdout + done.stderr
    assert "train_loss" in done.stdout + done.stderr
    assert (
        tmp_path / "runs/datasets/swiftkit_demo_tools.sft.jsonl"
    ).read_bytes() == ROWS.read_bytes()


@pytest.mark.e2e
def test_targets_and_rejects(tmp_path: Path) -> None:
    """`:grpo` converts for GRPO. A copy of the plugin names other files; a row that is rejected
    stops the load."""
    raw = tmp_path / "raw.jsonl"
    raw.write_bytes(SAMPLES[0].read_bytes() + b'{"messages": []}\n')
    own = re.sub(
        r"RAW = \{.*?\n\}",
        f'RAW = {{"mine/rows": [Path({str(raw)!r})]}}',
        PLUGIN.read_text(),
        flags=re.DOTALL,
    )
    (tmp_path / "my_plugin.py").write_text(own, encoding="utf-8")
    pairs = [PLUGIN, "swiftkit/demo_tools:grpo", tmp_path / "my_plugin.py", "mine/rows"]
    done = run(tmp_path, sys.executable, "-c", LOAD, *pairs)
    rows = [json.loads(line[4:]) for line in done.stdout.splitlines() if line.startswith("ROW ")]
    assert [name for name, _, _ in rows] == ["swiftkit/demo_tools:grpo"] * 16, done.stderr[-3000:]
    assert all(
        role in ("user", "tool_response") and "expected_calls" in columns
        for _, role, columns in rows
    )
    assert done.returncode != 0
    assert "1 rejected" in done.stderr
    assert f"{raw}:9" in done.stderr
