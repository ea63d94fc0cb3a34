"""`swiftkit parity` and `doctor --model --base-url`, from the file of rows to the exit status.

The server is a small one, but what it sees comes from transformers and the model's real tokenizer.
"""

import importlib.util
import json
import os
import random
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from helpers.chat_templates import SETUP_FOLDER, TOKENS, conversations
from helpers.paths import ROOT
from helpers.servers import Reply, Server, serve

from swiftkit.cli.main import main
from swiftkit.preflight.parity.deployment import CONVERSATIONS
from swiftkit.rendering.drift_causes import CAUSES, OTHER
from swiftkit.rendering.message_form import MessageForm, probe_form
from swiftkit.rendering.model_folder import read_chat_template
from swiftkit.rendering.neutral_messages import neutral

TINY = ROOT / "recipes" / "tiny" / "qwen3"
# the template writes them in one form, in which a server can be asked, and drops nothing of them
GOOD = ("c01", "c04", "c10", "c16", "c19", "c22", "c25", "c28", "c31")
FAMILIES = (
    "qwen3",
    "qwen2_5",
    "qwen3_8",
    "llama3_2",
    "gemma4",
    "glm4moe",
    "lfm2_2_5",
    "deepseekv3",
)
PARTS_OF_TEMPLATE = "You may call one or more functions", "You have some functions"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder with the tiny Qwen3's tokenizer and Qwen3-2507's published chat template."""
    return model_folder(tmp_path / "model", "qwen3_instruct_2507")


def model_folder(folder: Path, template: str) -> Path:
    source = SETUP_FOLDER / f"{template}.jinja"
    if not source.is_file():
        pytest.skip("the chat templates are not here: bash scripts/setup.sh gets them")
    folder.mkdir()
    for file in TINY.glob("*.json"):
        shutil.copy(file, folder)
    shutil.copy(source, folder / "chat_template.jinja")
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return written(tmp_path / "rows.jsonl", *GOOD)


def written(file: Path, *names: str) -> Path:
    """Conversations of the cases as a client would send them."""
    lines = []
    for name in names:
        messages, tools = conversations()[name]
        messages = json.loads(json.dumps(messages))
        for message in messages:
            for call in message.get("tool_calls") or ():
                call["function"]["arguments"] = json.dumps(call["function"]["arguments"])
        row = {"messages": messages} | ({"tools": tools} if tools else {})
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    file.write_text("".join(lines), encoding="utf-8")
    return file


Seen = Callable[[dict[str, Any]], str]


def as_transformers(folder: Path, form: MessageForm | None = None, **more: Any) -> Seen:
    """What transformers makes of a request by the template of a folder."""
    utils = pytest.importorskip("transformers.utils.chat_template_utils")
    source = (folder / "chat_template.jinja").read_text(encoding="utf-8").removesuffix("\n")

    def seen(body: dict[str, Any]) -> str:
        messages = json.loads(json.dumps(body["messages"]))
        for message in messages:
            for call in message.get("tool_calls") or ():
                call["function"]["arguments"] = json.loads(call["function"]["arguments"])
        settings = {**body.get("chat_template_kwargs", {}), **more}
        texts, _ = utils.render_jinja_template(
            conversations=[form.apply(neutral(messages)) if form else messages],
            tools=body.get("tools"),
            chat_template=source,
            add_generation_prompt=True,
            **settings,
        )
        return str(texts[0])

    return seen


@contextmanager
def served(folder: Path, seen: Seen, tells: str = "ids") -> Iterator[Server]:
    """A server that tells the ids, the text, or the number of its prompts' tokens."""
    tokenizer = pytest.importorskip("tokenizers").Tokenizer.from_file(
        str(folder / "tokenizer.json")
    )

    def ids(body: dict[str, Any]) -> list[int]:
        return list(tokenizer.encode(seen(body), add_special_tokens=False).ids)

    def answer(body: dict[str, Any]) -> Reply:
        usage = {"prompt_tokens": len(ids(body)), "completion_tokens": 1, "total_tokens": 1}
        choice = {"index": 0, "message": {"role": "assistant", "content": "a"}}
        return Reply({"choices": [{**choice, "finish_reason": "length"}], "usage": usage})

    with serve(answer) as server:
        owner = {"ids": "vllm", "text": "llamacpp", "count": "somebody"}[tells]
        server.listing = Reply({"object": "list", "data": [{"id": "tiny", "owned_by": owner}]})
        if tells == "ids":
            page = "/v1/chat/completions/render"
            server.pages[page] = lambda body: Reply({"token_ids": ids(body)})
        elif tells == "text":
            server.pages["/apply-template"] = lambda body: Reply({"prompt": seen(body)})
        yield server


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


