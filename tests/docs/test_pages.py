"""Documentation that cannot lag: each page holds what the code has, no more and no less."""

import re
from pathlib import Path

import pytest

from fhirhub.errors import Failure
from fhirhub.interactions.routes import ROUTES

pytestmark = pytest.mark.docs

PROJECT = Path(__file__).parents[2]
PAGES = sorted(
    [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *(PROJECT / "docs").rglob("*.md")], key=lambda page: str(page)
)


def test_errors_page_lists_every_failure_with_its_status_and_code() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (\d+) \| ([a-z-]+) \|", (PROJECT / "docs/errors.md").read_text(), re.M)
    assert rows == [(name, str(each.status), each.issue_code) for name, each in Failure.__members__.items()]


def test_interactions_page_lists_every_route_with_its_parameters() -> None:
    page = (PROJECT / "docs/interactions.md").read_text()
    rows = {cells[0]: cells[1:] for cells in re.findall(r"^\| `([a-z-]+)`[^|]* \| (.+?) \| (.*?) ?\|$", page, re.M)}
    assert set(rows) == {route.interaction for route in ROUTES}
    for route in ROUTES:
        request, parameters = rows[route.interaction]
        assert route.method in request
        assert "/".join(route.path) in request
        for name in route.parameters or ():
            assert f"`{name}`" in parameters or name == "_cursor", f"{route.interaction} does not tell of {name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_page_has_no_dead_link(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_page_is_reachable_from_the_readme(page: Path) -> None:
    seen: set[Path] = set()
    waiting = [PROJECT / "README.md"]
    while waiting:
        here = waiting.pop()
        if here in seen or not here.is_file():
            continue
        seen.add(here)
        if here.suffix == ".md":
            targets = re.findall(r"\]\(([^)#\s]+)", here.read_text())
            waiting += [(here.parent / target).resolve() for target in targets if "://" not in target]
    assert page.resolve() in {each.resolve() for each in seen}
