"""Records that no converter reads are named for what they are, and the fix that is given works."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from helpers.paths import ROOT

from swiftkit.cli.main import main

CALL = {"type": "tool_use", "id": "t1", "name": "ls", "input": {"path": "."}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "a.py"}


def _event(kind: str, content: Any, **more: Any) -> dict[str, Any]:
    message = {"role": kind, "content": content}
    return {"type": kind, "sessionId": "s", "uuid": "u", "message": message} | more


CLAUDE_CODE = [
    {"type": "summary", "summary": "Files", "leafUuid": "u", "sessionId": "s"},
    _event("user", "Which files?"),
    _event("user", "Caveat", isMeta=True),
    _event("assistant", [{"type": "thinking", "thinking": "I look.", "signature": "x"}]),
    _event("assistant", [{"type": "text", "text": "I look."}]),
    _event("assistant", [CALL]),
    _event("assistant", [{**CALL, "id": "t2", "input": {"path": "/"}}]),
    _event("user", [RESULT]),
    _event("user", [{**RESULT, "tool_use_id": "t2", "content": "bin"}]),
    _event("assistant", [{"type": "text", "text": "a.py, bin"}]),
]


def _item(**payload: Any) -> dict[str, Any]:
    return {"timestamp": "t", "type": "response_item", "payload": payload}


CODEX = [
    {"timestamp": "t", "type": "session_meta", "payload": {"id": "s", "cwd": "/"}},
    _item(type="message", role="user", content=[{"type": "input_text", "text": "2+2?"}]),
    {"type": "event_msg", "payload": {"type": "user_message", "message": "2+2?"}},
    _item(
        type="reasoning", summary=[{"type": "summary_text", "text": "Ask."}], encrypted_content="x"
    ),
    _item(type="function_call", name="shell", arguments='{"command": ["bc"]}', call_id="c1"),
    _item(type="function_call_output", call_id="c1", output="4"),
    _item(type="message", role="assistant", content=[{"type": "output_text", "text": "4"}]),
]
ATIF = {
    "schema_version": "ATIF-v1.4",
    "session_id": "s",
    "agent": {"name": "a", "version": "1"},
    "steps": [
        {"step_id": 1, "source": "user", "message": "Which files?"},
        {
            "step_id": 2, "source": "agent", "message": "I look.", "reasoning_content": "Files.",
            "tool_calls": [
                {"tool_call_id": "c1", "function_name": "ls", "arguments": {"path": "."}}
            ],
            "observation": {"results": [{"source_call_id": "c1", "content": "a.py"}]},
        },
        {"step_id": 3, "source": "agent", "message": "a.py"},
    ],
}  # fmt: skip
SWE_AGENT = {
    "trajectory": [{"action": "ls", "observation": "a.py", "thought": "I look."}],
    "history": [
        {"role": "system", "content": "Fix it.", "agent": "main"},
        {"role": "user", "content": [{"type": "text", "text": "Fix a.py."}]},
        {
            "role": "assistant", "content": "I look.", "thought": "I look.", "action": "ls",
            "tool_calls": [{"id": "c1", "function": {"name": "bash", "arguments": "{}"}}],
        },
        {"role": "tool", "content": "a.py", "tool_call_ids": ["c1"]},
        {"role": "assistant", "content": "Done."},
    ],
    "info": {"exit_status": "submitted"},
}  # fmt: skip
CHATGPT = [
    {
        "title": "Hi",
        "current_node": "c",
        "mapping": {
            "a": {"id": "a", "message": None},
            "b": {"message": {"author": {"role": "user"},
                              "content": {"content_type": "text", "parts": ["Hi?"]}}},
            "c": {"message": {"author": {"role": "assistant"},
                              "content": {"content_type": "text", "parts": ["Hello."]}}},
        },
    }
]  # fmt: skip
CLAUDE = [
    {
        "uuid": "u",
        "name": "Hi",
        "chat_messages": [
            {"sender": "human", "text": "Hi?"},
            {"sender": "assistant", "text": "Hello."},
        ],
    }
]
SQUAD = {
    "version": "1.1",
    "data": [
        {
            "title": "A",
            "paragraphs": [
                {"context": "Anna wrote it.",
                 "qas": [{"question": "Who?", "answers": [{"text": "Anna", "answer_start": 0}]},
                         {"question": "When?", "answers": []}]},
            ],
        }
    ],
}  # fmt: skip
ULTRA = {
    "instruction": "Hi?",
    "models": ["a", "b"],
    "completions": [
        {"response": "Hello.", "overall_score": 9},
        {"response": "No.", "overall_score": 2},
    ],
}
UI = {"messages": [
    {"id": "1", "role": "user", "parts": [{"type": "text", "text": "Hi?"}]},
    {"id": "2", "role": "assistant",
     "parts": [{"type": "step-start"}, {"type": "text", "text": "Hello."}]},
]}  # fmt: skip
LM_EVAL = {
    "doc_id": 0,
    "doc": {"question": "1+1?"},
    "target": "2",
    "arguments": {"gen_args_0": {"arg_0": "Q: 1+1?", "arg_1": {"until": ["Q:"]}}},
    "resps": [["2"]],
    "filtered_resps": ["2"],
}

# what it is, the file's objects, the rows that the fix's command makes of it
WITH_COMMAND = [
    ("a Claude Code session", CLAUDE_CODE, 1),
    ("a Codex rollout", CODEX, 1),
    ("Harbor's ATIF", [ATIF], 1),
    ("SWE-agent", [SWE_AGENT], 1),
    (
        "SWE-agent",
        [{"trajectory": [{"role": "user", "text": "Fix."}, {"role": "ai", "text": "Done."}]}],
        1,
    ),
    ("ChatGPT's data export", CHATGPT, 1),
    ("Claude's data export", CLAUDE, 1),
    ("SQuAD", [SQUAD], 1),
    ("several answers", [ULTRA], 1),
    ("Vercel's AI SDK", [UI], 1),
    ("lm-eval", [LM_EVAL], 1),
    ("in turn", [{"id": "1", "data": ["Hi?", "Hello.", "Bye.", "Bye."]}], 1),
    ("translation", [{"id": "1", "translation": {"en": "Hi.", "fr": "Salut."}}], 1),
]
# what it is, a record, a part of the fix
NAMED = [
    ("Codex rollout", CODEX[1], "response_item"),
    ("codex exec", {"type": "item.completed", "item": {"type": "agent_message"}}, "rollout"),
    ("OpenTelemetry", {"name": "chat", "attributes": {"gen_ai.system": "x"}}, "docs/data.md"),
    ("OpenTelemetry", {"resourceSpans": []}, "docs/data.md"),
    (
        "gen_ai, whose texts lie in parts, as in messages[0].parts",
        {"messages": [{"role": "user", "parts": [{"type": "text", "content": "Hi?"}]}]},
        "jq",
    ),
    (
        "an Inspect sample without messages",
        {"id": 1, "epoch": 1, "input": "a", "target": "b", "output": {"model": "m"}},
        "inspect log dump",
    ),
    ("MCP", {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {}}, "swiftkit tools"),
    ("embedding", {"anchor": "a", "positive": "b", "negative": "c"}, "--columns anchor=prompt"),
    ("embedding", {"query": "a", "positive": "b", "negative": "c"}, "--columns query=prompt"),
    ("embedding", {"sentence1": "a", "sentence2": "b", "score": 0.5}, "task_type embedding"),
    ("a text with a class", {"Review": "Good.", "stars": 5}, "--columns Review=prompt,stars="),
    ("a text with its summary", {"document": "a", "summary": "b"}, "document=prompt,summary="),
    ("labelled words", {"tokens": ["a"], "ner_tags": [0]}, "{prompt, response}"),
    ("raw corpus", {"content": "x = 1", "path": "a.py"}, "--columns content=text"),
    ("token ids", {"input_ids": [1], "labels": [1]}, "convert the texts"),
    ("card or index", {"_data_files": [{"filename": "a.arrow"}], "_split": "train"}, ".parquet"),
    ("a tree", {"message_id": "m", "parent_id": "p", "role": "prompter", "text": "Hi?"}, "parent"),
    ("images", {"image": "a.png", "caption": "A cat."}, "<image>"),
    ("an empty object", {}, "delete"),
    ("all columns are null: a, b", {"a": None, "b": None}, "delete"),
    ("promt (text), respnse (text)", {"promt": "a", "respnse": "b"}, "promt=prompt,respnse=resp"),
    (
        "n (number), o (object of x), l (list of 1), ask (text), reply (text)",
        {"n": 1, "o": {"x": 1}, "l": [1], "ask": "a", "reply": "b"},
        "--columns ask=prompt,reply=response",
    ),
    (
        "log (list of messages)",
        {"log": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
        "--columns log=messages",
    ),
]  # fmt: skip


def converted(folder: Path, records: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The report and the rejects of these records, a line each."""
    raw, out = folder / "raw.jsonl", folder / "rows.jsonl"
    raw.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    done = CliRunner().invoke(
        main, ["convert", str(raw), "-o", str(out), "--max-rejects", "99", "--json"],
        catch_exceptions=False,
    )  # fmt: skip
    rejects = folder / "rows.rejects.jsonl"
    lines = rejects.read_text(encoding="utf-8").splitlines() if rejects.is_file() else []
    return json.loads(done.stdout), [json.loads(line) for line in lines]


