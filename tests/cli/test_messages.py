"""The sentences that people read when something is wrong, all in one list: messages.txt.

Other tests assert codes, places and statuses. A rewording is seen here, and read once more:
`python tests/cli/test_messages.py` writes the list anew.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

LIST = Path(__file__).with_name("messages.txt")
FILES = {
    "raw.jsonl": '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n',
    "broken.jsonl": '{"messages": [\n[1]\n{"q": "no format"}\n{"messages": [{"role": "judge", "content": "a"}]}\n',
    "golds.jsonl": '{"messages": [{"role": "user", "content": "a"}], "expected_calls": [{"name": "f"}]}\n',
    "texts.jsonl": '{"messages": [{"role": "system", "content": "Write <tool_call>."}, {"role": "user", "content": "a"},'
    ' {"role": "assistant", "content": "Hi<|im_end|>"}]}\n',
    "turns.jsonl": '{"messages": [{"role": "user", "content": "a"}, {"role": "tool_call", "content": "{\\"name\\": \\"f\\", \\"arguments\\": {}}"},'
    ' {"role": "user", "content": " "}, {"role": "assistant", "content": "<think>a</think><think>b</think>Hi"}]}\n',
    "call.jsonl": '{"messages": [{"role": "user", "content": "b"},'
    ' {"role": "assistant", "content": "<tool_call>{\\"name\\": \\"f\\", \\"arguments\\": {}}</tool_call>"}]}\n',
    "empty.jsonl": "",
    "bad.yaml": "a: [",
    "twice.yaml": "openapi: 3.0.0\nopenapi: 3.1.0\n",
    "list.yaml": "- model\n",
    "other.json": '{"model": "Qwen3"}',
    "page.json": '{"tools": [{"name": "f", "inputSchema": {}}], "nextCursor": "2"}',
    "dup.json": '[{"name": "f", "inputSchema": {}}, {"name": "f", "inputSchema": {}}]',
    "mcp.json": '{"mcpServers": {"none": {"command": "no-such-program"}, "input": {"command": "${input:a}"}, '
    '"unset": {"url": "http://127.0.0.1:9", "headers": {"A": "${NO_SUCH_NAME}"}}}}',
}
COMMANDS = """
convert missing.jsonl -o out.jsonl
convert empty.jsonl -o out.jsonl
convert broken.jsonl -o out.jsonl
convert raw.jsonl -o out.csv
convert raw.jsonl -o out.jsonl --rejects out.jsonl
convert raw.jsonl -o out.jsonl --from nothing
convert raw.jsonl -o nowhere/out.jsonl
convert raw.jsonl -o out.jsonl --workers 0
convert raw.jsonl -o ''
convert raw.jsonl -o loop
check missing.jsonl
check empty.jsonl
check golds.jsonl
check texts.jsonl
check turns.jsonl
check call.jsonl --sample 1
show raw.jsonl --model nowhere
parity nowhere raw.jsonl
parity . raw.jsonl --allow nothing
doctor --model nowhere
doctor --model nowhere --base-url http://127.0.0.1:9/v1
tools bad.yaml -o tools.json
tools twice.yaml -o tools.json
tools other.json -o tools.json
tools page.json -o tools.json
tools dup.json -o tools.json
tools mcp.json -o tools.json
tools mcp.json -o tools.json --server unset
tools mcp.json -o tools.json --server nothing
tools http://127.0.0.1:9/mcp -o tools.json
score golds.jsonl --completions missing.jsonl
grade nowhere
audit missing.py --data golds.jsonl
audit format --data golds.jsonl --set soft_max_length
compare nowhere nowhere
curve nowhere
eval nothing --data raw.jsonl --base-url http://127.0.0.1:9/v1
eval tool-call --data missing.jsonl --base-url http://127.0.0.1:9/v1
eval tool-call --data golds.jsonl --base-url http://127.0.0.1:9/v1
eval tool-call --data raw.jsonl --base-url http://127.0.0.1:9/v1 --gate 'accuracy is good'
eval tool-call --data raw.jsonl --base-url 'http://[::1'
tau-bench missing.json
preflight missing.yaml
preflight bad.yaml
preflight list.yaml
preflight .
preflight swift nothing bad.yaml
nothing
""".strip().splitlines()


def written(folder: Path) -> str:
    """Return each command with its exit status and what it says on stderr."""
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "loop").symlink_to("loop")
    environment = os.environ | {"COLUMNS": "100"}
    blocks = []
    for command in COMMANDS:
        done = subprocess.run(
            [sys.executable, "-m", "swiftkit", *shlex.split(command)],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        said = (done.stderr or done.stdout).replace(f"{folder}/", "").replace(str(folder), ".")
        said = re.sub(r"\d+\.\d s$", "N s", said, flags=re.MULTILINE)
        blocks.append(f"$ swiftkit {command}\n{said.rstrip()}\nexit {done.returncode}\n")
    return "\n".join(blocks)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return blocks_of(written(tmp_path_factory.mktemp("messages")))


def blocks_of(text: str) -> dict[str, str]:
    return {
        block.partition("\n")[0]: block.strip() for block in re.split(r"(?m)^\$ ", text) if block
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_message_is_the_one_in_the_list(said: dict[str, str], command: str) -> None:
    assert said[f"swiftkit {command}"] == blocks_of(LIST.read_text())[f"swiftkit {command}"]


def test_every_message_is_short_and_without_traceback(said: dict[str, str]) -> None:
    for block in said.values():
        assert "Traceback" not in block
        assert block.count("\n") < 24


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        LIST.write_text(written(Path(name)), encoding="utf-8")
