"""Make the demo's base model: a tiny Qwen3 or gpt-oss that can copy, but never saw a tool call.

    python recipes/tiny/make_base.py make qwen3|gpt_oss FOLDER
        FOLDER/random (random weights and the tokenizer), FOLDER/copying.jsonl, choosing.jsonl
    python recipes/tiny/make_base.py shrink CHECKPOINT OUT
        the trained model as bf16, without what only training needs

`make_base.sh` runs both, with the real `swift sft --tuner_type full` between them, and keeps the
result in recipes/tiny. It has one or two million parameters.

gpt_oss is not made from random weights but grafted from recipes/tiny/qwen3 (`make_gpt_oss`), then
trained in the same way. No text of Harmony can hold <|call|>, so the corpus repeats an ordinary
token <call> in its place, and `shrink` exchanges the two embeddings: LoRA could not bring up a
token that never was an answer.

What the corpus teaches: to find the fitting form among those in the system prompt, to copy values
out of the question (English, Chinese, digits, made-up words) and to write them as `name: value`
lines or as a JSON object. Its forms are made up: none of the demo's tools occurs, and no answer
holds a tool call. So what the demo's LoRA run adds is real.

A form is an OpenAI tool: {"type": "function", "function": {"name", "description", "parameters"}}.
`words` hold the words that a question may be made of: "en", "zh", and "markup".
"""

import json
import random
import re
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

Form = dict[str, Any]
Words = dict[str, list[str]]

VOCABULARY, WIDTH, LAYERS, HEADS = 2048, 128, 4, 4
# The special tokens of each family, in its order. Those without | are ordinary text to a template.
SPECIAL_TOKENS = {
    "qwen3": (
        "<|endoftext|> <|im_start|> <|im_end|> <|object_ref_start|> <|object_ref_end|> <|box_start|> <|box_end|> "
        "<|quad_start|> <|quad_end|> <|vision_start|> <|vision_end|> <|vision_pad|> <|image_pad|> <|video_pad|> "
        "<tool_call> </tool_call> <|fim_prefix|> <|fim_middle|> <|fim_suffix|> <|fim_pad|> <|repo_name|> <|file_sep|> "
        "<tool_response> </tool_response> <think> </think>"
    ).split(),
    "gpt_oss": (
        "<|startoftext|> <|endoftext|> <|return|> <|constrain|> <|channel|> <|start|> <|end|> <|message|> <|call|> <call>"
    ).split(),
}
# Which of Qwen3's tokens one of gpt-oss stands in for.
LIKE = {
    "<|start|>": "<|im_start|>", "<|message|>": "<|im_start|>", "<|channel|>": "<|im_start|>", "<|constrain|>": "<|im_start|>",
    "<|end|>": "<|im_end|>", "<|return|>": "<|im_end|>", "<|call|>": "<|im_end|>", "<call>": "<|im_end|>",
    "<|startoftext|>": "<|endoftext|>",
}  # fmt: skip
DATE = "2026-01-15"  # as make_base.sh and the demo have it in gpt-oss's system message
ENDS = {
    "qwen3": {"eos_token": "<|im_end|>"},
    "gpt_oss": {"eos_token": "<|return|>", "bos_token": "<|startoftext|>"},
}
# What a call is written with, which LoRA cannot bring up if it never was an answer: the `repeat`
# task holds it, without any meaning. <call> takes the place of <|call|>.
MARKUP = {
    "qwen3": [token for token in SPECIAL_TOKENS["qwen3"] if "|" not in token],
    "gpt_oss": "<call> <call> <call> functions.json commentary=analysis to=final assistant.to=commentary json functions".split(),
}
# A word has one token sequence wherever it stands (no token holds a space and a word), so that
# copying is the same act in prose and between JSON quotes. Chinese characters and digits stand
# alone for the same reason.
WORDS = r"\p{Han}|\d|[A-Za-z]+|[^\p{L}\d]+|\p{L}+"

NOUNS = (
    "hotel room car ticket song light door account bill photo file game table recipe letter garden doctor lesson "
    "flight train bus box phone number paper book film picture market bank river house street school team player "
    "color window report order event alarm message currency unit weather restaurant calendar language amount "
    "price status reason"
).split()
VERBS = (
    "book rent buy play turn open close pay print move start stop read write count check clean paint draw fix call"
).split()
ADJECTIVES = "red blue big small old new fast slow cold warm early late local public private simple happy quiet".split()
FIELDS = (
    "name place city date time day title text query value amount price number code id size color level reason "
    "language unit person to from kind owner street floor seat length weight speed year month target source note"
).split()
HAN = (
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多"
    "经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性"
    "知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次"
    "度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建"
)


