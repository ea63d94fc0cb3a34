"""Make the demo's raw tool-call data: twelve tools, two languages, two formats that people have.

    python datasets_custom/demo_tools/make.py runs/demo/raw [--train N] [--eval N] [--seed S]

writes `train_openai.jsonl` and `train_alpaca.jsonl` (training), `preference_openai.jsonl` (other
questions, each with a right and a wrong answer), `eval_openai.jsonl` (held out: no question of it
is in training). Kinds of rows: one call; two or three parallel calls; multi-step (the second call
needs the first result); and questions that none of the offered tools fits. Everything is drawn from
a seeded generator: same seed, same bytes.
"""

import argparse
import json
import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

Call = tuple[str, dict[str, Any]]
Turn = tuple[str, list[Call]]

LANGUAGES = {
    "English": "英语", "Chinese": "中文", "French": "法语", "German": "德语", "Japanese": "日语",
    "Spanish": "西班牙语",
}  # fmt: skip
# tool: its description and its parameters, which are all required
PARAMETERS: dict[str, tuple[str, list[str]]] = {
    "get_weather": ("Weather forecast", ["city", "date"]),
    "convert_units": ("Convert a quantity", ["value", "from_unit", "to_unit"]),
    "convert_currency": ("Convert money", ["amount", "from_currency", "to_currency"]),
    "search_web": ("Search the web", ["query"]),
    "create_event": ("Add to the calendar", ["title", "date", "time"]),
    "list_events": ("Read the calendar", ["date"]),
    "get_order": ("Status of an order", ["order_id"]),
    "cancel_order": ("Cancel an order", ["order_id", "reason"]),
    "set_alarm": ("Set an alarm", ["time"]),
    "translate": ("Translate a text", ["text", "language"]),
    "find_restaurant": ("Find a restaurant", ["city", "cuisine"]),
    "send_message": ("Send a message", ["to", "text"]),
}
# of the parameters that are more than a string
SCHEMAS: dict[str, dict[str, Any]] = {
    "value": {"type": "number"},
    "amount": {"type": "number"},
    "language": {"type": "string", "enum": list(LANGUAGES)},
}

POOLS: dict[str, dict[str, list[str]]] = {
    "en": {
        "city": (
            "Paris Rome Berlin Madrid Lisbon Vienna Prague Oslo Dublin Athens Cairo Lima Tokyo "
            "Delhi Boston Chicago Seattle Toronto Sydney Nairobi Helsinki Warsaw Zurich Milan "
            "Porto Kyoto Osaka Seoul Hanoi Jakarta"
        ).split(),
        "person": (
            "Anna Bob Carol David Emma Frank Grace Henry Iris Jack Karen Leo Maria Noah Olivia "
            "Paul Quinn Rosa"
        ).split(),
        "day": (
            "today|tomorrow|next Monday|next Tuesday|next Wednesday|next Thursday|next Friday|"
            "next Saturday|next Sunday"
        ).split("|"),
        "unit": (
            "kilometers miles meters feet kilograms pounds grams ounces liters gallons celsius "
            "fahrenheit"
        ).split(),
        "cuisine": (
            "Italian Chinese Indian Mexican Thai French Greek Korean Turkish Spanish"
        ).split(),
        "reason": (
            "wrong size|ordered twice|too late|found it cheaper|wrong color|no longer needed"
        ).split("|"),
        "adjective": (
            "best cheap new local famous easy healthy modern simple quiet fast old"
        ).split(),
        "noun": (
            "hotels books phones museums recipes trains laptops gardens songs schools bikes "
            "cameras parks shoes"
        ).split(),
        "activity": (
            "meeting lunch dinner dentist yoga training interview workshop call party"
        ).split(),
        "phrase": (
            "good morning|see you soon|I am late|thank you|happy birthday|the train is late"
        ).split("|"),
    },
    "zh": {
        "city": "北京 上海 广州 深圳 杭州 成都 武汉 南京 西安 重庆 天津 苏州 长沙 青岛 厦门 大连 昆明 郑州 巴黎 东京".split(),
        "person": "小李 小王 张伟 李娜 王芳 刘洋 陈静 老赵 小陈 周杰".split(),
        "day": "今天 明天 后天 下周一 下周二 下周三 下周四 下周五 周六 周日".split(),
        "unit": "公里 英里 米 英尺 公斤 磅 克 升 加仑".split(),
        "cuisine": "川菜 粤菜 湘菜 意大利菜 日本菜 韩国菜 泰国菜 法国菜".split(),
        "reason": "尺码不对 买重了 太慢了 价格太贵 颜色不对 不需要了".split(),
        "adjective": "最好的 便宜的 新款 本地 有名的 简单的 健康的 安静的".split(),
        "noun": "酒店 书 手机 博物馆 菜谱 火车 电脑 花园 歌曲 学校 相机 公园".split(),
        "activity": "会议 午饭 晚饭 牙医 瑜伽 培训 面试 聚会".split(),
        "phrase": "早上好 一会儿见 我迟到了 谢谢你 生日快乐 火车晚点了".split(),
    },
}
CURRENCIES = "USD EUR CNY JPY GBP CHF KRW INR".split()

