"""Examples of other domains, resampled by how like the target domain they are."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from tasktune.errors import UserError

BUCKETS = 10_000
WORD = re.compile(r"\w+|[^\w\s]")
Counts = NDArray[np.int64]


def most_alike(
    texts: Sequence[str],
    domains: Sequence[str],
    unlabelled: Sequence[str],
    target: str,
    keep: float,
    seed: int,
    key: str,
) -> NDArray[np.int64]:
    """Which examples to keep: all of the target domain, a share of the others'.

    Data Selection with Importance Resampling: two bags of hashed words and pairs of words are
    fitted, to the target's texts and to the others'; a text's importance is the ratio of its
    probabilities under them; and examples are drawn without replacement in proportion to it, by the
    Gumbel top-k trick. Xie et al. 2023, arXiv 2302.03169.

    :param texts: what each example says, ``[n]``.
    :param domains: each example's domain, ``[n]``.
    :param unlabelled: further texts of the target domain.
    :param keep: the share of other domains' examples to keep.
    :param key: the YAML key, for messages.
    :returns: indices of examples, ascending.
    :raises UserError: if there are no texts of the target domain.
    """
    foreign = np.array([domain != target for domain in domains])
    buckets = [features(text) for text in texts]
    wanted = [found for found, other in zip(buckets, foreign, strict=True) if not other]
    wanted += [features(text) for text in unlabelled]
    if not wanted:
        raise UserError(
            f"{key}: there are no texts of domain '{target}'; name some unlabelled ones"
        )
    others = [found for found, other in zip(buckets, foreign, strict=True) if other]
    if not others:
        return np.arange(len(texts))
    ratio = log_probabilities(wanted) - log_probabilities(others)
    scores = np.array([ratio[found].sum() for found in others])
    gumbel = np.random.default_rng([seed, 2302, 3169]).gumbel(size=len(others))
    count = max(round(keep * len(others)), 1)
    best = np.argsort(-(scores + gumbel), kind="stable")[:count]
    return np.sort(np.concatenate([np.flatnonzero(foreign)[best], np.flatnonzero(~foreign)]))


def features(text: str) -> Counts:
    """A text's words and pairs of neighbouring words, each hashed to one of the buckets."""
    words = WORD.findall(text.lower())
    pairs = [f"{first} {second}" for first, second in zip(words, words[1:], strict=False)]
    hashed = [zlib.crc32(feature.encode()) % BUCKETS for feature in (*words, *pairs)]
    return np.array(hashed, dtype=np.int64)


def log_probabilities(texts: Iterable[Counts]) -> NDArray[np.float64]:
    """The logarithm of each bucket's probability among ``texts``, ``[BUCKETS]``; none is 0."""
    counts = np.zeros(BUCKETS)
    for text in texts:
        np.add.at(counts, text, 1)
    return np.asarray(np.log(counts / counts.sum() + 1e-8))
