"""Finds the passages of the handbook that fit a question: BM25 over its sections, in plain Python."""

import math
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).with_name("documents")
SATURATION, LENGTH_WEIGHT = 1.2, 0.75  # k1 and b as Robertson and Zaragoza (2009) recommend
COMMON_WORDS = (
    "a an and are at be by do does for from how i in is it much must not of on or our the to we what when who"
)
COMMON = frozenset(COMMON_WORDS.split())


class Section(NamedTuple):
    """A heading with the text below it."""

    document: str
    heading: str
    text: str
    words: Counter[str]


def find(question: str, limit: int = 4) -> list[dict[str, str]]:
    """The best sections, best first, as `{document, heading, text}`; none if no word of the question
    occurs."""
    sections = read_sections(FOLDER)
    mean_length = sum(section.words.total() for section in sections) / len(sections)
    scores = [(score(section, set(words(question)), sections, mean_length), section) for section in sections]
    best = sorted(scores, key=lambda scored: (-scored[0], scored[1].document, scored[1].heading))
    return [
        {"document": section.document, "heading": section.heading, "text": section.text}
        for points, section in best[:limit]
        if points > 0
    ]


def score(section: Section, wanted: set[str], sections: tuple[Section, ...], mean_length: float) -> float:
    """BM25: a rare word counts more, a repeated word counts ever less, a long section counts less."""
    points = 0.0
    length = 1 - LENGTH_WEIGHT + LENGTH_WEIGHT * section.words.total() / mean_length
    for word in sorted(wanted):  # in order, so that the sum is the same in every process
        count = section.words[word]
        having = sum(1 for other in sections if word in other.words)
        rarity = math.log(1 + (len(sections) - having + 0.5) / (having + 0.5))
        points += rarity * count * (SATURATION + 1) / (count + SATURATION * length)
    return points


@cache
def read_sections(folder: Path) -> tuple[Section, ...]:
    """Every section of every document. A warm process reads them once; they change with the bundle alone."""
    found: list[Section] = []
    for path in sorted(folder.glob("*.md")):
        title = path.stem
        for part in re.split(r"^#+ ", path.read_text(encoding="utf-8"), flags=re.MULTILINE):
            heading, _, text = part.partition("\n")
            if text.strip():
                joined = " ".join(text.split())
                found.append(
                    Section(path.name, heading, joined, Counter(words(f"{title} {heading} {joined}")))
                )
    return tuple(found)


def words(text: str) -> list[str]:
    """Lower-case words without the commonest ones and without a plural's s."""
    found = re.findall(r"[a-z0-9]+", text.lower())
    return [re.sub(r"(?<=[a-z]{3})s$", "", word) for word in found if word not in COMMON]