QUESTIONS: dict[str, dict[str, list[str]]] = {
    "get_weather": {
        "en": [
            "What is the weather in {city} {date}?",
            "Will it rain in {city} {date}?",
            "Weather for {city}, {date}.",
        ],
        "zh": ["{city}{date}天气怎么样？", "{date}{city}会下雨吗？", "查一下{city}{date}的天气。"],
    },
    "convert_units": {
        "en": [
            "Convert {value} {from_unit} to {to_unit}.",
            "How many {to_unit} are {value} {from_unit}?",
        ],
        "zh": ["{value}{from_unit}是多少{to_unit}？", "把{value}{from_unit}换成{to_unit}。"],
    },
    "convert_currency": {
        "en": [
            "How much is {amount} {from_currency} in {to_currency}?",
            "Change {amount} {from_currency} into {to_currency}.",
        ],
        "zh": [
            "{amount} {from_currency} 等于多少 {to_currency}？",
            "把 {amount} {from_currency} 兑换成 {to_currency}。",
        ],
    },
    "search_web": {
        "en": ["Search the web for {query}.", "Look up {query} online."],
        "zh": ["上网搜索{query}。", "帮我搜一下{query}。"],
    },
    "create_event": {
        "en": [
            "Add {title} to my calendar {date} at {time}.",
            "Schedule {title} for {date}, {time}.",
        ],
        "zh": ["{date} {time} 安排{title}。", "在日历上加一个{title}，{date} {time}。"],
    },
    "list_events": {
        "en": ["What is on my calendar {date}?", "Show my events for {date}."],
        "zh": ["{date}我有什么安排？", "看看{date}的日程。"],
    },
    "get_order": {
        "en": ["Where is my order {order_id}?", "What is the status of order {order_id}?"],
        "zh": ["订单{order_id}到哪里了？", "查询订单{order_id}的状态。"],
    },
    "cancel_order": {
        "en": [
            "Cancel order {order_id}, {reason}.",
            "Please cancel my order {order_id}: {reason}.",
        ],
        "zh": ["取消订单{order_id}，{reason}。", "我要取消{order_id}，因为{reason}。"],
    },
    "set_alarm": {
        "en": ["Wake me up at {time}.", "Set an alarm for {time}."],
        "zh": ["{time}叫我起床。", "定一个{time}的闹钟。"],
    },
    "translate": {
        "en": ['Translate "{text}" into {language}.', 'How do you say "{text}" in {language}?'],
        "zh": ["把“{text}”翻译成{language}。", "“{text}”用{language}怎么说？"],
    },
    "find_restaurant": {
        "en": [
            "Find a {cuisine} restaurant in {city}.",
            "Where can I eat {cuisine} food in {city}?",
        ],
        "zh": ["在{city}找一家{cuisine}馆。", "{city}哪里有{cuisine}？"],
    },
    "send_message": {
        "en": ['Tell {to} "{text}".', 'Send {to} the message "{text}".'],
        "zh": ["告诉{to}“{text}”。", "给{to}发消息“{text}”。"],
    },
}
SMALL_TALK = {
    "en": [
        "Tell me a joke about {noun}.",
        "What do you think of {city}?",
        "Write a poem about {noun}.",
        "Do you like {noun}?",
    ],
    "zh": [
        "讲一个关于{noun}的笑话。",
        "你觉得{city}怎么样？",
        "写一首关于{noun}的诗。",
        "你喜欢{noun}吗？",
    ],
}
NO_TOOL = {"en": "I have no tool for that.", "zh": "没有合适的工具。"}
JOIN = {"en": " Also: ", "zh": "另外，"}


def schema(name: str) -> dict[str, Any]:
    """Return the tool as OpenAI writes it."""
    description, required = PARAMETERS[name]
    properties = {parameter: SCHEMAS.get(parameter, {"type": "string"}) for parameter in required}
    parameters = {"type": "object", "properties": properties, "required": required}
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


