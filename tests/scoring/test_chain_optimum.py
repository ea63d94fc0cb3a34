"""The score of a chain beside a brute force over all matchings, and its properties.

The brute force is written anew from the rules in scoring/score.py and scoring/chain.py. The suite
looks at a sample; SWIFTKIT_TEST_CHAINS=100000 is the long form.
"""

import json
import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from swiftkit.records import Score
from swiftkit.scoring import step_branches, step_matching
from swiftkit.scoring.assignment import Weights, unordered
from swiftkit.scoring.chain import chain_from, score_turns, steps_right
from swiftkit.toolcall.call import Parsed, ToolCall

Call = tuple[str, dict[str, Any]]
Groups = list[list[Call]]  # calls by turn, or expected calls by step

NAME, NAMES, VALUES = 0.2, 0.3, 0.5  # the weights of the parts
CHAINS = int(os.environ.get("SWIFTKIT_TEST_CHAINS", "1000"))


def score(turns: Groups, steps: Groups, scoring: str = "") -> Score:
    return score_turns(answers(turns), chain_from(gold(steps), scoring))


def answers(turns: Groups) -> list[Parsed]:
    return [Parsed([ToolCall(*call) for call in turn]) for turn in turns]


def gold(steps: Groups) -> str:
    listed = [[{"name": name, "arguments": made} for name, made in step] for step in steps]
    return json.dumps(listed)


def placed(groups: Groups) -> list[tuple[int, Call]]:
    """Return all calls with the number of their group."""
    return [(number, call) for number, group in enumerate(groups) for call in group]


