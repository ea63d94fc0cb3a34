"""Pairs of swift rows of which it is known whether they are near duplicates, by kind.

Near duplicates teach the same: a word was changed, sentences were moved, the same calls are asked
for in nearly the same words. Rows of one template that ask for other calls are none, nor are other
texts on the same subject. All is drawn from one seed; no text comes from a data set.
"""

import json
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

Row = dict[str, Any]

WORDS = """
account address agreement airport amount answer apartment article balance bank battery bicycle
bill blanket board book bottle branch bread bridge budget building bus button calendar camera
card carpet case certificate chair change channel chapter charge city class clerk clock coat
code coffee colour column company computer concert contract copy corner cost country course
court cover credit customer cycle date deadline degree delivery department deposit desk device
dinner discount distance doctor document door drawer driver edge engine envelope evening event
exchange exercise factory farm fee fever field file filter fine fire flight floor flower folder
forest form frame fruit fuel garden gas gate glass goal grade grain grass ground group guest
guide hall harbour heater height hill hole holiday hospital hotel hour house hotline ice idea
image index insurance invoice iron island jacket journey judge juice key kitchen knife label
ladder lamp land language lawyer leaf lecture lens lesson letter level library licence light
limit line list loan lock machine mail manager map market match material meal measure medicine
meeting member menu message metal meter milk minute mirror model money month motor mountain
museum music name needle network newspaper night note notice number nurse office oil order oven
owner package page paint paper park part passenger passport path patient payment pencil people
permit phone photo piece pipe place plan plant plate platform pocket point police pool post pot
price printer prize problem product profit project queue question radio rail rain rate reason
receipt record refund rent repair report request reserve result return ring river road roof room
rope route rule sale salt sample school screen seat second section seed service sheet shelf ship
shirt shoe shop signal size skin sky soap song sound space speed spoon stage stamp station step
stone storm story street student sugar suit summary switch table tax teacher team ticket
timetable title tool tower town track trade train travel tree trip truck uniform unit update
user vacation valley value vegetable vehicle video village visit visitor voice wall warehouse
warranty water weather week wheel window winter wire wood work year zone""".split()
VERBS = """accepts adds agrees answers applies arrives asks begins belongs brings buys calls cancels
carries checks closes collects comes compares confirms contains continues counts delivers
describes ends explains fills finds follows gives grows helps holds keeps leaves loses makes
measures moves needs offers opens orders pays plans prints protects provides reaches reads
receives records remains repairs replaces reports returns saves sees sells sends shows starts
stays stops takes tests uses waits wants works""".split()
LITTLE = "the a this that every one in on at with for of from by to and but or when after".split()
HAN = list(
    "天地人水火山石田土木金日月星云雨风雪春夏秋冬东西南北上下左右前后大小多少高低长短新旧远近快慢"
    "买卖来去进出开关走跑看听说读写吃喝坐站学习工作生活朋友老师同学家里城市学校公司医院商店道路车站"
    "时间今天明年早晚电话手机电脑书本文章问题办法原因结果机会经验计划安排准备参加讨论决定帮助需要"
)


class Pair(NamedTuple):
    kind: str
    is_duplicate: bool
    one: Row
    other: Row


def make_pairs(each: int, seed: int = 0) -> list[Pair]:
    """Return `each` pairs of every kind."""
    random = Random(seed)
    pairs = []
    for is_duplicate, kinds in ((True, DUPLICATES), (False, DIFFERENT)):
        for kind, make in kinds.items():
            for _ in range(each):
                one, other = make(random)
                pairs.append(Pair(kind, is_duplicate, one, other))
    return pairs


def text(random: Random, size: int) -> list[str]:
    """Return words in sentences: nouns, verbs and little words, the little ones often."""
    words = []
    for place in range(size):
        if place % 4 == 2:
            words.append(random.choice(VERBS))
        elif random.random() < 0.4:
            words.append(random.choice(LITTLE))
        else:
            words.append(random.choice(WORDS))
    return words


def han(random: Random, size: int) -> str:
    return "".join(random.choices(HAN, k=size))


def town(random: Random) -> str:
    """Return a name that hardly two pairs share."""
    return "".join(
        random.choice("bdfgklmnprstv") + random.choice("aeiou") for _ in range(4)
    ).title()


def ask(question: str, answer: str) -> Row:
    return {"messages": [message("user", question), message("assistant", answer)]}


def message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def request(question: str, tool: str, **arguments: Any) -> Row:
    """Return a row that ends with a call."""
    called = json.dumps({"name": tool, "arguments": arguments}, ensure_ascii=False)
    return {"messages": [message("user", question), message("tool_call", called)]}


