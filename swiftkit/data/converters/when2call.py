r"""When2Call's test questions: four ways to answer, of which one is right.

Source: nvidia/When2Call, test/when2call_test_mcq.jsonl and _llm_judge.jsonl. (Its training files
are messages, and chosen_response with rejected_response: other converters read them.) A real row,
shortened:

    {"uuid": "0c63...", "source": "BFCL_v3_live", "source_id": "live_simple_1-1-0",
     "question": "I'd like a cab from Berkeley.", "correct_answer": "request_for_info",
     "answers": {
             "direct": "Your cab is on its way.",
             "tool_call": "<TOOLCALL>[{\"name\": \"uber.ride\", \"arguments\": ...}]</TOOLCALL>",
             "request_for_info": "Which type of ride?", "cannot_answer": "I'm sorry, ..."},
     "target_tool": "{...}", "tools": ["{\"name\": \"uber.ride\", ...}"], "orig_question": "..."}

The right answer ends the row; where it is no call, calling nothing is the gold. The wrong ones are
left out. These questions are a benchmark: whoever trains on them cannot be measured by them.
"""

from collections.abc import Iterable
from typing import Any

from swiftkit.data.from_openai import messages_of
from swiftkit.data.json_values import field
from swiftkit.data.rows import make_row
from swiftkit.errors import DataError
from swiftkit.records import Row

ORDER = 260
READS = {
    "": (
        "uuid question correct_answer answers tools -source -source_id -target_tool -orig_tools"
        " -orig_question -held_out_param"
    ),
    "answers": "direct tool_call request_for_info cannot_answer",
}

_KINDS = ("direct", "tool_call", "request_for_info", "cannot_answer")


def matches(record: dict[str, Any]) -> bool:
    answers = record.get("answers")
    return "correct_answer" in record and isinstance(answers, dict) and not answers.keys() - _KINDS


def convert(record: dict[str, Any]) -> Iterable[Row]:
    question, kind = record.get("question"), record.get("correct_answer")
    if not isinstance(question, str) or not question.strip():
        raise DataError("the question is empty", "no_question", "fill in question")
    answer = field(record.get("answers"), kind) if kind in _KINDS else None
    if not isinstance(answer, str) or not answer.strip():
        reason = f"answers has no text for the correct answer {kind!r:.50}"
        raise DataError(reason, "no_answer", f"write one of {', '.join(_KINDS)}")
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    columns = {"id": record.get("uuid"), "tools": record.get("tools")}
    return [make_row(messages_of(messages, "messages"), columns, ())]
