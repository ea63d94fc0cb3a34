"""Print what real ms-swift trains on: `python encode_with_swift.py MODEL DATA.jsonl`, one JSON line a row.

Each line holds `text` (prompt and answer) and `trained` (the part with a loss). Strict: the first row that cannot be
encoded ends it.
"""

import json
import sys

from swift import get_processor, get_template, load_dataset


def main(model: str, data: str) -> None:
    processor = get_processor(model, model_type="qwen3")
    template = get_template(processor, template_type="qwen3_nothinking", truncation_strategy="raise")
    template.set_mode("train")
    rows, _ = load_dataset(data, strict=True, load_from_cache_file=False)
    for row in rows:
        encoded = template.encode(row)
        labels = [token for token in encoded["labels"] if token >= 0]
        shown = {"text": processor.decode(encoded["input_ids"]), "trained": processor.decode(labels)}
        print(f"ROW {json.dumps(shown)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
