"""Records that no converter reads, named for what they are, with the way to rows that one reads.

_FORMATS is the table: how a record is recognized, what it is, and the fix. A command of jq in a fix
has been tried on a file of its kind (tests/data/test_known_foreign.py). Where the records of a file
are one conversation together, such as an agent's session, no converter can read them: it sees one
record at a time.
"""

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from swiftkit.data.column_names import ANSWERS_TO_TRAIN, GOLDS, QUESTIONS
from swiftkit.data.json_values import field, items
from swiftkit.errors import DataError

Record = Mapping[str, Any]

_LONGEST = 400  # characters of the columns in a reason
_KNOWN = (
    *QUESTIONS, *ANSWERS_TO_TRAIN, *GOLDS, "messages", "conversations", "tools", "text", "chosen",
    "rejected", "label", "system",
)  # fmt: skip
_TURNS = ("conversations", "conversation", "data", "dialog", "dialogue", "turns", "utterances")
_QUESTION_WORDS = ("question", "prompt", "query", "instruction", "input", "ask", "problem")
_ANSWER_WORDS = ("answer", "response", "output", "reply", "completion", "solution", "target")
_JOINED = (  # neighbours of one role become one message: a call has a line of its own
    "reduce .[] as $m ([]; if length > 0 and .[-1].role == $m.role and ([.[-1].content, $m.content]"
    ' | all(type == "array")) then .[-1].content += $m.content else . + [$m] end)'
)


class _Foreign(NamedTuple):
    """A kind of record. In the fix, ONE and OTHER stand for the columns by which it is known."""

    is_it: Callable[[Record], bool]
    what: str
    fix: str
    one: tuple[str, ...] = ()
    other: tuple[str, ...] = ()


def check_foreign_chat(record: Record) -> None:
    """Raise DataError for a chat whose texts lie where no converter of its column looks.

    unknown_format where all of them do; bad_content for a message among others.
    """
    messages = items(record.get("messages"))
    for number, message in enumerate(messages):
        if not field(message, "parts") or field(message, "content"):
            continue
        place = f"messages[{number}].parts"
        if any(field(each, "content") for each in messages):
            raise DataError(f"the text lies in {place}, not in content", "bad_content", _PARTS_FIX)
        raise _unknown(f"{_kind_of_parts(record)}, as in {place}", _PARTS_FIX)


def unknown_format(record: Record, formats: Iterable[str]) -> DataError:
    """Return the error for a record that no converter reads, which are those of `formats`."""
    if not record:
        return _unknown("an empty object, without any column", "delete this line")
    if all(value is None for value in record.values()):
        names = ", ".join(record)[:_LONGEST]
        return _unknown(f"all columns are null: {names}", "delete this line")
    for foreign in _FORMATS:
        if foreign.is_it(record):
            fix = foreign.fix.replace("ONE", _first_of(record, foreign.one))
            fix = fix.replace("OTHER", _first_of(record, foreign.other))
            return _unknown(f"this is {foreign.what}, which convert does not read", fix)
    if translation := _translation(record):
        return translation
    fix = f"{_closest(record)}; known formats: {', '.join(formats)}; --from forces one"
    return _unknown(f"no known format: the columns are {_described(record)}", fix)


def _unknown(reason: str, fix: str) -> DataError:
    return DataError(reason, "unknown_format", fix)


def _has(*names: str) -> Callable[[Record], bool]:
    """Return a test for a record that has all these columns."""
    return lambda record: all(record.get(name) is not None for name in names)


def _has_one(names: tuple[str, ...]) -> Callable[[Record], bool]:
    """Return a test for a record that has one of these columns, in any case."""
    return lambda record: bool(_first_of(record, names))


def _known_by(what: str, fix: str, one: tuple[str, ...], other: tuple[str, ...] = ()) -> _Foreign:
    """Return a kind that is known by one of some columns, and one of others."""

    def is_it(record: Record) -> bool:
        return bool(_first_of(record, one)) and (not other or bool(_first_of(record, other)))

    return _Foreign(is_it, what, fix, one, other)


def _first_of(record: Record, names: tuple[str, ...]) -> str:
    """Return the record's column with the first of these names, in any case; "" for none."""
    columns = {name.lower(): name for name, value in record.items() if value is not None}
    for name in names:
        if name in columns:
            return columns[name]
    return ""