def one_word_of(size: int) -> Callable[[Random], tuple[Row, Row]]:
    """Return a maker of pairs of `size` words, answer included, of which one was changed."""

    def make(random: Random) -> tuple[Row, Row]:
        words = text(random, size)
        changed = list(words)
        place = random.randrange(size)
        changed[place] = random.choice([word for word in WORDS if word != words[place]])
        cut = size * 3 // 4
        return tuple(ask(" ".join(each[:cut]), " ".join(each[cut:])) for each in (words, changed))  # type: ignore[return-value]

    return make


def share_of_words(size: int, share: float) -> Callable[[Random], tuple[Row, Row]]:
    def make(random: Random) -> tuple[Row, Row]:
        words = text(random, size)
        changed = list(words)
        for place in random.sample(range(size), round(size * share)):
            changed[place] = random.choice(WORDS)
        cut = size // 2
        return tuple(ask(" ".join(each[:cut]), " ".join(each[cut:])) for each in (words, changed))  # type: ignore[return-value]

    return make


def one_han_word_of(size: int) -> Callable[[Random], tuple[Row, Row]]:
    def make(random: Random) -> tuple[Row, Row]:
        question, answer = han(random, size * 3 // 4), han(random, size - size * 3 // 4)
        place = random.randrange(len(question) - 1)
        changed = question[:place] + han(random, 2) + question[place + 2 :]
        return ask(question + "？", answer + "。"), ask(changed + "？", answer + "。")

    return make


def exact(random: Random) -> tuple[Row, Row]:
    row = ask(" ".join(text(random, 30)), " ".join(text(random, 30)))
    return row, row | {"tools": "[]"}


def other_case(random: Random) -> tuple[Row, Row]:
    question, answer = " ".join(text(random, 30)), " ".join(text(random, 30))
    return ask(question, answer), ask(question.upper() + "?!", f"“{answer}”.")


def moved_sentences(random: Random) -> tuple[Row, Row]:
    sentences = [" ".join(text(random, 12)) for _ in range(8)]
    moved = list(sentences)
    place = random.randrange(7)
    moved[place], moved[place + 1] = moved[place + 1], moved[place]
    return tuple(ask("Tell me all.", ". ".join(each)) for each in (sentences, moved))  # type: ignore[return-value]


def added_politeness(random: Random) -> tuple[Row, Row]:
    question, answer = " ".join(text(random, 20)), " ".join(text(random, 20))
    return ask(question, answer), ask(f"Please, {question}, thank you", answer)


def same_call_one_word(random: Random) -> tuple[Row, Row]:
    words = text(random, 30)
    changed = list(words)
    changed[random.randrange(30)] = random.choice(WORDS)
    city, days = town(random), random.randrange(2, 30)
    rows = []
    for each in (words, changed):
        rows.append(
            request(f"{' '.join(each)} in {city} {days} days", "plan", city=city, days=days)
        )
    return rows[0], rows[1]


def long_argument_one_word(random: Random) -> tuple[Row, Row]:
    words = text(random, 60)
    changed = list(words)
    changed[random.randrange(60)] = random.choice(WORDS)
    name = town(random)
    rows = [
        request(f"Write to {name}.", "mail", to=name, body=" ".join(w)) for w in (words, changed)
    ]
    return rows[0], rows[1]


def weather_template(random: Random) -> tuple[Row, Row]:
    rows = []
    for city in (town(random), town(random)):
        question = (
            f"Could you please tell me what the weather will be like in {city} tomorrow, and"
            " whether I need a coat?"
        )
        rows.append(request(question, "weather", city=city, day="tomorrow"))
    return rows[0], rows[1]


def long_template(random: Random) -> tuple[Row, Row]:
    """Sixty words that are the same, and another name and number in question and call."""
    frame = " ".join(text(random, 60))
    rows = []
    for name, amount in zip(
        (town(random), town(random)), random.sample(range(100, 999), 2), strict=True
    ):
        rows.append(request(f"{frame} for {name} with {amount}", "pay", name=name, amount=amount))
    return rows[0], rows[1]


def answered_template(random: Random) -> tuple[Row, Row]:
    """A whole exchange: question, call, result, answer; another order and amount."""
    rows = []
    frame = " ".join(text(random, 25))
    for order, price in zip(
        random.sample(range(1000, 9999), 2), random.sample(range(10, 99), 2), strict=True
    ):
        row = request(f"{frame}: what is the state of order {order}?", "order_state", order=order)
        row["messages"].append(
            message("tool_response", f'{{"order": {order}, "state": "sent", "price": {price}}}')
        )
        row["messages"].append(
            message(
                "assistant",
                f"Your order {order} over {price} euros was sent, and arrives in three days.",
            )
        )
        rows.append(row)
    return rows[0], rows[1]


def gold_template(random: Random) -> tuple[Row, Row]:
    rows = []
    for _ in range(2):
        base, height = random.randrange(1000), random.randrange(1000)
        question = (
            f"Find the area of a triangle with a base of {base} units and height of {height} units."
        )
        gold = json.dumps([{"name": "area", "arguments": {"base": base, "height": height}}])
        rows.append({"messages": [message("user", question)], "expected_calls": gold})
    return rows[0], rows[1]


def han_template(random: Random) -> tuple[Row, Row]:
    rows = []
    for city in (han(random, 2), han(random, 2)):
        question = f"你好，请帮我查一下{city}明天的天气怎么样，需不需要带雨伞，谢谢你。"
        rows.append(request(question, "查询天气", 城市=city))
    return rows[0], rows[1]


def classification(random: Random) -> tuple[Row, Row]:
    """A long instruction before an item of its own, with its own answer."""
    rule = (
        "Read the following review of a customer and say whether it is positive, negative or"
        " neutral. Answer with one word in lower case and nothing else."
    )
    rows = []
    for label in random.sample(["positive", "negative", "neutral"], 2):
        rows.append(ask(f"{rule}\n\n{' '.join(text(random, 18))}", label))
    return rows[0], rows[1]


def long_instruction(random: Random) -> tuple[Row, Row]:
    """A hundred words that are the same before ten of its own, and the same answer."""
    rule = " ".join(text(random, 100))
    rows = [ask(f"{rule}\n\n{' '.join(text(random, 10))}", "positive") for _ in range(2)]
    return rows[0], rows[1]


def spoken_template(random: Random) -> tuple[Row, Row]:
    """No call: another town in the question and in the answer."""
    rows = []
    for city in (town(random), town(random)):
        question = f"Which bus do I take from the harbour to {city}, and where do I buy a ticket?"
        answer = (
            f"The bus to {city} leaves at the harbour every hour; the driver sells the tickets."
        )
        rows.append(ask(question, answer))
    return rows[0], rows[1]


def sums(random: Random) -> tuple[Row, Row]:
    rows = []
    for name in (town(random), town(random)):
        first, second = random.randrange(2, 90), random.randrange(2, 90)
        question = (
            f"{name} has {first} apples and buys {second} more at the market. How many apples does"
            f" {name} have now?"
        )
        rows.append(ask(question, f"{name} has {first} + {second} = {first + second} apples."))
    return rows[0], rows[1]


def other_answer(random: Random) -> tuple[Row, Row]:
    question = " ".join(text(random, 30))
    return ask(question, " ".join(text(random, 40))), ask(question, " ".join(text(random, 40)))


def longer_conversation(random: Random) -> tuple[Row, Row]:
    """The second goes on where the first ends, by as much again."""
    one = ask(" ".join(text(random, 30)), " ".join(text(random, 30)))
    more = ask(" ".join(text(random, 30)), " ".join(text(random, 30)))
    return one, {"messages": one["messages"] + more["messages"]}


def same_subject(random: Random) -> tuple[Row, Row]:
    """Two texts of the same sixty words in other orders."""
    words = text(random, 60)
    rows = []
    for _ in range(2):
        random.shuffle(words)
        rows.append(ask(" ".join(words[:20]), " ".join(words[20:])))
    return rows[0], rows[1]


def other_han(random: Random) -> tuple[Row, Row]:
    return ask(han(random, 40), han(random, 40)), ask(han(random, 40), han(random, 40))


DUPLICATES: dict[str, Callable[[Random], tuple[Row, Row]]] = {
    "the same conversation": exact,
    "other case and punctuation": other_case,
    "one word of 20": one_word_of(20),
    "one word of 25": one_word_of(25),
    "one word of 40": one_word_of(40),
    "one word of 80": one_word_of(80),
    "one word of 160": one_word_of(160),
    "3 % of 600 words": share_of_words(600, 0.03),
    "two sentences of eight swapped": moved_sentences,
    "three words added to 40": added_politeness,
    "the same call, one word of 34": same_call_one_word,
    "one word of 60 in a call's text": long_argument_one_word,
    "one word of 40 characters": one_han_word_of(40),
    "one word of 120 characters": one_han_word_of(120),
}
DIFFERENT: dict[str, Callable[[Random], tuple[Row, Row]]] = {
    "template, another city called": weather_template,
    "template of 60 words, others called": long_template,
    "template, call, result and answer": answered_template,
    "template, another gold": gold_template,
    "Chinese template, another city called": han_template,
    "instruction, another item and label": classification,
    "instruction of 100 words, another item": long_instruction,
    "question and answer on another city": spoken_template,
    "sum with other numbers": sums,
    "the same question, another answer": other_answer,
    "a conversation that goes on": longer_conversation,
    "the same words in another order": same_subject,
    "other Chinese text": other_han,
    "20 % of 160 words": share_of_words(160, 0.2),
}
