"""Ask one endpoint all questions with one client, in this process.

    python one.py CLIENT BASE_URL ROWS SAMPLES CONCURRENCY

ROWS is a file of swift rows for the loops, which ask it as swiftkit does; a harness asks its texts
as questions.
"""

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any


def bodies(rows: Path, samples: int) -> list[dict[str, Any]]:
    """Return the requests that `swiftkit eval tool-call` makes of the rows."""
    settings = {"model": "bench", "temperature": 0.0, "max_tokens": 512}
    requests = []
    for line in rows.read_text().splitlines()[:samples]:
        row = json.loads(line)
        requests.append({"messages": row["messages"], "tools": json.loads(row["tools"])} | settings)
    return requests


def aiohttp_loop(url: str, rows: Path, samples: int, concurrency: int) -> None:
    import aiohttp

    async def run() -> None:
        left = iter(bodies(rows, samples))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

            async def work() -> None:
                for body in left:
                    async with session.post(f"{url}/chat/completions", json=body) as response:
                        assert (await response.json())["choices"]

            await asyncio.gather(*(work() for _ in range(concurrency)))

    asyncio.run(run())


def openai_sdk(url: str, rows: Path, samples: int, concurrency: int) -> None:
    from openai import AsyncOpenAI

    async def run() -> None:
        left = iter(bodies(rows, samples))
        async with AsyncOpenAI(base_url=url, api_key="EMPTY") as client:

            async def work() -> None:
                for body in left:
                    assert (await client.chat.completions.create(**body)).choices

            await asyncio.gather(*(work() for _ in range(concurrency)))

    asyncio.run(run())


def lm_eval(url: str, rows: Path, samples: int, concurrency: int) -> None:
    from lm_eval.__main__ import cli_evaluate

    with tempfile.TemporaryDirectory() as folder:
        _questions(rows, Path(folder) / "questions.jsonl")
        (Path(folder) / "bench.yaml").write_text(
            "task: bench\ndataset_path: json\ndataset_kwargs:\n"
            f"  data_files: {{test: {folder}/questions.jsonl}}\n"
            "test_split: test\noutput_type: generate_until\n"
            "doc_to_text: '{{question}}'\ndoc_to_target: '{{answer}}'\n"
            "generation_kwargs: {until: ['Question:'], max_gen_toks: 512, do_sample: false}\n"
            "metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]\n"
        )
        model = f"model=bench,base_url={url}/chat/completions,"
        model += f"num_concurrent={concurrency},max_retries=1"
        sys.argv = ["lm_eval", "--model", "local-chat-completions", "--model_args", model]
        sys.argv += ["--tasks", "bench", "--include_path", folder, "--limit", str(samples)]
        sys.argv += ["--apply_chat_template", "--log_samples", "--output_path", f"{folder}/out"]
        cli_evaluate()
        (logged,) = Path(folder).rglob("samples_*.jsonl")
        assert len(logged.read_text().splitlines()) == samples


def inspect_ai(url: str, rows: Path, samples: int, concurrency: int) -> None:
    import inspect_ai as inspect
    from inspect_ai.dataset import Sample
    from inspect_ai.model import get_model
    from inspect_ai.scorer import match
    from inspect_ai.solver import generate

    dataset = []
    for line in rows.read_text().splitlines()[:samples]:
        row = json.loads(line)
        dataset.append(Sample(input=row["messages"][0]["content"], target="4", id=row["id"]))
    model = get_model("openai-api/bench/bench", base_url=url, api_key="EMPTY")
    with tempfile.TemporaryDirectory() as folder:
        task = inspect.Task(dataset=dataset, solver=generate(), scorer=match())
        limits = {"max_connections": concurrency, "max_samples": concurrency}
        logs = inspect.eval(task, model=model, display="none", log_dir=folder, **limits)
        assert logs[0].status == "success"
        assert logs[0].results.completed_samples == samples


def evalscope(url: str, rows: Path, samples: int, concurrency: int) -> None:
    from evalscope import TaskConfig, run_task

    with tempfile.TemporaryDirectory() as folder:
        _questions(rows, Path(folder) / "questions.jsonl", "query", "response")
        os.chdir(folder)
        dataset = {"local_path": folder, "subset_list": ["questions"]}
        dataset |= {"metric_list": ["exact_match"], "primary_metric": "exact_match"}
        settings = {"eval_type": "openai_api", "eval_batch_size": concurrency, "limit": samples}
        settings |= {"datasets": ["general_qa"], "dataset_args": {"general_qa": dataset}}
        endpoint = {"model": "bench", "api_url": url, "api_key": "EMPTY"}
        run_task(TaskConfig(**endpoint, **settings, work_dir=folder))
        reviews = Path(folder).rglob("reviews/**/*.jsonl")
        assert sum(len(file.read_text().splitlines()) for file in reviews) == samples


def _questions(
    rows: Path, output: Path, question: str = "question", answer: str = "answer"
) -> None:
    with output.open("w") as file:
        for line in rows.read_text().splitlines():
            text = json.loads(line)["messages"][0]["content"]
            file.write(json.dumps({question: text, answer: "4"}) + "\n")


if __name__ == "__main__":
    globals()[sys.argv[1]](
        sys.argv[2], Path(sys.argv[3]).absolute(), int(sys.argv[4]), int(sys.argv[5])
    )
