"""Print what packing makes of rows under native_template.py: `pack_natively.py MODEL ROWS.jsonl LENGTH`.

One line a pack: its ids and those with a loss, as `swift sft --packing true` would train them (which
needs an attention that no CPU has). Rows are encoded by two processes.
"""

import json
import sys
from pathlib import Path

from swift import get_processor, get_template, load_dataset
from swift.dataset import EncodePreprocessor, PackingDataset
from swift.utils import import_external_file

ROOT = Path(__file__).parents[2]


def main(model: str, rows: str, length: str) -> None:
    import_external_file(str(ROOT / "swiftkit/swift_plugins/native_template.py"))
    processor = get_processor(model, model_type="qwen3", task_type="causal_lm")
    template = get_template(processor, template_type="qwen3", template_backend="jinja")
    template.set_mode("train")
    dataset, _ = load_dataset(rows, strict=True, load_from_cache_file=False)
    encode = EncodePreprocessor(template=template)
    encoded = encode(dataset, num_proc=2, strict=True, load_from_cache_file=False)
    packs = PackingDataset(template, encoded, packing_length=int(length))
    for index in range(len(packs)):
        pack = template.packing_row(packs[index])
        labels = [token for token in pack["labels"] if token != -100]
        print(f"ROW {json.dumps({'ids': list(pack['input_ids']), 'labels': labels})}")


if __name__ == "__main__":
    main(*sys.argv[1:])
