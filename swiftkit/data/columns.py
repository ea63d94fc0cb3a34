"""Columns of a record that mean the same in every format."""

from collections.abc import Mapping
from typing import Any

MEDIA = ("images", "image", "videos", "video", "audios", "audio", "objects")
SYSTEM = (
    "system", "system_prompt", "system_message", "systemPrompt", "systemMessage", "system_text",
    "sys_prompt", "系统", "系统提示", "系统提示词",
)  # fmt: skip
# columns under which data have a system text where they have a chat, too
INSTRUCTIONS = ("instructions", "custom_instructions")
# ms-swift reads them itself: a raw file's column of that name must not reach it by accident
SWIFT_COLUMNS = frozenset((
    *MEDIA, *SYSTEM, "messages", "tools", "label", "margin", "conversation", "conversations",
    "chat_template_kwargs", "rejected_response", "rejected_messages", "positive_messages",
    "negative_messages",
))  # fmt: skip
# columns that hold another answer, or a verdict on the one: a plain conversation would lose them
JUDGED = (
    "chosen", "rejected", "rejected_response", "rejected_messages", "preferred_output",
    "non_preferred_output", "positive_messages", "negative_messages", "kto_tag",
)  # fmt: skip
# what `make_row` reads of every record, or refuses; tools may have other names (row_tools.py)
READS = " ".join((
    *MEDIA, *SYSTEM, *INSTRUCTIONS, *JUDGED, "tools", "id", "chat_template_kwargs",
    "reasoning_effort", "source", "chain",
))  # fmt: skip
OWN_COLUMNS = ("source", "chain")  # swiftkit writes them itself


def is_judged(record: Mapping[str, Any]) -> bool:
    """Return whether a record has another answer, or a verdict on the one."""
    has_verdict = isinstance(record.get("label"), bool)
    return has_verdict or any(record.get(name) is not None for name in JUDGED)


def has_chat(record: Mapping[str, Any]) -> bool:
    """Return whether a record has a column for a list of messages."""
    return "messages" in record or "conversations" in record