@pytest.mark.parametrize(("what", "record", "fix"), NAMED)
def test_unread_record_is_named(tmp_path: Path, what: str, record: Any, fix: str) -> None:
    """The reject says what the record is, and how to make rows of it."""
    _, [reject] = converted(tmp_path, [record])
    assert reject["code"] == "unknown_format"
    assert what in reject["reason"]
    assert fix in reject["fix"]


def test_parts_of_one_message_are_a_bad_content(tmp_path: Path) -> None:
    """Where the others have their texts in content, the chat is no foreign one."""
    asked = {"role": "user", "parts": [{"type": "text", "text": "Hi?"}]}
    chat = {"messages": [asked, {"role": "assistant", "content": "Hello."}]}
    _, [reject] = converted(tmp_path, [chat])
    assert (reject["code"], "messages[0].parts" in reject["reason"]) == ("bad_content", True)


@pytest.mark.skipif(not shutil.which("jq"), reason="no jq on this machine")
@pytest.mark.parametrize(
    ("what", "records", "count"), WITH_COMMAND, ids=[case[0] for case in WITH_COMMAND]
)
def test_command_of_the_fix_makes_rows(
    tmp_path: Path, what: str, records: list[Any], count: int
) -> None:
    """jq makes of the file what convert takes without a reject."""
    named = records[0] if what != "SQuAD" else records[0]["data"][0]
    _, rejects = converted(tmp_path, [named])
    assert what in rejects[0]["reason"]
    command = re.search(r"jq -cs? '(?:[^'])*'", rejects[0]["fix"])
    assert command, rejects[0]["fix"]
    source = tmp_path / "source.json"
    is_list = what.endswith("data export")
    text = json.dumps(records) if is_list else "\n".join(map(json.dumps, records))
    source.write_text(text, encoding="utf-8")
    made = subprocess.run(
        [*shlex.split(command[0]), source], capture_output=True, text=True, check=True
    )
    rows = [json.loads(line) for line in made.stdout.splitlines()]
    report, rejects = converted(tmp_path, rows)
    assert rejects == []
    assert report["rows_accepted"] == count


