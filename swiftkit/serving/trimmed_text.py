"""A text in pieces, of which white space goes out only when more text follows it."""


class TrimmedText:
    """What has gone out of a text, and the white space that is held back behind it.

    skips_space: white space is dropped until the next text.
    """

    def __init__(self) -> None:
        self.skips_space = False
        self._pieces: list[str] = []
        self._space: list[str] = []

    def add(self, text: str) -> str:
        """Return what goes out, now that this text has come."""
        if self.skips_space:
            text = text.lstrip()
        words = text.rstrip()
        if not words:
            self._space.append(text)
            return ""
        self.skips_space = False
        self._pieces.append("".join((*self._space, words)))
        self._space = [text[len(words) :]]
        return self._pieces[-1]

    def add_as_it_stands(self, text: str) -> str:
        self._pieces.append(text)
        return text

    def begin_part(self, separator: str) -> None:
        """Go on with another text, behind the separator if there was any before."""
        self._space = [separator] if self._pieces else []
        self.skips_space = True

    def skip_markup(self) -> None:
        """Note that markup stands here: white space before the first text is no part of it."""
        if not self._pieces:
            self.begin_part("")

    def has_begun(self) -> bool:
        return bool(self._pieces)

    def sent(self) -> str:
        return "".join(self._pieces)

    def space(self) -> str:
        return "".join(self._space)
