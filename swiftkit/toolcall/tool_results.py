"""Results of tools and the calls they answer: ms-swift ties them by position, others by id."""

from typing import Any, TypeVar

from swiftkit.errors import DataError

T = TypeVar("T")


def in_call_order(results: list[tuple[Any, T]], call_ids: list[Any], where: str) -> list[T]:
    """Return the results in the order of their calls.

    results: (id of the call that it answers or None, result); call_ids: the calls' ids, in order.
    Where either side has no ids, the results are in order already. Raises DataError
    (bad_tool_call_id).
    """
    answered = [identity for identity, _ in results if identity is not None]
    if not answered or None in call_ids:
        return [result for _, result in results]
    is_complete = len(answered) == len(results)
    is_distinct = all(answered.count(identity) == 1 for identity in answered)
    is_known = all(identity in call_ids for identity in answered)
    if not (is_complete and is_distinct and is_known):
        reason = f"a result before {where} answers no call, or one twice: {answered}"
        fix = "give each result the id of one call just before it"
        raise DataError(reason, "bad_tool_call_id", fix)
    ordered = sorted(results, key=lambda result: call_ids.index(result[0]))
    return [result for _, result in ordered]