SPAN = {
    "name": "chat",
    "attributes": {
        "gen_ai.input.messages": json.dumps([
            {"role": "user", "parts": [{"type": "text", "content": "Which files?"}]},
            {"role": "assistant", "parts": [
                {"type": "reasoning", "content": "I look."},
                {"type": "tool_call", "id": "c1", "name": "ls", "arguments": {"path": "."}},
                {"type": "tool_call", "id": "c2", "name": "ls", "arguments": {"path": "/"}},
            ]},
            {"role": "tool", "parts": [
                {"type": "tool_call_response", "id": "c1", "response": "a.py"},
                {"type": "tool_call_response", "id": "c2", "response": ["bin"]},
            ]},
        ]),
        "gen_ai.output.messages": [
            {"role": "assistant", "finish_reason": "stop",
             "parts": [{"type": "text", "content": "a.py, bin"}]},
        ],
    },
}  # fmt: skip


@pytest.mark.skipif(not shutil.which("jq"), reason="no jq on this machine")
def test_command_of_the_docs_makes_a_row_of_a_span(tmp_path: Path) -> None:
    """Calls, their results, the reasoning and the answer."""
    text = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    command = re.search(r"jq -c '\(.attributes[^']*'", text)
    assert command
    made = subprocess.run(
        shlex.split(command[0]), input=json.dumps(SPAN), capture_output=True, text=True, check=True
    )
    report, rejects = converted(tmp_path, [json.loads(made.stdout)])
    assert rejects == []
    assert report["rows_accepted"] == 1
    row = json.loads((tmp_path / "rows.jsonl").read_text(encoding="utf-8"))
    roles = [message["role"] for message in row["messages"]]
    calls = ["tool_call", "tool_call", "tool_response", "tool_response"]
    assert roles == ["user", "assistant", *calls, "assistant"]
    assert row["messages"][1]["reasoning_content"] == "I look."