def report_of(result: Result) -> dict[str, Any]:
    assert result.exit_code in (0, 1), result.output
    return dict(json.loads(result.stdout))


def causes_of(report: dict[str, Any]) -> set[str]:
    return {cause["cause"] for side in report["sides"] for cause in side["causes"]}


@pytest.mark.parametrize("tells", ["ids", "text", "count"])
def test_equal_prompts_are_equal_by_whatever_a_server_tells(
    model: Path, data: Path, tells: str
) -> None:
    with served(model, as_transformers(model), tells) as server:
        result = run("parity", model, data, "--base-url", server.url, "--json")
    report = report_of(result)
    assert result.exit_code == 0
    [side] = report["sides"]
    assert side["evidence"] == tells
    assert side["compared"] == side["equal"] == sum(turn["turns"] for turn in report["turns"])
    assert any("weaker" in note for note in report["notes"]) == (tells == "count")
    assert [turn["status"] for turn in report["turns"]] == ["ok"]


@pytest.mark.parametrize("name", FAMILIES)
def test_125_good_rows_of_a_family_have_no_difference(name: str, tmp_path: Path) -> None:
    """Of eight families; the server's texts are transformers'."""
    model = model_folder(tmp_path / "model", name)
    family = max(filter(name.startswith, TOKENS), key=len)
    bos, *ends = TOKENS[family]
    tokens = {"bos_token": bos, "eos_token": ends[0]}
    (model / "tokenizer_config.json").write_text(json.dumps(tokens))
    (model / "generation_config.json").unlink()
    (model / "config.json").write_text("{}")
    drawn = random.Random(name)  # noqa: S311
    data = tmp_path / "rows.jsonl"
    data.write_text("".join(drawn_row(drawn) for _ in range(125)), encoding="utf-8")
    template = read_chat_template(model)
    seen = as_transformers(model, probe_form(template), **template.special_tokens)
    with served(model, seen, "text") as server:
        report = report_of(run("parity", model, data, "--base-url", server.url, "--json"))
    assert report["folder"] == []
    assert report["unreadable"] == 0
    [side] = report["sides"]
    assert side["equal"] == side["compared"] >= 20
    assert side["unchecked"] == 0


def drawn_row(drawn: random.Random) -> str:
    """A conversation of the cases with other words in it, as a line."""
    words = ["Wie spät?", "茶叶还有多少？", "a < b && c > d", '{"a": [1, null]}', "  two  ", "true"]
    while True:
        messages, tools = conversations()[drawn.choice(list(conversations()))]
        calls = [call for each in messages for call in each.get("tool_calls") or ()]
        if "run_line" not in str(calls):  # its texts are markup
            break
    messages = json.loads(json.dumps(messages))
    for message in messages:
        if message["role"] == "user" and drawn.random() < 0.7:
            message["content"] = f"{drawn.choice(words)} {drawn.randrange(10**6)}"
        for call in message.get("tool_calls") or ():
            call["function"]["arguments"] = json.dumps(call["function"]["arguments"])
    # a template that prints the day would ask the clock
    row = {"messages": messages, "chat_template_kwargs": {"date_string": "31 Jan 2026"}}
    return json.dumps(row | ({"tools": tools} if tools else {}), ensure_ascii=False) + "\n"


@pytest.mark.parametrize(
    ("tells", "more", "cause"),
    [
        ("ids", {"old": PARTS_OF_TEMPLATE[0], "new": PARTS_OF_TEMPLATE[1]}, "tools_block"),
        ("text", {"old": "\n# Tools", "new": "\n\n\n# Tools"}, "system_header"),
        ("ids", {"old": "<|im_start|>user\n", "new": "<|im_start|>user\n\n"}, "spacing"),
        ("count", {"old": "<tool_response>\n", "new": "<tool_response>\n\n\n"}, "other"),
    ],
)
def test_other_prompts_are_shown_with_their_cause(
    model: Path, data: Path, tells: str, more: dict[str, str], cause: str
) -> None:
    usual = as_transformers(model)
    with served(model, lambda body: usual(body).replace(more["old"], more["new"]), tells) as server:
        url = ("--base-url", server.url)
        result = run("parity", model, data, *url, "--json")
        allowed = run("parity", model, data, *url, "--allow", cause)
        table = run("parity", model, data, *url)
    assert result.exit_code == 1
    assert causes_of(report_of(result)) == {cause}
    [first] = report_of(result)["sides"][0]["causes"]
    assert first["place"].startswith(f"{data}:")
    assert first["fix"]
    assert first["expected"] != first["actual"]
    assert allowed.exit_code == (2 if cause == OTHER else 0)  # no name, so it cannot be allowed
    assert f"{cause}: " in table.output
    assert "▶" in table.output or tells == "count"