def draw_value(rng: random.Random, language: str, parameter: str) -> Any:
    """Return a value of a parameter, in the question's language."""
    pools = POOLS[language]
    match parameter:
        case "date":
            return draw_date(rng, language)
        case "time":
            return f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}"
        case "value":
            return rng.choice([rng.randint(2, 999), round(rng.uniform(1, 99), 1)])
        case "amount":
            return rng.choice([rng.randint(2, 9999), round(rng.uniform(1, 99), 2)])
        case "order_id":
            letter = rng.choice("ABCDEFGHKMPRSTX")
            return letter + "".join(rng.choices("0123456789", k=rng.randint(4, 6)))
        case "query":
            return draw_query(rng, language)
        case "title":
            activity, person = rng.choice(pools["activity"]), rng.choice(pools["person"])
            return f"{activity} with {person}" if language == "en" else f"和{person}的{activity}"
        case "text" if rng.random() >= 0.5:
            return draw_query(rng, language)
    choices = pools | {
        "text": pools["phrase"], "to": pools["person"], "from_unit": pools["unit"],
        "to_unit": pools["unit"], "from_currency": CURRENCIES, "to_currency": CURRENCIES,
        "language": list(LANGUAGES),
    }  # fmt: skip
    return rng.choice(choices[parameter])


def draw_date(rng: random.Random, language: str) -> str:
    if rng.random() < 0.5:
        return rng.choice(POOLS[language]["day"])
    year, month, day = rng.randint(2024, 2027), rng.randint(1, 12), rng.randint(1, 28)
    return f"{year}-{month:02}-{day:02}"


def draw_query(rng: random.Random, language: str) -> str:
    pools = POOLS[language]
    adjective, noun = rng.choice(pools["adjective"]), rng.choice(pools["noun"])
    city = rng.choice(pools["city"])
    return f"{adjective} {noun} in {city}" if language == "en" else f"{city}{adjective}{noun}"


def draw_arguments(rng: random.Random, language: str, name: str) -> dict[str, Any]:
    """Return arguments of a tool, no two the same: "10 meters to meters" is no question."""
    while True:
        arguments = {
            parameter: draw_value(rng, language, parameter) for parameter in PARAMETERS[name][1]
        }
        if len(set(map(str, arguments.values()))) == len(arguments):
            return arguments


def one_call(rng: random.Random, language: str, name: str) -> tuple[str, Call]:
    """Return a question and the call that answers it."""
    arguments = draw_arguments(rng, language, name)
    words = dict(arguments)
    if "language" in words and language == "zh":
        words["language"] = LANGUAGES[words["language"]]
    if language == "en" and "date" in words and words["date"][0].isdigit():
        words["date"] = f"on {words['date']}"
    return rng.choice(QUESTIONS[name][language]).format(**words), (name, arguments)


def single(rng: random.Random, language: str) -> list[Turn]:
    question, call = one_call(rng, language, rng.choice(list(PARAMETERS)))
    return [(question, [call])]


def parallel(rng: random.Random, language: str) -> list[Turn]:
    """Return two calls, sometimes three; of one tool or of several."""
    names = rng.choices(list(PARAMETERS), k=rng.choice([2, 2, 3]))
    if rng.random() < 0.5:
        names = [names[0]] * 2
    pairs = [one_call(rng, language, name) for name in names]
    question = JOIN[language].join(question for question, _ in pairs)
    return [(question, [call for _, call in pairs])]


def check_then_cancel(rng: random.Random, language: str) -> list[Turn]:
    order, reason = draw_value(rng, language, "order_id"), draw_value(rng, language, "reason")
    question = {
        "en": f"Check order {order} and cancel it if it is not shipped, {reason}.",
        "zh": f"先查订单{order}，没发货就取消，{reason}。",
    }[language]
    result = json.dumps({"status": "processing"})
    return [
        (question, [("get_order", {"order_id": order})]),
        (result, [("cancel_order", {"order_id": order, "reason": reason})]),
    ]


def find_then_tell(rng: random.Random, language: str) -> list[Turn]:
    city, cuisine, person = (draw_value(rng, language, key) for key in ("city", "cuisine", "to"))
    place = f"{rng.choice(POOLS[language]['person'])} {rng.randint(2, 99)}"
    question = {
        "en": f"Find a {cuisine} restaurant in {city} and send its name to {person}.",
        "zh": f"在{city}找一家{cuisine}馆，把名字发给{person}。",
    }[language]
    result = json.dumps({"name": place}, ensure_ascii=False)
    return [
        (question, [("find_restaurant", {"city": city, "cuisine": cuisine})]),
        (result, [("send_message", {"to": person, "text": place})]),
    ]


