"""Print what real ms-swift trains on: `encode_with_swift.py MODEL MODEL_TYPE TEMPLATE DATA.jsonl
[PLUGIN.py]`.

One JSON line a row, with `text` (prompt and answer), `trained` (the parts with a loss) and
`special` (how many special tokens there are). Rows are loaded as `swift sft` loads them, strictly:
the first that cannot be encoded ends it. A row with a column `raw` also shows `direct`: the text of
that raw row given to the template at once, as `swift deploy` does.
"""

import json
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

from swift import get_processor, get_template, load_dataset
from swift.utils import import_external_file


def main(model: str, model_type: str, template_type: str, data: str, plugin: str = "") -> None:
    if plugin:
        import_external_file(plugin)
    processor = get_processor(model, model_type=model_type)
    template = get_template(
        processor, template_type=template_type, max_length=1_000_000, truncation_strategy="raise"
    )
    template.set_mode("train")
    rows, _ = load_dataset(data, strict=True, load_from_cache_file=False)
    lines = [json.loads(line) for line in Path(data).read_text(encoding="utf-8").splitlines()]
    for row, line in zip(rows, lines, strict=True):
        shown = encoded(template, processor, row)
        if "raw" in line:
            shown["direct"] = encoded(template, processor, json.loads(line["raw"]))["text"]
        print(f"ROW {json.dumps(shown)}")


def encoded(template: Any, processor: Any, row: dict[str, Any]) -> dict[str, Any]:
    made = template.encode(row)
    pairs = zip(made["input_ids"], made["labels"], strict=True)
    runs = [
        (trained, [token for token, _ in run])
        for trained, run in groupby(pairs, lambda pair: pair[1] >= 0)
    ]
    trained = [processor.decode(run) for is_trained, run in runs if is_trained]
    special = sum(token in processor.all_special_ids for token in made["input_ids"])
    same = processor(processor.decode(made["input_ids"]))["input_ids"] == made["input_ids"]
    return {
        "text": processor.decode(made["input_ids"]),
        "trained": trained,
        "special": special,
        "same_tokens": same,
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
