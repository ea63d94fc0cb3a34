"""Results and the calls they answer. ms-swift ties them by position, and other formats by id."""

from typing import Any, TypeVar

from swiftkit.errors import DataError

T = TypeVar("T")


def in_call_order(results: list[tuple[Any, T]], ids: list[Any], where: str) -> list[T]:
    """The results, each given with the id of its call, in the order of the calls that have these
    ids.

    Where either side has no ids, they are in order already. Raises DataError (bad_tool_call_id).
    """
    named = [identity for identity, _ in results if identity is not None]
    if not named or None in ids:
        return [result for _, result in results]
    unknown = [identity for identity in named if identity not in ids]
    if (
        unknown
        or len(named) != len(results)
        or any(named.count(identity) > 1 for identity in named)
    ):
        fix = "give each result the id of one call just before it"
        raise DataError(
            f"a result before {where} answers no call, or one twice: {named}",
            "bad_tool_call_id",
            fix,
        )
    return [result for _, result in sorted(results, key=lambda result: ids.index(result[0]))]
