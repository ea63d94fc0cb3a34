"""A recipe, and the record of a start of it."""

from pathlib import Path

from swiftkit.recipe.machine import Gpu
from swiftkit.training.record_run import begin
from swiftkit.training.run_record import RunRecord, read_record

GPU = Gpu("NVIDIA H100 80GB HBM3", 81559 << 20, 80000 << 20, 9.0, "570.86.15")
ROWS = '{"messages": []}\n\n{"messages": [1]}'
YAML = (
    "model: m\ndataset: [rows.jsonl]\noutput_dir: out dir\nadd_version: false\nseed: 7\n"
    "max_steps: 4\n"
)


def write_recipe(folder: Path) -> None:
    """Write recipe.yaml and its data into `folder`; its output goes to `out dir`."""
    (folder / "rows.jsonl").write_text(ROWS)
    (folder / "recipe.yaml").write_text(YAML)


def begin_run(*flags: str, swift: str = "swift", **environment: str) -> RunRecord:
    """Write the record of a start of recipe.yaml, and return it."""
    variables = {"OMP_NUM_THREADS": "2"} | environment
    path = begin([swift, "sft", "recipe.yaml", *flags], variables, [GPU])
    assert path is not None
    record = read_record(path)
    assert record is not None
    return record
