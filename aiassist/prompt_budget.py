"""How much a model is told: the most important first, and in words what there was no room for. Pure.

A token is taken for four bytes of UTF-8, an image for a fixed number of them: near enough for a limit of ours, and the
same for every provider.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from aiassist.question import Question

BYTES_A_TOKEN: Final = 4
IMAGE_TOKENS: Final = 1200
"""What a photograph of 2048 pixels costs at most with the providers we know."""

Render = Callable[[Question], str]

SECTIONS: Final = (
    ("diagrams", "pages of the technical drawing"),
    ("manuals", "excerpts of manuals"),
    ("past", "past repairs"),
    ("readings", "readings"),
    ("alerts", "alerts"),
)
"""What goes first comes first; within a section the last goes first. The words of the report and the failure modes
stay to the end."""

SHORTEST_DESCRIPTION: Final = 500


def tokens_of(text: str) -> int:
    return -(-len(text.encode("utf-8", "replace")) // BYTES_A_TOKEN)


def fitted(question: Question, *, limit: int, render: Render) -> Question:
    """The question as far as it fits into `limit` tokens with its photographs; `left_out` says what doesn't."""
    room = limit - IMAGE_TOKENS * question.image_count
    kept = question
    for kept in shortened(question):
        if tokens_of(render(kept)) <= room:
            break
    return kept


def has_room_for_image(question: Question, *, limit: int, render: Render) -> bool:
    return tokens_of(render(question)) + IMAGE_TOKENS * (question.image_count + 1) <= limit


def shortened(question: Question) -> Iterator[Question]:
    """The question, and then with less and less, down to the words of the report."""
    yield question
    said: tuple[str, ...] = ()
    for section, name in SECTIONS:
        whole = getattr(question, section)
        least = 1 if section == "alerts" and whole else 0
        for count in range(len(whole) - 1, least - 1, -1):
            note = f"{len(whole) - count} of {len(whole)} {name}"
            question = replace(question, **{section: whole[:count]}, left_out=(*said, note))
            yield question
        said = question.left_out
    bare = tuple(replace(mode, description="", causes=(), remedy="") for mode in question.modes)
    question = replace(question, modes=bare, left_out=(*said, "descriptions of the failure modes"))
    yield question
    said, words = (*question.left_out, "the end of the description"), question.description
    while len(words) > SHORTEST_DESCRIPTION:
        words = words[: max(SHORTEST_DESCRIPTION, len(words) * 3 // 4)]
        yield replace(question, description=words, left_out=said)
