"""The vocabulary: what a row, a sample, a response and a score are.

Frozen, small, and free of behaviour: the modules that make and read them hold the logic.
A `Row` is what swift reads. Each nested value in it is a JSON *string*: Arrow merges differing
structs and pads them with nulls, so that `{"a": 1}` would be trained as `{"a": 1, "b": null}`.
"""

from typing import Any, NotRequired, TypedDict

import msgspec

from swiftkit.toolcall.call import ToolCall

SKIPPED = "skipped: "  # how the error of a response begins that leaves the denominator


class Message(TypedDict):
    """One message of a swift row. Roles: system, user, assistant, tool_call, tool_response.

    What a chat template adds (separators, tags around reasoning) is not in it.
    """

    role: str
    content: str
    reasoning_content: NotRequired[str]  # of an answer, which may have no text then: ""
    tool_call_id: NotRequired[str]  # of a call and its result, where the data has one
    name: NotRequired[str]  # of the tool, beside its result, where the data has it
    loss: NotRequired[bool]


class Row(TypedDict, total=False):
    """One line of a swift dataset file."""

    messages: list[Message]
    tools: str  # JSON string: list of OpenAI tool schemas
    expected_calls: str  # JSON string: the gold, see scoring/gold.py
    scoring: str  # JSON string: how the gold is scored, see scoring/options.py
    # JSON string: the messages of a worse answer; data/targets.py writes the list that swift wants
    rejected_response: str
    # "true" or "false": whether the last answer is a good one; data/targets.py writes the boolean
    label: str
    margin: str  # a number: by how much the answer is better than the rejected one
    id: str
    source: str
    chain: str  # rows of one multi-step conversation share it
    category: str  # what an evaluation splits its results by
    # such as reasoning_effort; an object, because swift reads no text here
    chat_template_kwargs: dict[str, Any]


class Sample(msgspec.Struct, frozen=True):
    """One question to a model. `messages` and `tools` are in OpenAI's form, ready to send.

    `beside` is what an answer or its verdict depends on beside these: the world of an environment,
    what a judge looks for. `asked` is a hash of all three (evals/identity.py).
    """

    id: str
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]]
    target: Any
    meta: dict[str, str] = {}
    beside: Any = None
    asked: str = ""


class Step(msgspec.Struct, frozen=True):
    """One answer of a conversation that a task led, and what the environment said to its calls."""

    text: str
    tool_calls: list[ToolCall] | None = None
    results: list[str] = []
    reasoning: str = ""


class Response(msgspec.Struct, frozen=True):
    """What came back for one trial of one sample. A failed request is a Response with `error`,
    never a score of 0.

    `latency` is in seconds, and so is `first_token`, the time to it, where the answer was streamed
    (else 0). `tool_calls` is None where the endpoint gave none (then `text` may still hold the
    model's own markup). `reasoning` is what the endpoint gave apart from the text, under
    `reasoning_key` of the message (reasoning_content or reasoning). A task that asks several times
    for one sample (in an environment) keeps each answer in `steps`, the last of them also here;
    tokens and seconds are then sums. `verdict` is what a judge or a simulator said of it all.
    `ended` says that the answer, or one of the steps, was cut, filtered or empty
    (scoring/ending.py).
    `asked` is the sample's, "" in journals of earlier versions.
    """

    sample_id: str
    trial: int = 0
    text: str = ""
    tool_calls: list[ToolCall] | None = None
    finish_reason: str = ""
    usage: dict[str, int] = {}
    latency: float = 0.0
    error: str = ""
    first_token: float = 0.0
    steps: list[Step] = []
    verdict: str = ""
    reasoning: str = ""
    reasoning_key: str = ""
    ended: str = ""
    asked: str = ""


class Score(msgspec.Struct, frozen=True):
    """`value` in [0, 1], 1.0 only if `exact`; `reason` is a sentence for people.

    `parts` are the shares in [0, 1] that the value is made of; `counts` are what a ratio over many
    samples sums up.
    """

    value: float
    exact: bool
    reason: str = ""
    parts: dict[str, float] = {}
    counts: dict[str, int] = {}


# what a reward function compares with
GOLD_COLUMNS = ("solution", "answer", "ground_truth", "reward_model")
