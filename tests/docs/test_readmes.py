"""README.md and README_zh.md say the same: the same headings, commands, figures and links."""

import re

from helpers.paths import ROOT

ENGLISH = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "README_zh.md").read_text(encoding="utf-8")


def commands(text: str) -> list[list[str]]:
    """Return the commands of each code block, without their comments."""
    blocks = re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [[line.partition("  #")[0].strip() for line in block.splitlines()] for block in blocks]


def test_both_readmes_have_the_same_outline() -> None:
    """As many headings of each level, in the same order; as many rows in each table; no more than
    about 60 lines."""
    for pattern in (r"^#+ ", r"^\|", r"^- \*\*"):
        english = re.findall(pattern, ENGLISH, re.MULTILINE)
        assert english == re.findall(pattern, CHINESE, re.MULTILINE)
    assert len(re.findall(r"^## ", ENGLISH, re.MULTILINE)) == 3
    assert max(ENGLISH.count("\n"), CHINESE.count("\n")) <= 70


def test_both_readmes_give_the_same_commands() -> None:
    assert commands(ENGLISH) == commands(CHINESE)
    assert sum(map(len, commands(ENGLISH))) > 10


def test_both_readmes_give_the_same_figures_and_links() -> None:
    """Every percentage with its interval, every inline command, every file that is linked."""
    for pattern in (r"[\d.]+ % \[[\d., ]+\]", r"`[^`\n]+`", r"\]\(([\w./-]+)\)"):
        english = re.findall(pattern, ENGLISH)
        assert english
        assert sorted({*english} - {"README_zh.md"}) == sorted(
            {*re.findall(pattern, CHINESE)} - {"README.md"}
        )


def test_links_of_all_documents_lead_somewhere() -> None:
    """Relative links of the Markdown files, to files and to headings."""
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md")]
    for document in documents:
        text = document.read_text(encoding="utf-8")
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(#[\w-]+)?\)", text):
            file = document.parent / target if target else document
            assert file.exists(), f"{document}: {target}"
            if anchor and file.suffix == ".md":
                headings = re.findall(r"^#+ (.*)", file.read_text(encoding="utf-8"), re.MULTILINE)
                anchors = {
                    re.sub(r"[^\w\- ]", "", head).lower().replace(" ", "-") for head in headings
                }
                assert anchor[1:] in anchors, f"{document}: {target}{anchor}"