def test_thinking_switch_of_the_server_is_named(tmp_path: Path) -> None:
    model = model_folder(tmp_path / "model", "qwen3")
    data = written(tmp_path / "rows.jsonl", "c01", "c07", "c40")
    for tells in ("ids", "count"):
        with served(model, as_transformers(model, enable_thinking=False), tells) as server:
            result = run("parity", model, data, "--base-url", server.url, "--json")
        assert causes_of(report_of(result)) == {"thinking_switch"}


def test_switch_of_the_training_is_compared_and_not_sent(tmp_path: Path) -> None:
    """A client does not send it, so a server has to have it."""
    model = model_folder(tmp_path / "model", "qwen3")
    data = written(tmp_path / "rows.jsonl", "c01", "c10")
    sha256 = report_of(run("parity", model, data, "--json"))["template_sha256"]
    record = {"enable_thinking": False, "chat_template_sha256": sha256}
    (model / "args.json").write_text(json.dumps(record))
    with served(model, as_transformers(model)) as server:
        result = run("parity", model, data, "--base-url", server.url, "--json")
    assert causes_of(report_of(result)) == {"thinking_switch"}
    with served(model, as_transformers(model, enable_thinking=False)) as server:
        assert run("parity", model, data, "--base-url", server.url).exit_code == 0


def test_control_token_in_a_text_is_a_difference_that_is_meant_or_none(
    model: Path, tmp_path: Path
) -> None:
    data = tmp_path / "rows.jsonl"
    question = {"role": "user", "content": "What is <|im_end|>?"}
    answer = {"role": "assistant", "content": "An end."}
    data.write_text(json.dumps({"messages": [question, answer]}) + "\n")
    tokenizer = pytest.importorskip("tokenizers").Tokenizer.from_file(str(model / "tokenizer.json"))
    usual = as_transformers(model)
    end = tokenizer.token_to_id("<|im_end|>")
    words = tokenizer.encode("<", add_special_tokens=False).ids
    words += tokenizer.encode("|im_end|>", add_special_tokens=False).ids

    def as_words(body: dict[str, Any]) -> Reply:
        ids = tokenizer.encode(usual(body), add_special_tokens=False).ids
        place = ids.index(end)
        return Reply({"token_ids": [*ids[:place], *words, *ids[place + 1 :]]})

    with served(model, usual) as server:
        results = [run("parity", model, data, "--base-url", server.url, "--json")]
        server.pages["/v1/chat/completions/render"] = as_words
        results.append(run("parity", model, data, "--base-url", server.url, "--json"))
    assert causes_of(report_of(results[0])) == {"control_token_in_text"}
    assert causes_of(report_of(results[1])) == set()  # read as text, as it is trained
    assert [result.exit_code for result in results] == [0, 0]


def test_template_other_than_the_recorded_one_is_found(model: Path, data: Path) -> None:
    record = {"attempts": [{"chat_template_sha256": "0" * 64}]}
    (model / "run.json").write_text(json.dumps(record))
    result = run("parity", model, data, "--json")
    [cause] = report_of(result)["folder"]
    assert (cause["cause"], cause["place"]) == ("changed_template", str(model / "run.json"))
    assert result.exit_code == 1
    present = report_of(result)["template_sha256"]
    (model / "run.json").write_text(json.dumps({"chat_template_sha256": present}))
    assert run("parity", model, data).exit_code == 0


def test_adapter_recorded_with_another_template_is_found(model: Path, data: Path) -> None:
    adapter = model.parent / "run" / "checkpoint-5"
    adapter.mkdir(parents=True)
    (adapter / "adapter_config.json").write_text(
        json.dumps({"base_model_name_or_path": str(model)})
    )
    assert run("parity", adapter, data).exit_code == 0
    (adapter.parent / "run.json").write_text('{"chat_template_sha256": "1"}')
    [cause] = report_of(run("parity", adapter, data, "--json"))["folder"]
    assert cause["cause"] == "changed_template"


