"""The pages people read name only what there is: files, commands, variables, decisions."""

import re
from collections.abc import Iterator
from dataclasses import fields
from itertools import chain
from pathlib import Path

import pytest

from tollgate.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers/tollgate/tollgate"
SOURCES = [ROOT / "local", ROOT / "scripts", ROOT / "bench", ROOT / "tests", PACKAGE]
PAGES = sorted(
    chain(ROOT.glob("*.md"), *(ROOT.joinpath(f).rglob("*.md") for f in ("docs", "local", "bench")))
)
SUFFIXES = r"(?:py|md|json|yaml|toml|txt|in|mk|csv)"
MADE_HERE = (".local/", ".venv", ".aws-sam/", "aws/lambda/", "poison/")
"""What a page may name although no checkout has it: it is made by what the page tells of."""

README_LINES = 90


def name(path: Path) -> str:
    """A page as people say it."""
    return str(path.relative_to(ROOT))


def code(text: str) -> list[str]:
    """Everything that is set as code."""
    return re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL)


def spans(text: str) -> list[str]:
    """What stands between single backticks, outside of blocks."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def anchors(page: Path) -> set[str]:
    """What a link may point to within a page, as GitHub names headings."""
    found = re.findall(r"^#+ +(.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def broken_links(page: Path) -> Iterator[str]:
    """Relative links that lead nowhere."""
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


def targets() -> set[str]:
    """What can be made."""
    files = [ROOT / "Makefile", *ROOT.glob("make/*.mk")]
    return {
        target
        for file in files
        for target in re.findall(r"^([a-z][a-z-]*):", file.read_text("utf-8"), re.MULTILINE)
    }


def is_there(path: str) -> bool:
    """Whether the repository has such a file or folder; `<name>` and `*` stand for any."""
    pattern = re.sub(r"<[^>]+>|…", "*", path).strip("/")
    if "/" not in pattern:
        return (
            any(list(folder.rglob(pattern)) for folder in SOURCES)
            or bool(list(ROOT.glob(pattern)))
            or bool(list(ROOT.glob(f"*/*/{pattern}")))
        )
    return any(list(folder.glob(pattern)) for folder in (ROOT, PACKAGE))


def named_paths(text: str) -> set[str]:
    """What looks like a path of the repository."""
    tops = {p.name for folder in (ROOT, PACKAGE) for p in folder.iterdir() if p.is_dir()}
    found = set()
    for span in spans(text):
        path = re.fullmatch(r"(?!/)[\w.*<>/…-]+", span)
        if path is None or span.startswith(MADE_HERE):
            continue
        begins = "/" in span and span.split("/")[0] in tops
        if begins or re.fullmatch(rf"[\w./*<>-]*\w\.{SUFFIXES}", span):
            found.add(span)
    return found


def variables(text: str) -> set[str]:
    """Environment variables of ours; those that end in `_` are beginnings."""
    return {v for v in re.findall(rf"\b{PREFIX}[A-Z_]+\b", text) if not v.endswith("_")}


def settings() -> set[str]:
    """What a deployed function can be told."""
    return {PREFIX + field.name.upper() for field in fields(Settings)}


def test_there_are_pages() -> None:
    assert {"README.md", "docs/api.md", "docs/architecture.md"} <= {name(page) for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    assert list(broken_links(page)) == []


def test_every_page_of_the_documentation_is_linked_from_another() -> None:
    texts = {page: page.read_text("utf-8") for page in PAGES}
    linked = {
        (page.parent / link).resolve()
        for page, text in texts.items()
        for link in re.findall(r"\]\(([^)#\s]+)", text)
        if not re.match(r"[a-z]+:", link)
    }
    lonely = [p for p in PAGES if p not in linked and p.parent not in linked]
    assert {name(page) for page in lonely} <= {"README.md", "local/replay/README.md"}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_of_make_can_be_made(page: Path) -> None:
    text = " ".join(code(page.read_text("utf-8")))
    assert set(re.findall(r"\bmake ([a-z][a-z-]*)", text)) <= targets()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_file_that_is_named_is_there(page: Path) -> None:
    named = named_paths(page.read_text("utf-8"))
    assert {path for path in named if not is_there(path)} == set()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_variable_that_is_named_is_read(page: Path) -> None:
    sources = (path for folder in SOURCES for path in folder.rglob("*.py"))
    read = {
        v for path in sources if path != Path(__file__) for v in variables(path.read_text("utf-8"))
    }
    assert variables(page.read_text("utf-8")) <= read | settings()


def test_every_setting_is_explained() -> None:
    assert settings() <= variables((ROOT / "docs/architecture.md").read_text("utf-8"))


def test_decisions_are_numbered_without_gaps_and_say_their_number() -> None:
    pages = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert [page.name[:4] for page in pages] == [f"{n:04d}" for n in range(1, len(pages) + 1)]
    titles = [page.read_text("utf-8").splitlines()[0] for page in pages]
    assert [title.split(".")[0] for title in titles] == [f"# {n + 1}" for n in range(len(pages))]


def test_the_readme_is_read_in_one_go() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= README_LINES