def _is_claude_code(record: Record) -> bool:
    is_event = isinstance(record.get("type"), str)
    return is_event and ("sessionId" in record or {"uuid", "parentUuid"} <= record.keys())


def _is_codex(record: Record) -> bool:
    kinds = ("session_meta", "response_item", "event_msg", "turn_context", "compacted")
    return record.get("type") in kinds and isinstance(record.get("payload"), dict)


def _is_codex_stream(record: Record) -> bool:
    kind = record.get("type")
    return isinstance(kind, str) and kind.startswith(("thread.", "turn.", "item."))


def _is_telemetry(record: Record) -> bool:
    if "resourceSpans" in record or "resource_spans" in record:
        return True
    attributes = record.get("attributes")
    names = list(record) + (list(attributes) if isinstance(attributes, dict) else [])
    names += [str(field(item, "key")) for item in items(attributes)]
    return any(name.startswith(("gen_ai.", "llm.", "openinference.")) for name in names)


def _is_inspect_sample(record: Record) -> bool:
    return _has("epoch", "input", "target")(record) and record.get("messages") is None


def _is_atif(record: Record) -> bool:
    return str(record.get("schema_version")).startswith("ATIF") or (
        isinstance(record.get("steps"), list) and isinstance(record.get("agent"), dict)
    )


def _is_swe_agent(record: Record) -> bool:
    return isinstance(record.get("history"), list) and isinstance(record.get("trajectory"), list)


def _is_trajectory_of_texts(record: Record) -> bool:
    steps = items(record.get("trajectory"))
    return bool(steps) and "role" in steps[0] and "text" in steps[0] if _objects(steps) else False


def _objects(values: list[Any]) -> bool:
    return all(isinstance(value, dict) for value in values)


def _is_scored_answers(record: Record) -> bool:
    answers = items(record.get("completions")) or items(record.get("responses"))
    return bool(answers) and isinstance(answers[0], dict | str)


def _is_ui_chat(record: Record) -> bool:
    return any(field(item, "parts") for item in items(record.get("messages")))


def _is_card(record: Record) -> bool:
    if {"_data_files", "_fingerprint"} & record.keys():
        return True
    return isinstance(record.get("features"), dict | list) or (
        isinstance(record.get("splits"), list | dict) and len(record) < 4
    )


def _is_media(record: Record) -> bool:
    words = ("image", "images", "video", "videos", "audio", "audios", "image_path", "image_url",
             "img", "pixel_values", "file_name")  # fmt: skip
    return _has_one(words)(record)


def _is_turns(record: Record) -> bool:
    turns = items(record.get(_first_of(record, _TURNS)))
    return len(turns) > 1 and all(isinstance(turn, str) for turn in turns)


def _is_mcp(record: Record) -> bool:
    return "jsonrpc" in record


def _is_squad_file(record: Record) -> bool:
    return _objects(items(record.get("paragraphs"))) and bool(record.get("paragraphs"))