def test_stop_tokens_without_the_end_of_a_turn_are_found(model: Path, data: Path) -> None:
    start = next(
        int(token["id"])
        for token in json.loads((model / "tokenizer.json").read_text())["added_tokens"]
        if token["content"] == "<|im_start|>"
    )
    (model / "generation_config.json").write_text(json.dumps({"eos_token_id": start}))
    (model / "config.json").write_text(json.dumps({"model_type": "qwen3"}))
    [cause] = report_of(run("parity", model, data, "--json"))["folder"]
    assert cause["cause"] == "end_token"
    assert "<|im_end|>" in cause["expected"]


def test_two_templates_in_one_folder_that_disagree_are_found(model: Path, data: Path) -> None:
    config = json.loads((model / "tokenizer_config.json").read_text())
    text = (model / "chat_template.jinja").read_text()
    (model / "tokenizer_config.json").write_text(json.dumps(config | {"chat_template": text}))
    assert run("parity", model, data).exit_code == 0  # the same text twice
    other = text.replace("# Tools", "# Functions")
    (model / "tokenizer_config.json").write_text(json.dumps(config | {"chat_template": other}))
    [cause] = report_of(run("parity", model, data, "--json"))["folder"]
    assert cause["cause"] == "changed_template"
    assert cause["place"] == str(model / "tokenizer_config.json")
    # and a server that takes that one is seen through
    usual = as_transformers(model)
    with served(model, lambda body: usual(body).replace("# Tools", "# Functions")) as server:
        report = report_of(run("parity", model, data, "--base-url", server.url, "--json"))
    assert causes_of(report) == {"changed_template"}


def test_turns_without_a_loss_are_not_found_fault_with(tmp_path: Path) -> None:
    asked, answer = {"role": "user", "content": "q"}, {"role": "assistant", "content": "A"}
    reasoned = answer | {"reasoning_content": "r", "loss": False}
    data = tmp_path / "rows.jsonl"
    data.write_text(json.dumps({"messages": [asked, reasoned, asked, answer]}) + "\n")
    for name in ("qwen3", "qwen3_instruct_2507"):  # own_row, lost
        model = model_folder(tmp_path / name, name)
        result = run("parity", model, data, "--json")
        assert {turn["status"]: turn["turns"] for turn in report_of(result)["turns"]} == {"ok": 1}
        assert result.exit_code == 0


