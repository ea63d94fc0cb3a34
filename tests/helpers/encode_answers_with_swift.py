"""Print what real ms-swift trains on in RLHF: `encode_answers_with_swift.py MODEL MODEL_TYPE
TEMPLATE MODE DATA.jsonl`.

MODE is `rlhf` (DPO, RM, SimPO, ORPO, CPO) or `kto`. One JSON line a row, with `chosen` and
`rejected`, each the `text` and the parts `trained` of it, and the `label`; KTO's rejected side is
another row's answer. Rows are loaded, and for KTO paired, as `swift rlhf` does it, strictly: the
first that cannot be encoded ends it. The loss is `swift rlhf`'s own: that of the last round.
"""

import json
import sys
from itertools import groupby
from typing import Any

from swift import get_processor, get_template, load_dataset
from swift.pipelines.train.kto import KTOPreprocessor


def main(model: str, model_type: str, template_type: str, mode: str, data: str) -> None:
    processor = get_processor(model, model_type=model_type)
    template = get_template(
        processor, template_type=template_type, max_length=1_000_000, truncation_strategy="raise",
        loss_scale="last_round",
    )  # fmt: skip
    template.set_mode(mode)
    rows, _ = load_dataset(data, strict=True, load_from_cache_file=False)
    if mode == "kto":
        rows = KTOPreprocessor()(
            rows, batch_size=len(rows), strict=True, load_from_cache_file=False
        )
    for row in rows:
        made = template.encode(row)
        sides = {side: _side(processor, made, side) for side in ("chosen", "rejected")}
        print(
            f"ROW {json.dumps(sides | {'label': made.get('label'), 'margin': made.get('margin')})}"
        )


def _side(processor: Any, made: dict[str, Any], side: str) -> dict[str, Any]:
    ids = made[f"{side}_input_ids"]
    pairs = zip(ids, made[f"{side}_labels"], strict=True)
    runs = [
        (trained, [token for token, _ in run])
        for trained, run in groupby(pairs, lambda pair: pair[1] >= 0)
    ]
    return {
        "text": processor.decode(ids),
        "trained": [processor.decode(run) for trained, run in runs if trained],
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