_PARTS_FIX = (
    "write each message as {role, content, tool_calls}; without calls: jq -c '.messages |="
    ' map({role, content: (.content // ([.parts[] | select(.type == "text") | .text //'
    ' .content] | join("")))})\' FILE > rows.jsonl'
)
_FORMATS = (
    _Foreign(
        _is_claude_code,
        "an event of a Claude Code session, whose lines are one conversation together",
        "make one row of a session: jq -cs '[.[] | select((.isSidechain or .isMeta | not) and"
        ' (.type == "user" or .type == "assistant")) | .message | {role, content}] |'
        f" {_JOINED} | {{messages: .}}' SESSION.jsonl > row.jsonl",
    ),
    _Foreign(
        _is_codex,
        "a line of a Codex rollout, whose lines are one conversation together",
        "make one row of a session: jq -cs '{input: [.[] | select(.type == \"response_item\") |"
        " .payload]}' ROLLOUT.jsonl > row.jsonl",
    ),
    _Foreign(
        _is_codex_stream,
        "an event of `codex exec --json`, which holds no questions",
        "take the session's own file, ~/.codex/sessions/YYYY/MM/DD/rollout-*.jsonl",
    ),
    _Foreign(
        _is_telemetry,
        "an OpenTelemetry span or its gen_ai attributes",
        "write the messages of gen_ai.input.messages and gen_ai.output.messages as one list"
        " `messages` of {role, content, tool_calls}, a row for each conversation;"
        " docs/data.md has the jq command",
    ),
    _Foreign(
        _is_inspect_sample,
        "an Inspect sample without messages",
        "dump the log with its messages: inspect log dump LOG.eval --resolve-attachments |"
        " jq -c '.samples[]' > rows.jsonl",
    ),
    _Foreign(
        _is_ui_chat,
        "a chat whose texts lie in parts",
        _PARTS_FIX,
    ),
    _Foreign(
        _is_mcp,
        "a message of an MCP session (JSON-RPC): calls and results, without question or answer",
        "log the chat with the model instead; the tools of a tools/list answer: swiftkit tools",
    ),
    _Foreign(
        _is_atif,
        "a trajectory in Harbor's ATIF",
        "jq -c '{messages: [.steps[] | {role: (if .source == \"agent\" then \"assistant\" else"
        " .source end), content: .message, reasoning_content, tool_calls: [.tool_calls[]? |"
        " {id: .tool_call_id, function: {name: .function_name, arguments}}]},"
        " (.observation.results[]? | {role: \"tool\", tool_call_id: .source_call_id,"
        " content})]}' TRAJECTORY.json > row.jsonl",
    ),
    _Foreign(
        _is_swe_agent,
        "a trajectory of SWE-agent",
        "jq -c '{messages: [.history[] | {role, content, tool_calls, tool_call_id:"
        " (.tool_call_ids // [null])[0]}]}' FILE.traj > row.jsonl",
    ),
    _Foreign(
        _is_trajectory_of_texts,
        "a trajectory of SWE-agent",
        "jq -c '{messages: [.trajectory[] | {role: (if .role == \"ai\" then \"assistant\" else"
        " .role end), content: (.text // .system_prompt)}]}' FILE > rows.jsonl",
    ),
    _Foreign(
        _has_one(("resps", "filtered_resps")),
        "a sample of lm-eval, with the prompt in arguments and the answers in resps",
        "jq -c '{prompt: (.arguments.gen_args_0.arg_0? // .arguments[0][0]), response:"
        " (.resps[0] | if type == \"array\" then .[0] else . end)}' SAMPLES.jsonl > rows.jsonl",
    ),
    _Foreign(
        _has("mapping", "current_node"),
        "a chat of ChatGPT's data export",
        "jq -c '.[] | {messages: [.mapping[].message | select(.content.content_type == \"text\""
        ' and (.author.role == "user" or .author.role == "assistant")) | {role: .author.role,'
        ' content: (.content.parts | join(""))}]}\' conversations.json > rows.jsonl;'
        " a branched chat needs a look",
    ),
    _Foreign(
        _has("chat_messages"),
        "a chat of Claude's data export",
        "jq -c '.[] | {messages: [.chat_messages[] | {role: (if .sender == \"human\" then"
        ' "user" else .sender end), content: .text}]}\' conversations.json > rows.jsonl',
    ),
    _Foreign(
        _has("message_id", "role", "text"),
        "a message of a tree, as OpenAssistant has them, one a row",
        "follow parent_id from each answer to its question, and write {messages: [...]}",
    ),
    _Foreign(
        _is_card,
        "a data set's card or index, not its rows",
        "give the data files themselves: .parquet, .jsonl, .json or .csv",
    ),
    _Foreign(
        _has_one(("input_ids", "token_ids", "tokens_ids")),
        "a row of token ids: it is rendered for one model already",
        "convert the texts it was made from; ms-swift makes the tokens itself",
    ),
    _Foreign(
        _is_media,
        "a row with images, audio or video",
        "swiftkit reads text alone; ms-swift itself reads {messages, images: [path, ...]} with"
        " <image> in a text",
    ),
    _Foreign(
        _is_scored_answers,
        "a question with several answers",
        "choose two of them, as by score: jq -c '(.completions | sort_by(.overall_score)) as $c |"
        " {prompt: .instruction, chosen: $c[-1].response, rejected: $c[0].response}' FILE, or one:"
        " {prompt, response}",
    ),
    _Foreign(
        _is_squad_file,
        "an article of SQuAD",
        "jq -c '.data[].paragraphs[] | .context as $c | .qas[] | select(.answers != []) |"
        " {question, context: $c, answer: .answers[0].text}' FILE > rows.jsonl",
    ),
    _Foreign(
        _is_turns,
        "a chat as a list of texts, question and answer in turn",
        "jq -c '{messages: [.ONE | to_entries[] | {role: (if .key % 2 == 0 then \"user\" else"
        " \"assistant\" end), content: .value}]}' FILE > rows.jsonl",
        _TURNS,
    ),
    _known_by(
        "a multiple-choice question",
        "write the choices into the question, and the right one as the answer: {prompt, response}",
        ("ctx", "question", "sentence", "stem", "query"),
        ("choices", "options", "endings", "option1"),
    ),
    _known_by(
        "a row for an embedding or reranker model: texts that are alike or not",
        "ms-swift reads {messages, positive_messages, negative_messages} for --task_type embedding"
        " and reranker; if they are a question and two answers: --columns"
        " ONE=prompt,positive=chosen,negative=rejected",
        ("anchor", "sentence1", "sentence_a", "sent0", "query", "question", "positive"),
        ("positive", "pos", "passages", "positive_passages", "sentence2", "sentence_b", "sent1",
         "negative_passages", "corpus-id"),
    ),
    _known_by(
        "a row of labelled words",
        "write a question, and an answer that names the words, as {prompt, response}",
        ("tokens", "words"),
        ("ner_tags", "tags", "pos_tags", "labels"),
    ),
    _known_by(
        "a text with its summary",
        "--columns ONE=prompt,OTHER=response; better with the task before the text, such as"
        " Summarize",
        ("article", "document", "dialogue", "text", "report"),
        ("summary", "highlights", "abstract"),
    ),
    _known_by(
        "a text with a class",
        "--columns ONE=prompt,OTHER=response trains it as a chat, if the class is a word; numbers"
        " need their names first",
        ("text", "sentence", "review", "question", "premise", "title", "content", "comment",
         "prompt", "query", "input"),
        ("label", "labels", "sentiment", "class", "stars", "rating", "intent"),
    ),
    _known_by(
        "a text of a raw corpus",
        "--columns ONE=text reads it for pre-training (swift pt)",
        ("content", "code", "document", "article", "body", "raw_content"),
    ),
)  # fmt: skip