def test_turns_that_cannot_be_trained_are_counted_and_can_be_allowed(tmp_path: Path) -> None:
    model = model_folder(tmp_path / "model", "qwen3")
    data = written(tmp_path / "rows.jsonl", "c01", "c04")
    result = run("parity", model, data, "--json")
    counts = {turn["status"]: turn["turns"] for turn in report_of(result)["turns"]}
    assert counts == {"ok": 2, "own_row": 1}
    assert result.exit_code == 0
    phi = model_folder(tmp_path / "phi", "phi3_5")
    (phi / "generation_config.json").unlink()
    data = written(tmp_path / "calls.jsonl", "c10")
    assert run("parity", phi, data, "--allow", "end_token").exit_code == 1  # it drops the call
    assert run("parity", phi, data, "--allow", "end_token", "--allow", "lost").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("nowhere", "{data}"), 2, "no chat template"),
        (("{model}", "nowhere.jsonl"), 2, "no such file"),
        (("{model}", "{data}", "--allow", "nothing"), 2, "no such cause; known: "),
        (("{model}", "{data}", "--allow", "other"), 2, "no such cause"),
        (("{model}", "{data}", "--base-url", "{closed}"), 4, "cannot be reached"),
    ],
)
def test_wrong_usage_and_a_dead_endpoint_have_their_own_status(
    model: Path, data: Path, arguments: tuple[str, ...], status: int, said: str
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        names = {"model": model, "data": data, "closed": closed}
        result = run("parity", *(each.format(**names) for each in arguments))
    assert result.exit_code == status, result.output
    assert said in result.output


def test_a_file_in_another_layout_is_read_as_convert_reads_it(model: Path) -> None:
    data = ROOT / "datasets_custom" / "demo_tools" / "sample_train_alpaca.jsonl"
    result = run("parity", model, data, "--json")
    assert report_of(result)["rows"] == len(data.read_text(encoding="utf-8").splitlines())
    assert result.exit_code == 0


def test_a_row_that_is_no_conversation_is_said(model: Path, tmp_path: Path) -> None:
    data = tmp_path / "rows.jsonl"
    data.write_text('{"q": 1}\n')
    result = run("parity", model, data)
    assert result.exit_code == 1
    assert "unknown_format" in result.output


def test_doctor_looks_at_a_deployment(model: Path) -> None:
    with served(model, as_transformers(model)) as server:
        good = run("doctor", "--model", model, "--base-url", server.url)
        count = sum(1 for request in CONVERSATIONS)
    assert good.exit_code == 0, good.output
    assert f"{count + 2} of {count + 2} prompts equal, by ids" in good.output
    usual = as_transformers(model)

    def seen(body: dict[str, Any]) -> str:
        return usual(body).replace("# Tools", "# Functions")

    with served(model, seen) as server:
        bad = run("doctor", "--model", model, "--base-url", server.url)
    assert bad.exit_code == 1
    assert "tools_block" in bad.output
    assert run("doctor", "--model", model).exit_code == 2


# published template, swift's -> the causes of different texts, and of a different loss
SWIFT_TEMPLATES = [
    ("qwen2_5", "qwen2_5", set(), {"line_break_after_end"}),
    ("qwen3", "qwen3", {"system_header", "empty_think"}, {"empty_think"}),
    ("qwen3_instruct_2507", "qwen3_nothinking", {"system_header"}, {"line_break_after_end"}),
    ("llama3_2", "llama3_2", {"tools_block"}, set()),
]
# the tiny Qwen3's tokens that stand in for Llama's
LLAMA_TOKENS = {
    "<|object_ref_start|>": "<|begin_of_text|>",
    "<|object_ref_end|>": "<|eot_id|>",
    "<|box_start|>": "<|start_header_id|>",
    "<|box_end|>": "<|end_header_id|>",
}
SESSION = """
import json, sys
from click.testing import CliRunner
from swiftkit.cli.main import main
for line in sys.stdin:
    result = CliRunner().invoke(main, json.loads(line))
    print("RESULT " + json.dumps({"status": result.exit_code, "stdout": result.stdout}))
"""


@pytest.mark.e2e
def test_templates_of_ms_swift_beside_the_published_ones(tmp_path: Path) -> None:
    """The differences have names, and the line break after each end is trained by ChatML's."""
    if importlib.util.find_spec("swift") is None:
        pytest.skip("ms-swift is not installed")
    commands = []
    for published, template, _, _ in SWIFT_TEMPLATES:
        model = model_folder(tmp_path / published, published)
        if published == "llama3_2":
            make_llama(model)
        data = written(tmp_path / f"{published}.jsonl", *GOOD)
        flags = ["--template", template, "--model-type", "qwen3", "--json"]
        commands.append(["parity", str(model), str(data), *flags])
    done = subprocess.run(
        [sys.executable, "-c", SESSION],
        input="".join(json.dumps(command) + "\n" for command in commands),
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=300,
        check=True,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    for line, (published, _, texts, losses) in zip(lines, SWIFT_TEMPLATES, strict=True):
        result = json.loads(line.removeprefix("RESULT "))
        assert result["status"] == 1, published
        text, loss = json.loads(result["stdout"])["sides"]
        assert {cause["cause"] for cause in text["causes"]} == texts, published
        assert {cause["cause"] for cause in loss["causes"]} == losses, published
        assert text["equal"] > 0


def make_llama(folder: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        text = (folder / name).read_text(encoding="utf-8")
        for old, new in LLAMA_TOKENS.items():
            text = text.replace(old, new)
        if name == "tokenizer_config.json":
            tokens = {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}
            text = json.dumps(json.loads(text) | tokens)
        (folder / name).write_text(text, encoding="utf-8")


def test_every_cause_is_in_the_document() -> None:
    document = (ROOT / "docs" / "parity.md").read_text(encoding="utf-8")
    for name, cause in CAUSES.items():
        meant = "yes" if cause.is_deliberate else ""
        assert f"| `{name}` | {cause.meaning} | {meant}" in document


def test_template_is_read_as_transformers_reads_it(model: Path) -> None:
    """The text of the file, without a line break at its end."""
    text = (model / "chat_template.jinja").read_text(encoding="utf-8")
    assert read_chat_template(model).source().rstrip("\n") == text.rstrip("\n")