def made_up_word(rng: random.Random) -> str:
    syllables = rng.choices(
        "ba ce di fo gu ka le mi no pu ra se ti vo xu za bren clor dast fint grop".split(),
        k=rng.randint(2, 3),
    )
    word = "".join(syllables)
    return word.capitalize() if rng.random() < 0.4 else word


def draw_value(rng: random.Random, words: Words) -> Any:
    """Draw a value: words, Chinese, a made-up word, a date, a time, a number, or a code."""
    digits = "0123456789"
    makers: list[Callable[[], Any]] = [
        lambda: " ".join(rng.choices(words["en"], k=rng.choice([1, 1, 2, 3, 4]))),
        lambda: "".join(rng.choices(words["zh"], k=rng.choice([1, 1, 2, 3]))),
        lambda: "".join(rng.choices(HAN, k=rng.randint(2, 5))),
        lambda: made_up_word(rng),
        lambda: f"{rng.randint(2020, 2030)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
        lambda: f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}",
        lambda: rng.randint(1, 9999),
        lambda: round(rng.uniform(1, 99), rng.randint(1, 2)),
        lambda: (
            rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZ")
            + "".join(rng.choices(digits, k=rng.randint(3, 6)))
        ),
    ]
    return rng.choices(makers, weights=[4, 3, 2, 1, 1, 1, 1, 1, 1])[0]()


def make_form(rng: random.Random) -> Form:
    name = f"{rng.choice(VERBS)}_{rng.choice([*NOUNS, made_up_word(rng).lower()])}"
    return form_of(name, rng.sample(FIELDS, k=rng.randint(1, 3)))


def form_of(name: str, fields: list[str]) -> Form:
    properties = {field: {"type": "string"} for field in fields}
    parameters = {"type": "object", "properties": properties, "required": fields}
    description = name.replace("_", " ").capitalize()
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


def name_of(form: Form) -> str:
    return str(form["function"]["name"])


def fields_of(form: Form) -> list[str]:
    return list(form["function"]["parameters"]["properties"])


def noun_of(form: Form) -> str:
    return name_of(form).split("_")[1]


def in_short(forms: list[Form]) -> str:
    """Return the forms as one line: Forms: name(field, field); name(field)"""
    return "Forms: " + "; ".join(f"{name_of(form)}({', '.join(fields_of(form))})" for form in forms)


QUESTIONS = {
    "en": [
        "{task}: {pairs}.",
        "Please {task}, {pairs}.",
        "{task} with {pairs}",
        "Can you {task} for {values}?",
        "{task} {values}.",
    ],
    "zh": [
        "{task}，{pairs}。",
        "请{task}：{pairs}。",
        "用{pairs}来{task}。",
        "{values}，{task}。",
        "{task}{values}。",
    ],
}


def draw_values(rng: random.Random, form: Form, words: Words) -> dict[str, Any]:
    return {field: draw_value(rng, words) for field in fields_of(form)}


def ask(rng: random.Random, form: Form, words: Words) -> tuple[str, dict[str, Any]]:
    """Return a question that fills the form, and the values in the form's order."""
    values = draw_values(rng, form, words)
    language = rng.choice(["en", "zh"])
    pairs = [f"{field} {value}" for field, value in values.items()]
    if rng.random() < 0.5:
        rng.shuffle(pairs)
    question = rng.choice(QUESTIONS[language]).format(
        task=name_of(form).replace("_", " "),
        pairs={"en": ", ", "zh": "，"}[language].join(pairs),
        values={"en": " ", "zh": "，"}[language].join(map(str, values.values())),
    )
    return question, values


def filled(form: Form, values: dict[str, Any]) -> str:
    """Return the form's name and a line `field: value` for each field."""
    return "\n".join([name_of(form), *(f"{field}: {value}" for field, value in values.items())])


# The tasks: each draws a question and its answer.


