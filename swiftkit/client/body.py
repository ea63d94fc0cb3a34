"""Read bodies of bounded size.

aiohttp unfolds compressed bodies piece by piece, so the bound holds for what they unfold to.
"""

import aiohttp

# of an answer, whole or streamed; 100,000 tokens that are streamed one by one have some 25 MB
MOST_BYTES = 1 << 25
_MOST_ERROR_BYTES = 1 << 16  # of a body that only says what is wrong


class TooLargeError(Exception):
    """An answer of more than MOST_BYTES."""

    def __init__(self) -> None:
        super().__init__(f"the answer has more than {MOST_BYTES:,} bytes, and was not read on")


async def read_body(content: aiohttp.StreamReader) -> bytes:
    """Return a whole body. Raises TooLargeError."""
    blocks, size = [], 0
    async for block in content.iter_any():
        blocks.append(block)
        size += len(block)
        if size > MOST_BYTES:
            raise TooLargeError
    return b"".join(blocks)


async def read_error(content: aiohttp.StreamReader) -> bytes:
    """Return the beginning of a body that says what is wrong."""
    blocks, size = [], 0
    async for block in content.iter_any():
        blocks.append(block)
        size += len(block)
        if size >= _MOST_ERROR_BYTES:
            break
    return b"".join(blocks)[:_MOST_ERROR_BYTES]
