"""A recipe's YAML and flags become the settings that swift would see."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.findings import Level
from swiftkit.recipe.arguments import looks_like_a_flag
from swiftkit.recipe.machine import Machine
from swiftkit.recipe.reading import read, read_flags, verb_of
from swiftkit.recipe.recipe import Recipe, RecipeFinding


def read_text(text: str, *flags: str, verb: str = "sft") -> tuple[Recipe, list[RecipeFinding]]:
    path = Path("recipe.yaml")
    path.write_text(text, encoding="utf-8")
    return read(path, flags, verb, {"HOME": "outside"}, Machine())


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_read_gives_settings_with_places() -> None:
    """Names are completed, flags win, a key that stands twice is known with both places."""
    text = "model: a\nmax_steps: 3\nmax_steps: 4\nENV: {HOME: inside, X: 1}\n"
    recipe, unreadable = read_text(text, "--learning_rat", "1", "--model", "b")
    assert not unreadable
    assert recipe.settings == {"model": ["b"], "max_steps": ["4"], "learning_rate": ["1"]}
    assert recipe.places["model"] == "--model"
    assert recipe.places["max_steps"] == "recipe.yaml:3"
    assert recipe.repeated == {"max_steps": "recipe.yaml:2"}
    assert recipe.environment == {"HOME": "outside", "X": "1"}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("[1, a b, null]", ["1", "a b", "None"]),
        ("{a: {b: [1]}}", ['{"a": {"b": [1]}}']),
        ("true", ["True"]),
        ("1.0e-6", ["1e-06"]),
        ("2026-01-01", ["2026-01-01"]),
    ],
)
def test_read_makes_the_words_that_swift_makes(value: str, words: list[str]) -> None:
    """As parse_yaml_args does: a list's items, a mapping as JSON, else the text of the value."""
    assert read_text(f"columns: {value}\n")[0].settings == {"columns": words}


@pytest.mark.parametrize("text", ["", "- a\n", "a: [\n", "just text", "a: \x00", "[" * 100_000])
def test_read_of_a_file_that_is_no_recipe_gives_one_finding(text: str) -> None:
    """Unreadable YAML and anything but a mapping fail in one line."""
    (finding,) = read_text(text)[1]
    assert finding.level is Level.FAIL
    assert "\n" not in str(finding)


def test_read_of_a_missing_file_names_it() -> None:
    """The recipe itself may be missing."""
    (finding,) = read(Path("none.yaml"), [], "", {}, Machine())[1]
    assert "none.yaml" in str(finding)


@pytest.mark.parametrize("values", ["[{0}]", "{{<<: [{0}]}}"])
def test_read_of_an_alias_bomb_is_harmless(values: str) -> None:
    """Ten lines that stand for billions of values are refused before anything is built."""
    lines = ["a0: &a0 {x: 1}"]
    for depth in range(1, 10):
        aliases = ", ".join([f"*a{depth - 1}"] * 9)
        lines.append(f"a{depth}: &a{depth} {values.format(aliases)}")
    (finding,) = read_text("\n".join(lines))[1]
    assert "aliases" in finding.message


def test_read_flags_takes_values_and_names_stray_words() -> None:
    """`--flag value value` and `--flag=value`; the last one wins."""
    words = "x --a 1 2 --b=3 --a 4 --long-name x --c".split()
    flags, stray = read_flags(words)
    assert flags == {"a": ["4"], "b": ["3"], "long_name": ["x"], "c": []}
    assert [finding.name for finding in stray] == ["x"]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=8), max_size=8))
def test_read_flags_of_any_words_never_raises(words: list[str]) -> None:
    """Every word is a flag, a value, or named as stray."""
    settings_read, stray = read_flags(words)
    flags = []
    for word in words:
        if word.startswith("--") and looks_like_a_flag(word.partition("=")[0]):
            flags.append(word)
    assert len(settings_read) <= len(flags)
    assert all(finding.name not in flags for finding in stray)


@pytest.mark.parametrize(
    ("flags", "verb"),
    [
        ("learning_rate dataset model", "sft"),
        ("rlhf_type model", "rlhf"),
        ("merge_lora adapters", "export"),
        ("port model", "deploy"),
        ("model result_path val_dataset", "infer"),
        ("tensor_model_parallel_size model", "megatron"),
        ("model multi_turn_scheduler gym_env host", "rollout"),
    ],
)
def test_verb_of_settings_is_the_one_that_knows_them(flags: str, verb: str) -> None:
    """Where neither a script nor --verb says it."""
    assert verb_of({flag: ["x"] for flag in flags.split()}) == verb


@pytest.mark.parametrize(
    ("line", "verb"),
    [
        ('launch --gpus 4 --deepspeed zero2 swift rlhf "$here/mine.yaml" "$@"', "rlhf"),
        ("# launch swift rlhf", "sft"),
        ('launch --gpus 8 megatron sft "$here/mine.yaml" "$@"', "sft"),
    ],
)
def test_verb_of_a_recipe_is_the_one_of_its_script(tmp_path: Path, line: str, verb: str) -> None:
    """NAME.sh lies beside NAME.yaml, or above it."""
    (tmp_path / "mine.sh").write_text(f"set -e\n{line}\n", encoding="utf-8")
    (tmp_path / "tiny").mkdir()
    flags = {"learning_rate": ["1"], "dataset": ["x"]}
    assert verb_of(flags, tmp_path / "mine.yaml") == verb
    assert verb_of(flags, tmp_path / "tiny/mine.yaml") == verb
