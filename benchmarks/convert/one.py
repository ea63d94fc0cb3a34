"""Measure one thing, in a process of its own: print {"rows", "cpu", "wall"} without the imports.

    python one.py floor RAW OUT | swift DATA | llamafactory RAW | agent_data_tools RAW OUT

Each function imports what it measures, because no environment holds all of them.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from tempfile import mkdtemp


def floor(raw: str, out: str) -> Callable[[], int]:
    """The least that any converter in Python must do: read, parse, dump and write each line."""
    import orjson

    def work() -> int:
        rows = 0
        with open(raw, "rb", 1 << 20) as lines, open(out, "wb", 1 << 20) as file:  # noqa: PTH123
            for rows, line in enumerate(lines, 1):  # noqa: B007
                file.write(orjson.dumps(orjson.loads(line)) + b"\n")
        return rows

    return work


def swift(data: str) -> Callable[[], int]:
    """ms-swift's own loading, as `swift sft --dataset DATA` does it, with AutoPreprocessor."""
    os.environ.update(USE_HF="1", HF_HUB_OFFLINE="1", HF_HOME=mkdtemp(), MODELSCOPE_CACHE=mkdtemp())
    from swift.dataset import load_dataset

    return lambda: len(load_dataset([data], load_from_cache_file=False)[0])


def llamafactory(raw: str) -> Callable[[], int]:
    """LLaMA-Factory's loader: the `datasets` reader, then its OpenAI converter."""
    os.environ.update(HF_HUB_OFFLINE="1", HF_HOME=mkdtemp())
    from types import SimpleNamespace

    from datasets import load_dataset
    from llamafactory.data.converter import align_dataset
    from llamafactory.data.parser import DatasetAttr

    attr = DatasetAttr("file", raw, formatting="openai", tools="tools", messages="messages")
    attr.role_tag, attr.content_tag = "role", "content"
    attr.user_tag, attr.assistant_tag, attr.system_tag = "user", "assistant", "system"
    attr.observation_tag, attr.function_tag = "tool", "function_call"
    data_args = SimpleNamespace(streaming=False, preprocessing_num_workers=1, overwrite_cache=True)
    training_args = SimpleNamespace(local_process_index=0)

    def work() -> int:
        dataset = load_dataset("json", data_files=raw, split="train")
        return len(align_dataset(dataset, attr, data_args, training_args))

    return work


def agent_data_tools(raw: str, out: str) -> Callable[[], int]:
    """Validates and converts to swift messages, with the package's default template."""
    from agent_data_tools import convert_jsonl_file, validate_openai_messages_file

    def work() -> int:
        if validate_openai_messages_file(raw).error_count:
            sys.exit("agent-data-tools finds faults in the rows")
        result = convert_jsonl_file(raw, out, target="swift_messages", show_progress=False)
        return int(result.written_records)

    return work


def main() -> None:
    functions = (floor, swift, llamafactory, agent_data_tools)
    prepare = {function.__name__: function for function in functions}[sys.argv[1]]
    work = prepare(*sys.argv[2:])
    wall, before = time.perf_counter(), os.times()
    rows = work()
    after = os.times()
    cpu = sum(after[:4]) - sum(before[:4])  # with children
    print(json.dumps({"rows": rows, "cpu": cpu, "wall": time.perf_counter() - wall}))


if __name__ == "__main__":
    main()
