"""Print what native_template.py makes of rows, beside what transformers' apply_chat_template makes:
`encode_natively.py MODEL ROWS.jsonl JOBS.json [FAMILY]`.

JOBS is a list of {"mode", "template": {settings of get_template}}; ROWS are swift rows, or requests
with OpenAI's messages. For each job and row one line: {"ids", "trained": texts of the runs with a
loss, "published": apply_chat_template's ids, "error"}. A row's `reference` are the messages and
settings for apply_chat_template; without them there is no `published`. FAMILY is qwen3 or gpt_oss,
which harmony_template.py renders.
"""

import json
import os
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

from swift import get_processor, get_template
from swift.utils import import_external_file

ROOT = Path(__file__).parents[2]


def main(model: str, rows: str, jobs: str, family: str = "qwen3") -> None:
    for plugin in ("native_template.py", "harmony_template.py"):
        import_external_file(str(ROOT / "swiftkit/swift_plugins" / plugin))
    processor = get_processor(model, model_type=family, task_type="causal_lm")
    lines = [json.loads(line) for line in Path(rows).read_text(encoding="utf-8").splitlines()]
    for job in json.loads(Path(jobs).read_text(encoding="utf-8")):
        for name, value in job.get("environment", {}).items():
            os.environ[name] = value
        settings = {"template_type": family, "template_backend": "jinja", **job["template"]}
        template = get_template(processor, **settings)
        template.set_mode(job["mode"])
        for row in lines:
            print(f"ROW {json.dumps(encoded(template, row))}")


def encoded(template: Any, row: dict[str, Any]) -> dict[str, Any]:
    tokenizer = template.tokenizer
    row = dict(row)
    reference = row.pop("reference", None)
    shown: dict[str, Any] = {}
    if reference:
        try:
            shown["published"] = list(
                tokenizer.apply_chat_template(**reference, tokenize=True, return_dict=False)
            )
        except Exception as error:
            shown["refused"] = str(error)
    try:
        made = template.encode(row)
    except Exception as error:
        return shown | {"error": f"{type(error).__name__}: {error}"}
    shown["ids"] = list(made["input_ids"])
    labels = made.get("labels")
    if labels is None:
        return shown
    pairs = zip(made["input_ids"], labels, strict=True)
    runs = [
        (trained, [token for token, _ in run])
        for trained, run in groupby(pairs, lambda pair: pair[1] >= 0)
    ]
    shown["trained"] = [tokenizer.decode(run) for is_trained, run in runs if is_trained]
    return shown


if __name__ == "__main__":
    main(*sys.argv[1:])