def fill_forms(rng: random.Random, forms: list[Form], words: Words) -> tuple[str, str]:
    """Draw one to three questions as one; the answer is the filled forms, one after the other."""
    questions, answers = [], []
    for _ in range(rng.choice([1, 1, 1, 1, 2, 2, 3])):
        form = rng.choice(forms)
        question, values = ask(rng, form, words)
        questions.append(question)
        answers.append(filled(form, values))
    return rng.choice([" Also: ", "另外，", " "]).join(questions), "\n\n".join(answers)


def write_json(rng: random.Random, forms: list[Form], words: Words) -> tuple[str, str]:
    question, values = ask(rng, rng.choice(forms), words)
    return f"{question} As JSON.", json.dumps(values, ensure_ascii=False)


def repeat(rng: random.Random, _: list[Form], words: Words) -> tuple[str, str]:
    """Copy; the markup of calls gets its place among the embeddings here, without any meaning."""
    pieces = [str(draw_value(rng, words)) for _ in range(rng.randint(1, 3))]
    pieces.insert(rng.randrange(len(pieces) + 1), rng.choice(words["markup"]))
    text = rng.choice([" ", "\n", ", "]).join(pieces)
    return f"Repeat: {text}", text


def list_fields(rng: random.Random, forms: list[Form], _: Words) -> tuple[str, str]:
    form = rng.choice(forms)
    return f"Which fields has {name_of(form)}?", ", ".join(fields_of(form))


COPYING = {fill_forms: 60, write_json: 20, repeat: 14, list_fields: 6}  # weights

# The second stage: words in two languages, so that a form is chosen by what is meant and not by the
# same letters.
CHINESE = dict(
    pair.split(":")
    for pair in (
        "hotel:酒店 room:房间 car:汽车 ticket:票 song:歌曲 light:灯 door:门 account:账户 bill:账单 photo:照片 file:文件 game:游戏 "
        "table:桌子 recipe:菜谱 letter:信 garden:花园 doctor:医生 lesson:课程 flight:航班 train:火车 bus:公交车 box:盒子 phone:电话 "
        "paper:纸 book:书 film:电影 picture:图片 market:市场 bank:银行 river:河 house:房子 street:街道 school:学校 team:球队 "
        "player:球员 color:颜色 window:窗户 report:报告 order:订单 event:活动 alarm:闹钟 message:消息 currency:货币 unit:单位 "
        "weather:天气 restaurant:餐馆 calendar:日历 language:语言 price:价格 "
        "rent:租 buy:买 play:播放 turn:转 open:打开 close:关闭 pay:支付 print:打印 move:移动 start:开始 stop:停止 read:读 "
        "write:写 count:数 check:检查 clean:清洁 paint:粉刷 draw:画 fix:修 call:呼叫"
    ).split()
)
REQUESTS = {
    "en": [
        "I want to {verb} a {noun}, {values}.",
        "{values}: what about the {noun}?",
        "Could you {verb} the {noun} {values}?",
        "About my {noun}: {values}.",
        "{verb} it, the {noun}, {values}!",
    ],
    "zh": [
        "我想{verb}{noun}，{values}。",
        "{values}的{noun}呢？",
        "帮我{verb}一下{noun}：{values}",
        "关于{noun}，{values}。",
        "{noun}{values}。",
    ],
}
NO_FORM = {"en": "No form fits.", "zh": "没有合适的表。"}


def request(rng: random.Random, language: str, form: Form, values: list[Any]) -> str:
    """Draw a question that means the form, in words of its own."""
    verb, noun = name_of(form).split("_")
    separator = " "
    if language == "zh":
        noun, separator = CHINESE[noun], rng.choice(["，", " ", "、"])
    listed = separator.join(map(str, values))
    return rng.choice(REQUESTS[language]).format(verb=verb, noun=noun, values=listed)


def choose_form(rng: random.Random, forms: list[Form], words: Words) -> tuple[str, str]:
    """Draw one to three requests, to fill forms or write records; or one that no form fits."""
    language = rng.choice(["en", "zh"])
    if rng.random() < 0.1:
        form = other_form(rng, forms, words)
        return request(rng, language, form, [draw_value(rng, words)]), NO_FORM[language]
    questions, answers, records = [], [], []
    for form in rng.choices(forms, k=rng.choice([1, 1, 1, 2, 3])):
        values = draw_values(rng, form, words)
        questions.append(request(rng, language, form, list(values.values())))
        answers.append(filled(form, values))
        record = {"form": name_of(form), "values": values}
        records.append(json.dumps(record, ensure_ascii=False))
    question = rng.choice([" Also: ", "另外，"]).join(questions)
    if rng.random() < 0.5:
        return question + {"en": " As records.", "zh": "写成记录。"}[language], "\n".join(records)
    return question, "\n\n".join(answers)


