"""Every relative link of every page leads somewhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

LINK = re.compile(r"\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"")
ELSEWHERE = re.compile(r"[a-z]+:")
FENCE = re.compile(r"^(`{3,})[^`\n]*\n.*?^\1\s*?$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def pages(root: Path) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=root, capture_output=True, text=True, check=True).stdout
    return [root / name for name in listed.splitlines()]


def anchors(page: Path) -> set[str]:
    """What GitHub makes of headings: lower case, no punctuation, dashes for spaces."""
    headings = HEADING.findall(page.read_text("utf-8"))
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


def dead(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    if not target.exists():
        return True
    return bool(anchor) and target.suffix == ".md" and anchor not in anchors(target)


def test_every_relative_link_leads_somewhere(root: Path) -> None:
    found = [
        (page, link)
        for page in pages(root)
        for link in map("".join, LINK.findall(FENCE.sub("", page.read_text("utf-8"))))
        if not ELSEWHERE.match(link)
    ]
    assert len(found) > 50
    assert [f"{page.relative_to(root)}: {link}" for page, link in found if dead(page, link)] == []
