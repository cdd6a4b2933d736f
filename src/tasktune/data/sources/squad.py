"""SQuAD's nested JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tasktune.data.sources.files import Place
from tasktune.data.sources.json_records import read_document
from tasktune.data.sources.row import Row
from tasktune.errors import UserError


def read_squad(place: Place) -> Iterator[Row]:
    """A row a question: ``id``, ``title``, ``context``, ``question`` and the list ``answers``.

    Answers that differ only in where they stand are one; a question to be predicted needs none.

    SQuAD, Rajpurkar et al. 2016, arXiv 1606.05250.

    :raises UserError: if the nesting is another.
    """
    document = read_document(place)
    try:
        questions = list(_questions(document))
    except (KeyError, TypeError):
        raise UserError(
            f"{place.key}: {place.shown} is not nested as SQuAD is (data, paragraphs, qas); a plain"
            " list of objects needs format: json"
        ) from None
    for number, values in enumerate(questions, start=1):
        yield Row(values, f"{place.shown} question {number}")


def _questions(document: Any) -> Iterator[dict[str, Any]]:
    for article in document["data"]:
        for paragraph in article["paragraphs"]:
            for question in paragraph["qas"]:
                yield {
                    "id": question["id"],
                    "title": article.get("title", ""),
                    "context": paragraph["context"],
                    "question": question["question"],
                    "answers": list(dict.fromkeys(a["text"] for a in question.get("answers", []))),
                }
