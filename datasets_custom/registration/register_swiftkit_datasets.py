"""ms-swift plugin: data set ids whose raw files swiftkit converts when swift loads them.

    swift sft --external_plugins datasets_custom/registration/register_swiftkit_datasets.py \\
        --dataset swiftkit/demo_tools ...

`--dataset swiftkit/demo_tools:grpo` converts for another target, `#500` draws 500 rows as for any
data set. A row that cannot be converted stops the run before anything is trained, with its place,
reason and fix in the rejects file.

For data of your own copy this file into a folder of its own (swift puts that folder on sys.path)
and name your files in RAW. An id must not be the path of a file or folder where swift is started:
swift takes it for that.
"""

from pathlib import Path
from typing import Any

from swift.dataset import DatasetMeta, register_dataset
from swift.dataset.loader import DatasetLoader
from swift.utils import is_local_master, safe_ddp_context

from swiftkit.data.account import summary
from swiftkit.data.convert import convert_files
from swiftkit.data.convert_record import ConvertOptions
from swiftkit.data.targets import TARGETS
from swiftkit.errors import DataError, UsageError

SAMPLES = Path(__file__).resolve().parents[1] / "demo_tools"
RAW = {
    "swiftkit/demo_tools": [
        SAMPLES / "sample_train_openai.jsonl",
        SAMPLES / "sample_train_alpaca.jsonl",
    ]
}
# where the rows for swift are written, below the folder in which swift is started
CONVERTED = Path("runs/datasets")


class ConvertedLoader(DatasetLoader):
    """Converts the raw files of an id, then loads the result as swift loads any local file."""

    def load(self, dataset_syntax: Any = None, dataset_meta: Any = None, **_: Any) -> Any:
        name, target = dataset_syntax.dataset, target_of(dataset_syntax)
        rows = CONVERTED / f"{name.replace('/', '_')}.{target}.jsonl"
        # the first process of a machine converts, the others wait
        with safe_ddp_context(None, True):
            if is_local_master():
                convert(name, rows, target)
        return self._load_dataset_path(str(rows), dataset_meta)


def target_of(dataset_syntax: Any) -> str:
    """Return what stands behind the id's colon, or sft."""
    target = "/".join(dataset_syntax.subsets) or "sft"
    if target not in TARGETS:
        place = f"--dataset {dataset_syntax.dataset}:{target}"
        raise UsageError(f"{place}: no such target; known: {', '.join(TARGETS)}")
    return target


def convert(name: str, rows: Path, target: str) -> None:
    report = convert_files(RAW[name], rows, None, ConvertOptions(target=target))
    if report.rows_rejected:
        reason = f"--dataset {name}: {summary(report)}"
        raise DataError(reason, "rejected_rows", "mend these rows, or delete them")


for name in RAW:
    register_dataset(
        DatasetMeta(ms_dataset_id=name, hf_dataset_id=name, loader=ConvertedLoader), exist_ok=True
    )