def other_form(rng: random.Random, forms: list[Form], words: Words) -> Form:
    """Draw a form that is about something else than these."""
    nouns = [noun_of(form) for form in forms]
    form = meaningful_form(rng, words)
    while noun_of(form) in nouns:
        form = meaningful_form(rng, words)
    return form


def meaningful_form(rng: random.Random, words: Words) -> Form:
    """Draw a form about a thing that has a Chinese word.

    All else in it is any word, so it must be looked up, not known.
    """
    single = [word.lower() for word in rng.choices(words["en"], k=8) if word.isalpha()]
    verb, *fields = dict.fromkeys([*single, rng.choice(VERBS), *rng.sample(FIELDS, k=4)])
    noun = rng.choice([noun for noun in NOUNS if noun in CHINESE])
    return form_of(f"{verb}_{noun}", fields[: rng.randint(1, 3)])


CHOOSING = {choose_form: 75, fill_forms: 9, write_json: 4, repeat: 12}


def corpus(rows: int, seed: int, words: Words, choosing: bool) -> Iterator[dict[str, Any]]:
    """Yield conversations of several questions on the same forms.

    So the forms are read once, and the copying is done often.
    """
    rng = random.Random(seed)
    tasks = CHOOSING if choosing else COPYING
    for _ in range(rows):
        count = rng.randint(1, 3)
        if choosing:
            drawn = [meaningful_form(rng, words) for _ in range(count)]
            forms = list({noun_of(form): form for form in drawn}.values())
        else:
            forms = [make_form(rng) for _ in range(count)]
        messages = []
        for _ in range(4 - len(forms)):
            task = rng.choices(list(tasks), weights=list(tasks.values()))[0]
            question, answer = task(rng, forms, words)
            messages += [
                {"role": "user", "content": question},
                {"role": "assistant", "content": answer},
            ]
        # As JSON Schema in the prompt's own form for tools, or in short: then most of the row is
        # copying.
        if rng.random() < (0.6 if choosing else 0.25):
            yield {"tools": json.dumps(forms, ensure_ascii=False), "messages": messages}
        else:
            yield {"messages": [{"role": "system", "content": in_short(forms)}, *messages]}


def train_tokenizer(texts: list[str], family: str) -> Any:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(WORDS), behavior="isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = SPECIAL_TOKENS[family]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(special), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    end = "<|endoftext|>"
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=end, **ENDS[family])
    fast.add_special_tokens(
        {"additional_special_tokens": [token for token in special if "|" in token]}
    )
    fast.add_tokens([token for token in special if "|" not in token])
    return fast