def matchings(
    calls: list[tuple[int, Call]], expected: list[tuple[int, Call]]
) -> Iterator[list[tuple[int, int]]]:
    """Yield all one-to-one pairs of the same name in which no call answers an earlier step than a
    call of an earlier turn."""

    def further(i: int, taken: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
        if i == len(calls):
            yield taken
            return
        yield from further(i + 1, taken)
        turn, (name, _) = calls[i]
        for j, (step, (wanted, _)) in enumerate(expected):
            if name != wanted or any(j == other for _, other in taken):
                continue
            if any(calls[k][0] < turn and expected[other][0] > step for k, other in taken):
                continue
            yield from further(i + 1, [*taken, (i, j)])

    return further(0, [])


def value_of(
    pairs: list[tuple[int, int]], calls: list[tuple[int, Call]], expected: list[tuple[int, Call]]
) -> float:
    """Return what an answer is worth by this matching."""
    names = values = 0.0
    for i, j in pairs:
        made, wanted = calls[i][1][1], expected[j][1][1]
        size = len(made.keys() | wanted.keys())
        equal = [name for name in made if name in wanted and made[name] == wanted[name]]
        names += len(made.keys() & wanted.keys()) / size if size else 1
        values += len(equal) / size if size else 1
    union = len(calls) + len(expected) - len(pairs)
    total = (NAME * len(pairs) + NAMES * names + VALUES * values) / union
    return total * min(1, len(expected) / max(1, len(calls)))


def best_by_brute_force(turns: Groups, steps: Groups) -> tuple[float, int]:
    """Return the greatest value of all matchings, and the most calls that are right in order."""
    expected = placed(steps)
    calls = placed(turns)
    one_by_one = placed([[call] for _, call in calls])
    right = 0
    for pairs in matchings(one_by_one, expected):
        right = max(right, sum(calls[i][1] == expected[j][1] for i, j in pairs))
    value = max([value_of(pairs, calls, expected) for pairs in matchings(calls, expected)])
    if value > 1 - 1e-9 and right < len(expected):
        most = max(len(wanted) for _, (_, wanted) in expected)
        value = 1 - VALUES / (len(expected) * (most + 1))
    return value, right


def small_chain(draw: random.Random) -> tuple[Groups, Groups]:
    """Return turns and steps whose calls resemble each other."""
    pool: list[Call] = [
        (name, {key: draw.randrange(2) for key in draw.sample("pqr", draw.randrange(3))})
        for name in draw.choice(["f", "ff", "ffg"])
        for _ in range(2)
    ]
    steps = [draw.choices(pool, k=draw.choice([1, 1, 2, 3])) for _ in range(draw.choice([2, 2, 3]))]
    turns = [draw.sample(step, len(step)) for step in steps]
    for _ in range(draw.randrange(4)):
        turn = draw.choice(turns)
        fault = draw.randrange(5)
        if fault == 0:
            turn.insert(draw.randrange(len(turn) + 1), draw.choice(pool))
        elif fault == 1 and turn:
            turn[draw.randrange(len(turn))] = draw.choice(pool)
        elif fault == 2 and turn:
            turn.pop(draw.randrange(len(turn)))
        elif fault == 3:
            draw.shuffle(turns)
        else:
            start = draw.randrange(len(turns))
            turns[start : start + 2] = [[call for _, call in placed(turns[start : start + 2])]]
    return turns, steps


def equals_brute_force(turns: Groups, steps: Groups) -> bool:
    """Compare a score with the brute force; return whether it is exact."""
    made, expected = sizes(turns, steps)
    value, right = best_by_brute_force(turns, steps)
    found = score(turns, steps)
    assert found.value == pytest.approx(value, abs=1e-7), (turns, steps)
    assert found.counts == {"right": right, "total": max(made, expected)}, (turns, steps)
    assert found.exact is (right == made == expected)
    return found.exact


def sizes(turns: Groups, steps: Groups) -> tuple[int, int]:
    return len(placed(turns)), len(placed(steps))


@pytest.mark.parametrize("most", [step_matching._MOST_ENTRIES, 0], ids=["tables", "branches"])
def test_chain_score_equals_brute_force(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Value, exactness and number of right calls, of random chains; both ways to match them."""
    monkeypatch.setattr(step_matching, "_MOST_ENTRIES", most)
    draw = random.Random(most)  # noqa: S311
    looked_at = exact = 0
    while looked_at < CHAINS:
        turns, steps = small_chain(draw)
        made, expected = sizes(turns, steps)
        if not made or made > 6 or expected > 5:
            continue
        looked_at += 1
        exact += equals_brute_force(turns, steps)
    assert 0.1 < exact / looked_at < 0.6  # the chains are neither all right nor all wrong


@pytest.mark.parametrize("most", [step_matching._MOST_ENTRIES, 0], ids=["tables", "branches"])
def test_score_of_long_turns_equals_brute_force(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Of 5 to 7 calls: their order is as free as in a short turn."""
    monkeypatch.setattr(step_matching, "_MOST_ENTRIES", most)
    draw = random.Random(most)  # noqa: S311
    looked_at = 0
    while looked_at < CHAINS // 20:
        turns, steps = small_chain(draw)
        start = draw.randrange(len(turns))
        turns[start : start + 2] = [[call for _, call in placed(turns[start : start + 2])]]
        made, expected = sizes(turns, steps)
        if made > 7 or expected > 6 or max(len(turn) for turn in turns) < 5:
            continue
        looked_at += 1
        draw.shuffle(turns[start])
        equals_brute_force(turns, steps)


def test_ordered_score_equals_brute_force() -> None:
    """With the option `ordered` each expected call is a step, and each call a turn."""
    draw = random.Random(7)  # noqa: S311
    for _ in range(CHAINS // 4):
        turns, steps = small_chain(draw)
        made, expected = sizes(turns, steps)
        if not made or made > 6 or expected > 5:
            continue
        one_by_one = [[[call] for _, call in placed(groups)] for groups in (turns, steps)]
        value, right = best_by_brute_force(*one_by_one)
        found = score(turns, steps, '{"ordered": true}')
        assert (found.value, found.counts["right"]) == (pytest.approx(value, abs=1e-7), right)


arguments = st.dictionaries(st.sampled_from("pq"), st.integers(0, 1), max_size=2)
calls = st.tuples(st.sampled_from("fg"), arguments)
step_lists = st.lists(st.lists(calls, min_size=1, max_size=3), min_size=2, max_size=4)
turn_lists = st.lists(st.lists(calls, max_size=4), min_size=1, max_size=4)
JUNK: Call = ("no such tool", {"p": 1})
bounded = settings(max_examples=300, deadline=None)


@bounded
@given(turn_lists, step_lists, st.data())
def test_a_junk_call_strictly_lowers(turns: Groups, steps: Groups, data: st.DataObject) -> None:
    """In a turn of its own or beside other calls."""
    place = data.draw(st.integers(0, len(turns)))
    longer = [*turns[:place], [JUNK], *turns[place:]]
    before, after = score(turns, steps).value, score(longer, steps).value
    assert after < before or before == after == 0


@bounded
@given(turn_lists, step_lists, st.data(), st.sampled_from(["", '{"ordered": true}']))
def test_a_junk_parameter_never_raises(
    turns: Groups, steps: Groups, data: st.DataObject, scoring: str
) -> None:
    """Nor does a right value that is spoilt."""
    places = [(t, c) for t, turn in enumerate(turns) for c in range(len(turn))]
    assume(places)
    t, c = data.draw(st.sampled_from(places))
    name, made = turns[t][c]
    worse = dict(made) | {"junk": 1}
    if made and data.draw(st.booleans()):
        worse = made | {data.draw(st.sampled_from(sorted(made))): "wrong"}
    spoilt = [list(turn) for turn in turns]
    spoilt[t][c] = (name, worse)
    assert score(spoilt, steps, scoring).value <= score(turns, steps, scoring).value


@bounded
@given(
    st.lists(st.lists(st.sampled_from("fgh"), min_size=1, max_size=3), min_size=2, max_size=4),
    turn_lists,
    st.data(),
    st.sampled_from(["", '{"ordered": true}']),
)
def test_a_repair_never_lowers(
    names: list[list[str]], turns: Groups, data: st.DataObject, scoring: str
) -> None:
    """The arguments of a call become the right ones, at once or a value or parameter at a time."""
    right = {name: data.draw(arguments) for name in "fgh"}
    steps = [[(name, right[name]) for name in step] for step in names]
    places = [(t, c) for t, turn in enumerate(turns) for c in range(len(turn))]
    assume(places)
    t, c = data.draw(st.sampled_from(places))
    name, made = turns[t][c]
    repairs = [dict(right[name])]
    for key in sorted(made.keys() | right[name].keys()):
        repaired = {other: value for other, value in made.items() if other != key}
        if key in right[name]:
            repaired[key] = right[name][key]
        repairs.append(repaired)
    mended = [list(turn) for turn in turns]
    mended[t][c] = (name, data.draw(st.sampled_from(repairs)))
    assert score(mended, steps, scoring).value >= score(turns, steps, scoring).value


@bounded
@given(turn_lists, step_lists, st.data())
def test_the_order_inside_a_turn_is_of_no_account_for_the_credit(
    turns: Groups, steps: Groups, data: st.DataObject
) -> None:
    """Unless the one order is exact; then the other has one wrong value, or is exact too."""
    permuted = [data.draw(st.permutations(turn)) for turn in turns]
    one, other = score(turns, steps), score(permuted, steps)
    if one.exact == other.exact:
        assert (one.value, one.parts) == (pytest.approx(other.value), pytest.approx(other.parts))
    else:
        parameters = max(len(made) for _, (_, made) in placed(steps))
        least = 1 - VALUES / len(placed(steps)) / (1 + parameters)
        assert min(one.value, other.value) == pytest.approx(least)


@bounded
@given(step_lists, st.data())
def test_permutations_inside_a_free_turn_change_nothing(steps: Groups, data: st.DataObject) -> None:
    """The calls of a step in any order, whole or some of them, and spoilt."""
    turns = [data.draw(st.lists(st.sampled_from(step), max_size=4)) for step in steps]
    distinct = [list(step) for step in steps]
    for number, step in enumerate(distinct):  # each call belongs to one step alone
        distinct[number] = [(f"{name}{number}", made) for name, made in step]
        turns[number] = [(f"{name}{number}", made) for name, made in turns[number]]
    permuted = [data.draw(st.permutations(turn)) for turn in turns]
    one, other = score(turns, distinct), score(permuted, distinct)
    assert (one.value, one.exact, one.counts) == (other.value, other.exact, other.counts)
    assert one.parts == pytest.approx(other.parts)


@bounded
@given(turn_lists, step_lists)
def test_going_on_rightly_never_lowers(turns: Groups, steps: Groups) -> None:
    """After whatever was called before: the last step's own call, if it is missing."""
    last = steps[-1][-1]
    distinct = [*steps[:-1], [*steps[-1][:-1], ("last", last[1])]]
    before, after = score(turns, distinct), score([*turns, [("last", last[1])]], distinct)
    assert after.value >= before.value
    assert after.counts["right"] == before.counts["right"] + 1


@bounded
@given(
    st.lists(st.lists(calls, max_size=3), min_size=1, max_size=3),
    st.lists(st.lists(calls, min_size=1, max_size=2), min_size=2, max_size=3),
)
def test_a_right_call_for_what_was_open_never_lowers(turns: Groups, steps: Groups) -> None:
    """Behind all others, where a best matching left its expected call open and answered no later
    step."""
    made, expected = placed(turns), placed(steps)
    assume(len(made) <= 6)
    worth = [(value_of(pairs, made, expected), pairs) for pairs in matchings(made, expected)]
    best = max([value for value, _ in worth])
    before = score(turns, steps)
    for value, pairs in worth:
        if value < best - 1e-9:
            continue
        answered = [j for _, j in pairs]
        last = max([expected[j][0] for j in answered], default=0)
        for j, (step, call) in enumerate(expected):
            if j not in answered and step >= last:
                assert score([*turns, [call]], steps).value >= before.value


def test_a_right_call_after_a_wrong_one_for_the_same_may_lower() -> None:
    """The wrong one is then a call too many, in a chain as in a single answer: who guesses twice
    has less than who guesses once."""
    wrong, other, right = [("f", {"a": a, "b": b}) for a, b in ((2, 9), (0, 1), (2, 5))]
    steps = [[("g", {"a": 0})], [other, right]]
    assert score([[wrong], [other]], steps).value == pytest.approx(1.75 / 3)
    assert score([[wrong], [other], [right]], steps).value == pytest.approx(2 / 4)
    assert score(
        [[wrong], [other], [right]], [[call for _, call in placed(steps)]]
    ).value == pytest.approx(2 / 4)


@bounded
@given(step_lists, st.data())
def test_a_redundant_look_up_costs_what_any_call_too_many_costs(
    steps: Groups, data: st.DataObject
) -> None:
    """The same call once more, anywhere in a chain that is right: all else keeps its worth."""
    turns = [[call] for _, call in placed(steps)]
    place = data.draw(st.integers(0, len(turns)))
    again = data.draw(st.sampled_from(turns))
    longer = [*turns[:place], again, *turns[place:]]
    total = len(turns)
    found = score(longer, steps)
    assert found.value == pytest.approx((total / (total + 1)) ** 2)
    assert found.value == score([*turns[:place], [JUNK], *turns[place:]], steps).value
    assert found.counts == {"right": total, "total": total + 1}


@pytest.mark.parametrize("size", range(3, 12))
def test_the_order_of_a_turn_costs_one_wrong_value_whatever_its_size(size: int) -> None:
    """The first step's call in the second place, its own calls behind it; and a call missing, once
    more in a turn of its own, or with a wrong value."""
    first, *others = [(f"f{number}", {"x": 1, "y": 2}) for number in range(size)]
    steps = [[first], others]
    turn = [others[0], first, *others[1:]]
    assert score([turn], steps).value == pytest.approx(1 - VALUES / (3 * size))
    assert score([turn[:-1]], steps).value < score([turn], steps).value
    assert score([turn[:-1], turn[-1:]], steps).value == score([turn], steps).value
    turn[-1] = (turn[-1][0], {"x": 1, "y": 9})
    assert score([turn], steps).value == pytest.approx(1 - VALUES / (2 * size))


F, G, H = ("f", {"id": 1}), ("g", {"id": 1}), ("h", {"id": 1})


@pytest.mark.parametrize(
    ("turns", "exact", "right"),
    [
        ([[F, G, H]], True, 3),
        ([[F], [G, H]], True, 3),
        ([[G, F], [H]], False, 2),
        ([[H, G, F]], False, 1),
        ([[F, H], [G]], False, 2),
    ],
)
def test_what_must_run_in_order_is_wrong_in_another(turns: Groups, exact: bool, right: int) -> None:
    """Inside one turn too: its calls run one after the other."""
    found = score(turns, [[F], [G], [H]])
    assert (found.exact, found.counts["right"]) == (exact, right)
    assert (found.value == 1) is exact


@pytest.mark.parametrize(
    ("turns", "steps", "right"),
    [
        ([[F]], [[F, G], [F]], 1),  # the step that it makes whole
        ([[F]], [[F], [F, G]], 1),
        ([[G, F], [F]], [[F, G], [F]], 2),
        ([[F], [F, G]], [[F], [G], [F]], 2),
        ([[F, G]], [[F], [G], [H]], 2),
        ([[G, F]], [[F], [G], [H]], 1),
        ([[H], [F], [G]], [[F], [G], [H]], 2),
        ([[H]], [[F], [G], [H]], 1),
        ([], [[F], [G]], 0),
    ],
)
def test_steps_right_is_the_most_whole_steps_in_order(
    turns: Groups, steps: Groups, right: int
) -> None:
    """Whichever of the equal calls is taken for which step."""
    assert steps_right(answers(turns), chain_from(gold(steps))) == right


@pytest.mark.parametrize("steps", [[2] * 8, [6] * 3, [4] * 4, [10] * 2, [1] * 10], ids=str)
def test_many_calls_are_bounded(monkeypatch: pytest.MonkeyPatch, steps: list[int]) -> None:
    """Of one name, in turns of any size: few branches are looked at. Too many are not compared."""
    draw = random.Random(1)  # noqa: S311
    work = 0

    def counted(weights: Weights) -> list[tuple[int, int]]:
        nonlocal work
        work += len(weights) * len(weights[0]) * min(len(weights), len(weights[0]))
        return unordered(weights)

    monkeypatch.setattr(step_branches, "unordered", counted)
    right: Groups = [[] for _ in steps]
    for number, size in enumerate(steps):
        right[number] = [("f", {"a": number, "b": place}) for place in range(size)]
    pool = [call for _, call in placed(right)]
    for size in (1, 2, 3, 7, 25, 100):
        made = [draw.choices(pool, k=size) for _ in range(100 // size)]
        work = 0
        assert 0 < score(made, right).value < 0.1
        assert work < 20 * step_branches._MOST_WORK
    many = [[("f", {"a": 0, "b": 0})]] * 5000
    assert score(many, right).value == 0
    assert steps_right(answers(many), chain_from(gold(right))) == 0