def price_then_convert(rng: random.Random, language: str) -> list[Turn]:
    order, amount = draw_value(rng, language, "order_id"), draw_value(rng, language, "amount")
    source, target = rng.sample(CURRENCIES, 2)
    question = {
        "en": f"What did order {order} cost in {target}?",
        "zh": f"订单{order}花了多少 {target}？",
    }[language]
    call = ("convert_currency", {"amount": amount, "from_currency": source, "to_currency": target})
    return [
        (question, [("get_order", {"order_id": order})]),
        (json.dumps({"price": amount, "currency": source}), [call]),
    ]


def multi_step(rng: random.Random, language: str) -> list[Turn]:
    return rng.choice([check_then_cancel, find_then_tell, price_then_convert])(rng, language)


def no_tool(rng: random.Random, language: str) -> list[Turn]:
    pools = POOLS[language]
    question = rng.choice(SMALL_TALK[language])
    words = {"noun": rng.choice(pools["noun"]), "city": rng.choice(pools["city"])}
    return [(question.format(**words), [])]


KINDS = {single: 47, parallel: 22, multi_step: 20, no_tool: 11}  # weights


def conversation(rng: random.Random) -> dict[str, Any]:
    """Return a conversation's language, kind, turns and offered tools (those it needs, others)."""
    language = rng.choice(["en", "zh"])
    kind = rng.choices(list(KINDS), weights=list(KINDS.values()))[0]
    turns = kind(rng, language)
    needed = list(dict.fromkeys(name for _, calls in turns for name, _ in calls))
    others = [name for name in PARAMETERS if name not in needed]
    # half of them are no small talk, but a question for a tool that is not on offer
    if kind is no_tool and rng.random() < 0.5:
        absent = others.pop(rng.randrange(len(others)))
        turns = [(one_call(rng, language, absent)[0], [])]
    offered = needed + rng.sample(others, k=max(1, rng.randint(2, 3) - len(needed)))
    rng.shuffle(offered)
    return {"language": language, "kind": kind.__name__, "turns": turns, "offered": offered}


def state_of(turns: list[Turn]) -> dict[str, dict[str, Any]]:
    """Return the state with which the functions of tools.py give the recorded results."""
    state: dict[str, dict[str, Any]] = {}
    for (_, calls), (result, _) in pairwise(turns):
        name, arguments = calls[0]
        if name == "get_order":
            state.setdefault("orders", {})[arguments["order_id"]] = json.loads(result)
        else:
            place = f"{arguments['city']}: {arguments['cuisine']}"
            state.setdefault("restaurants", {})[place] = json.loads(result)["name"]
    return state