def make_qwen3(tokenizer: Any) -> Any:
    from torch.nn import init
    from transformers import Qwen3Config, Qwen3ForCausalLM

    config = Qwen3Config(
        **sizes(tokenizer),
        intermediate_size=3 * WIDTH,
        rope_theta=10000.0,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    model = Qwen3ForCausalLM(config)
    for layer in model.model.layers:
        # With unit gains, normed queries and keys of 32 numbers cannot single out one token of 300.
        init.constant_(layer.self_attn.q_norm.weight, 1.6)
        init.constant_(layer.self_attn.k_norm.weight, 1.6)
    return model


def make_gpt_oss(tokenizer: Any) -> Any:
    """Graft recipes/tiny/qwen3 onto a gpt-oss of nearly the same function.

    Without Qwen3's normed queries and keys a gpt-oss of this size had not begun to copy after 1,400
    steps. Grafted, it makes 82 % of the answers' tokens right in its first 100 steps, while it gets
    used to Harmony and to its attention.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer, GptOssConfig, GptOssForCausalLM

    config = GptOssConfig(
        **sizes(tokenizer),
        intermediate_size=3 * WIDTH,
        num_local_experts=3,
        num_experts_per_tok=2,
        # Published: 128; the tools of a question must stay in sight of all layers.
        sliding_window=1024,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        bos_token_id=tokenizer.bos_token_id,
        # As the published generation_config.json has them.
        eos_token_id=tokenizer.convert_tokens_to_ids(["<|return|>", "<|endoftext|>", "<|call|>"]),
    )
    model = GptOssForCausalLM(config)
    donor = AutoModelForCausalLM.from_pretrained(Path(__file__).parent / "qwen3")
    donor_tokenizer = AutoTokenizer.from_pretrained(Path(__file__).parent / "qwen3")
    graft_embeddings(donor, donor_tokenizer, model, tokenizer)
    lengths = mean_lengths(donor, donor_tokenizer)
    model.model.norm.load_state_dict(donor.model.norm.state_dict())
    for number, (old, new) in enumerate(zip(donor.model.layers, model.model.layers, strict=True)):
        for norm in ("input_layernorm", "post_attention_layernorm"):
            getattr(new, norm).load_state_dict(getattr(old, norm).state_dict())
        graft_attention(old.self_attn, new.self_attn, lengths[number])
        graft_experts(old.mlp, new.mlp.experts)
    return model


def graft_embeddings(donor: Any, donor_tokenizer: Any, model: Any, tokenizer: Any) -> None:
    """Give each token its vector of the donor's.

    One that the donor lacks gets the mean of its parts, a special one that of its LIKE.
    """
    import torch

    # Both are [tokens, width].
    old, new = donor.get_input_embeddings().weight.data, model.get_input_embeddings().weight.data
    known = donor_tokenizer.get_vocab()
    for token, identity in tokenizer.get_vocab().items():
        if token in known:
            new[identity] = old[known[token]]
            continue
        text = LIKE.get(token) or tokenizer.convert_tokens_to_string([token])
        parts = donor_tokenizer.encode(text, add_special_tokens=False)
        new[identity] = old[parts].mean(0) + 0.01 * torch.randn(WIDTH)


def mean_lengths(donor: Any, tokenizer: Any) -> list[dict[str, Any]]:
    """Measure the queries ("q") and keys ("k") of each layer before Qwen3 norms them.

    Returns a dict for each layer: the root mean square of each head over some text, [heads].
    """
    import torch

    lengths: list[dict[str, Any]] = [{} for _ in donor.model.layers]
    hooks = []
    for number, layer in enumerate(donor.model.layers):
        for name in "qk":

            def note(_: Any, inputs: Any, number: int = number, name: str = name) -> None:
                # [batch, tokens, heads, width of a head] -> [heads]
                lengths[number][name] = inputs[0].pow(2).mean(-1).sqrt().mean((0, 1))

            hooks.append(getattr(layer.self_attn, f"{name}_norm").register_forward_pre_hook(note))
    rows, _, _ = demo_data()
    text = " ".join(json.dumps(row, ensure_ascii=False) for row in rows[:20])
    with torch.no_grad():
        donor(input_ids=torch.tensor([tokenizer.encode(text)[:3000]]))
    for hook in hooks:
        hook.remove()
    return lengths


def graft_attention(old: Any, new: Any, lengths: dict[str, Any]) -> None:
    """Copy the projections, with queries and keys scaled as Qwen3's norm scales them on average.

    The sinks take next to nothing.
    """
    for name in "qkvo":
        weight = getattr(old, f"{name}_proj").weight.data
        if name in "qk":
            # [heads, width of a head, width]; the gain is for each number of a head.
            heads = weight.view(HEADS, -1, WIDTH)
            gain = getattr(old, f"{name}_norm").weight.data[None, :, None]
            weight = (heads * gain / lengths[name][:, None, None]).reshape(weight.shape)
        getattr(new, f"{name}_proj").weight.data.copy_(weight)
        getattr(new, f"{name}_proj").bias.data.zero_()
    new.sinks.data.fill_(-4)


def graft_experts(old: Any, new: Any) -> None:
    """Let each expert be the donor's whole layer, so that any choice of them is right.

    Noise lets them part in training. gpt-oss computes gate * sigmoid(1.702 gate) * (up + 1): with
    gate / 1.702, up - 1 and 1.702 down that is SwiGLU.
    """
    import torch

    alpha = 1.702
    new.gate_up_proj.data[:, :, ::2] = old.gate_proj.weight.data.T / alpha
    new.gate_up_proj.data[:, :, 1::2] = old.up_proj.weight.data.T
    new.down_proj.data[:] = old.down_proj.weight.data.T * alpha
    new.gate_up_proj_bias.data.zero_()
    new.gate_up_proj_bias.data[:, 1::2] = -1
    new.down_proj_bias.data.zero_()
    for weight in (new.gate_up_proj, new.down_proj):
        weight.data[1:] += 0.003 * torch.randn_like(weight.data[1:])


def sizes(tokenizer: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "head_dim": WIDTH // HEADS,
        "max_position_embeddings": 4096,
        # 1 / sqrt(width) is 0.09; the usual 0.02 is for models ten times as wide.
        "initializer_range": 0.06,
        "tie_word_embeddings": True,
        "pad_token_id": tokenizer.pad_token_id,
    }


def demo_data() -> tuple[list[dict[str, Any]], Words, list[str]]:
    """Return the demo's raw rows, its words, which the model is to copy, and its tools' names."""
    path = Path(__file__).parents[2] / "datasets_custom/demo_tools/make.py"
    make = SimpleNamespace(**runpy.run_path(str(path)))
    talks = make.distinct(random.Random(0), set())
    rows = [make.openai_row(next(talks), "") for _ in range(3000)]
    words = {
        language: sorted(set().union(*pools.values())) for language, pools in make.POOLS.items()
    }
    words["en"] += [*NOUNS, *ADJECTIVES, *FIELDS]
    return rows, words, list(make.PARAMETERS)


def all_words(texts: list[str], words: Words) -> Words:
    """Add each word and each Chinese character of the texts.

    A token that was never an answer can hardly become one.
    """
    text = " ".join(texts)
    english = sorted(set(re.findall(r"[A-Za-z]+", text)))
    chinese = sorted(set(re.findall(r"[\u4e00-\u9fff]", text)))
    return words | {"en": words["en"] + 2 * english, "zh": words["zh"] + 2 * chinese}


def make(family: str, out: str) -> None:
    import torch
    from swift.agent_template.hermes import HermesAgentTemplate

    folder = Path(out)
    rows, words, tools = demo_data()
    texts = [json.dumps(row, ensure_ascii=False).replace("\\", "") for row in rows]
    words["markup"] = MARKUP[family]
    folder.mkdir(parents=True, exist_ok=True)
    copying = write(folder / "copying.jsonl", corpus(64000, 1, words, choosing=False))
    # Any verb and any noun may make one of the demo's tools: those rows are left out.
    named = re.compile("|".join(map(re.escape, tools)))
    drawn = corpus(16100, 2, all_words(texts, words), choosing=True)
    write(folder / "choosing.jsonl", (row for row in drawn if not named.search(str(row))))
    if family == "gpt_oss":
        texts = []
        for row in [*rows, *map(json.loads, copying[:3000])]:
            texts += harmony_texts(row)
    else:
        # Every prompt with tools holds the preamble: it should cost few tokens.
        texts = [*texts, *copying[:3000], *[HermesAgentTemplate()._format_tools([])] * 300]
    tokenizer = train_tokenizer([*texts, *HAN * 20], family)
    torch.manual_seed(0)
    model = {"qwen3": make_qwen3, "gpt_oss": make_gpt_oss}[family](tokenizer)
    model.save_pretrained(folder / "random")
    tokenizer.save_pretrained(folder / "random")
    print(f"{folder}: {model.num_parameters():,} parameters, {len(tokenizer)} tokens")


def harmony_texts(row: dict[str, Any]) -> list[str]:
    """Return a row as gpt-oss reads it: the texts between the control tokens."""
    from swiftkit.toolcall.harmony.prompt import HarmonySettings, render

    messages, tools = row["messages"], row.get("tools") or []
    tools = json.loads(tools) if isinstance(tools, str) else tools
    system = messages[0]["content"] if messages[0]["role"] == "system" else ""
    turns = render(messages[bool(system) :], system, tools, HarmonySettings(DATE), complete=True)
    texts = []
    for turn in turns:
        texts += [piece.text for piece in (*turn.prompt, *turn.answer) if not piece.control]
    return texts


def write(path: Path, rows: Iterator[dict[str, Any]]) -> list[str]:
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return lines


def shrink(checkpoint: str, out: str) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.bfloat16)
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    if model.config.model_type == "gpt_oss":
        pair = tokenizer.convert_tokens_to_ids(["<call>", "<|call|>"])
        for embedding in (model.get_input_embeddings(), model.get_output_embeddings()):
            embedding.weight.data[pair] = embedding.weight.data[pair[::-1]]
            if model.config.tie_word_embeddings:
                break
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


if __name__ == "__main__":
    {"make": make, "shrink": shrink}[sys.argv[1]](*sys.argv[2:])