def _kind_of_parts(record: Record) -> str:
    """Return what a chat with parts is: its parts' types differ."""
    for message in items(record.get("messages")):
        for part in items(field(message, "parts")):
            if field(part, "type") == "text" and "content" in part:
                return "messages of OpenTelemetry's gen_ai, whose texts lie in parts"
    return "messages of a user interface, as Vercel's AI SDK keeps them, whose texts lie in parts"


def _translation(record: Record) -> DataError | None:
    """Return the error for a pair of one text in two languages."""
    pair = record.get("translation")
    if not isinstance(pair, dict) or len(pair) < 2:
        return None
    one, other = list(pair)[:2]
    fix = (
        f"jq -c '{{prompt: .translation.{one}, response: .translation.{other}}}' FILE > rows.jsonl"
    )
    return _unknown("this is a translation pair, which convert does not read", fix)


def _described(record: Record) -> str:
    """Return the columns with their types."""
    texts = [f"{name} ({_type(value)})" for name, value in record.items()]
    text = ", ".join(texts)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def _type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, dict):
        return f"object of {', '.join(map(str, value))}"[:60]
    if _is_chat(value):
        return "list of messages"
    return f"list of {len(value)}"


def _is_chat(value: Any) -> bool:
    """Return whether it looks like a list of messages."""
    messages = items(value)
    return bool(messages) and all(field(each, "role") or field(each, "from") for each in messages)


def _closest(record: Record) -> str:
    """Return the fix: the columns that are almost, or could be, those of a known format."""
    for name, value in record.items():
        if _is_chat(value):
            return f"--columns {name}=messages reads the chat in this column"
    texts = [name for name, value in record.items() if isinstance(value, str) and value.strip()]
    renames = []
    for name in texts:
        for known in get_close_matches(name.lower(), _KNOWN, 1, 0.85):
            if name.lower() != known and known not in record:
                renames.append(f"{name}={known}")
    if renames:
        return f"is a name misspelt? --columns {','.join(renames)}"
    pair = texts if len(texts) == 2 else []
    question = pair[0] if pair else _alike(texts, _QUESTION_WORDS, "QUESTION")
    answer = pair[1] if pair else _alike(texts, _ANSWER_WORDS, "ANSWER")
    return (
        f"say which columns are question and answer, such as --columns {question}=prompt,"
        f"{answer}=response"
    )


def _alike(columns: list[str], words: tuple[str, ...], other: str) -> str:
    """Return the first column with one of these words in its name."""
    for name in columns:
        if any(word in name.lower() for word in words):
            return name
    return other