def openai_row(talk: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the row as a log of the OpenAI API: arguments are JSON strings, results have ids."""
    turns = talk["turns"]
    messages: list[dict[str, Any]] = [{"role": "user", "content": turns[0][0]}]
    for step, (result, calls) in enumerate(turns):
        if step:
            identity = f"call_{step - 1}_0"
            messages.append({"role": "tool", "tool_call_id": identity, "content": result})
        messages.append(openai_answer(calls, talk["language"], step))
    return {
        "id": name,
        "category": talk["kind"],
        "state": json.dumps(state_of(turns), ensure_ascii=False),
        "tools": [schema(tool) for tool in talk["offered"]],
        "messages": messages,
    }


def openai_answer(calls: list[Call], language: str, step: int = 0) -> dict[str, Any]:
    if not calls:
        return {"role": "assistant", "content": NO_TOOL[language]}
    tool_calls = []
    for index, (name, arguments) in enumerate(calls):
        function = {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)}
        call = {"id": f"call_{step}_{index}", "type": "function", "function": function}
        tool_calls.append(call)
    return {"role": "assistant", "content": None, "tool_calls": tool_calls}


def alpaca_row(talk: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the row as instruction data holds it: the output is the call, written as JSON text."""
    question, calls = talk["turns"][0]
    output = NO_TOOL[talk["language"]]
    if calls:
        written: list[Any] = []
        for tool, arguments in calls:
            written.append({"tool_call": {"tool_name": tool, "parameters": arguments}})
        output = json.dumps(written[0] if len(written) == 1 else written, ensure_ascii=False)
    return {
        "id": name,
        "instruction": question,
        "input": "",
        "output": output,
        "tools": [schema(tool) for tool in talk["offered"]],
    }


def preference_row(rng: random.Random, talk: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a question with a right and a wrong answer, for OpenAI's preference fine-tuning."""
    question, calls = talk["turns"][0]
    wrong_calls = spoil(rng, talk, calls)
    tools = [schema(tool) for tool in talk["offered"]]
    return {
        "id": name,
        "category": talk["kind"],
        "input": {"messages": [{"role": "user", "content": question}], "tools": tools},
        "preferred_output": [openai_answer(calls, talk["language"])],
        "non_preferred_output": [openai_answer(wrong_calls, talk["language"])],
    }


def spoil(rng: random.Random, talk: dict[str, Any], calls: list[Call]) -> list[Call]:
    """Return the calls with one mistake: a call too few or many, another tool, parameter, value."""
    if not calls:
        return [with_another_tool(rng, talk, {})]
    index = rng.randrange(len(calls))
    name, arguments = calls[index]
    match rng.choice(["missing", "tool", "parameter", "value"]):
        case "missing":
            spoilt = []  # of one call, none is left
        case "tool":
            spoilt = [with_another_tool(rng, talk, arguments, name)]
        case "parameter":
            spoilt = [(name, with_another_parameter(rng, arguments))]
        case _:
            spoilt = [(name, with_another_value(rng, talk, arguments))]
    return calls[:index] + spoilt + calls[index + 1 :]


def with_another_parameter(rng: random.Random, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return one parameter under the name of another tool's."""
    old = rng.choice(list(arguments))
    names: set[str] = set()
    for _, parameters in PARAMETERS.values():
        names.update(parameters)
    new = rng.choice(sorted(names - arguments.keys()))
    return {new if name == old else name: value for name, value in arguments.items()}


def with_another_value(
    rng: random.Random, talk: dict[str, Any], arguments: dict[str, Any]
) -> dict[str, Any]:
    parameter = rng.choice(list(arguments))
    other = arguments[parameter]
    while other == arguments[parameter]:
        other = draw_value(rng, talk["language"], parameter)
    return arguments | {parameter: other}


def with_another_tool(
    rng: random.Random, talk: dict[str, Any], arguments: dict[str, Any], right: str = ""
) -> Call:
    """Return another tool that is on offer, with the right tool's values as far as they go."""
    name = rng.choice([tool for tool in talk["offered"] if tool != right])
    values = list(arguments.values())
    changed = {}
    for index, parameter in enumerate(PARAMETERS[name][1]):
        if index < len(values):
            changed[parameter] = values[index]
        else:
            changed[parameter] = draw_value(rng, talk["language"], parameter)
    return name, changed


def distinct(rng: random.Random, seen: set[str]) -> Iterator[dict[str, Any]]:
    """Yield conversations without end, no question twice; `seen` are the questions so far."""
    while True:
        talk = conversation(rng)
        question = talk["turns"][0][0]
        if question not in seen:
            seen.add(question)
            yield talk


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    path.write_text("".join(lines), encoding="utf-8")
    print(f"{path}: {len(rows)} rows")


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the demo's raw tool-call data.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--train", type=int, default=4000, help="training conversations")
    parser.add_argument(
        "--pairs", type=int, default=800, help="questions with a right and a wrong answer"
    )
    parser.add_argument("--eval", type=int, default=160, help="held-out conversations")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    talks = distinct(random.Random(options.seed), set())
    held_out = [openai_row(next(talks), f"eval-{index}") for index in range(options.eval)]
    training = [next(talks) for _ in range(options.train)]
    openai, alpaca = [], []
    for index, talk in enumerate(training):
        # Alpaca rows hold one turn: multi-step conversations, and two thirds of the rest, are
        # OpenAI rows.
        if len(talk["turns"]) == 1 and index % 3 == 0:
            alpaca.append(alpaca_row(talk, f"alpaca-{index}"))
        else:
            openai.append(openai_row(talk, f"openai-{index}"))
    write(options.folder / "eval_openai.jsonl", held_out)
    write(options.folder / "train_openai.jsonl", openai)
    write(options.folder / "train_alpaca.jsonl", alpaca)
    rng = random.Random(options.seed)
    pairs = [preference_row(rng, next(talks), f"pair-{index}") for index in range(options.pairs)]
    write(options.folder / "preference_openai.jsonl", pairs)


if __name__ == "__main__":
    main()
