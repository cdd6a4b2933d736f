"""The order in which a task's examples are drawn."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from tasktune.errors import UserError


class TaskOrder:
    """Draws a task's examples without replacement, an epoch at a time, as far as they are admitted.

    An epoch is a row of blocks. Its first block is a permutation of the examples that are admitted
    when it begins. When a block is used up, those that were admitted since make up the next one;
    when there are none, the epoch is over, and each admitted example was drawn once in it. So the
    place in an epoch is four numbers, however the admitted share grew.

    :param size: training examples of the task.
    :param seed: the run's and the task's numbers; they decide every permutation.
    :param easiest_first: the examples in the order that they are admitted in, ``[size]``; as they
        stand where absent.
    """

    def __init__(
        self, size: int, seed: tuple[int, ...], easiest_first: NDArray[np.int64] | None = None
    ) -> None:
        self.size = size
        self.seed = seed
        self.easiest_first = easiest_first
        self.epoch = 0
        self.start = self.end = 0  # of the block, among the examples as they are admitted
        self.position = 0  # in the block
        self._block: tuple[tuple[int, int, int], NDArray[np.int64]] | None = None

    def peek(self, admitted: int) -> int:
        """The next example, when the easiest ``admitted`` ones may be drawn."""
        if self.position == self.end - self.start or admitted < self.end:
            if admitted > self.end:
                self.start, self.end = self.end, admitted
            else:
                self.epoch, self.start, self.end = self.epoch + 1, 0, admitted
            self.position = 0
        return int(self._shuffled()[self.position])

    def advance(self) -> None:
        """Takes the example that ``peek`` showed."""
        self.position += 1

    def _shuffled(self) -> NDArray[np.int64]:
        key = (self.epoch, self.start, self.end)
        if self._block is None or self._block[0] != key:
            words = [*self.seed, self.epoch, *([self.start] if self.start else [])]
            block = np.random.default_rng(words).permutation(self.end - self.start) + self.start
            if self.easiest_first is not None:
                block = self.easiest_first[block]
            self._block = (key, block)
        return self._block[1]

    def state_dict(self) -> dict[str, int]:
        """The place in the epoch, and a checksum of the order of difficulty."""
        state = {name: getattr(self, name) for name in ("epoch", "start", "end", "position")}
        return state | {"checksum": self.checksum()}

    def load_state_dict(self, state: dict[str, int], name: str) -> None:
        """Goes on from ``state_dict``'s answer.

        :param name: the task's, for the message.
        :raises UserError: if the examples or their order of difficulty are others.
        """
        if state["checksum"] != self.checksum():
            raise UserError(
                f"tasks.{name}: the training examples, or their order of difficulty, are not those"
                " that the checkpoint was written with; resume with that run's data and curriculum"
            )
        self.epoch, self.start, self.end = state["epoch"], state["start"], state["end"]
        self.position = state["position"]

    def checksum(self) -> int:
        """Changes with the number of examples and their order of difficulty."""
        order = b"" if self.easiest_first is None else self.easiest_first.tobytes()
        return zlib.crc32(order, self.size)


def easiest_first(
    difficulty: NDArray[np.float64], seed: tuple[int, int], hard_first: bool = False
) -> NDArray[np.int64]:
    """Examples by difficulty, ``[n]``; equally hard ones in an order that the seed decides.

    :param difficulty: the larger the harder, ``[n]``.
    :param hard_first: turns the order around.
    """
    ties = np.random.default_rng([*seed, 0, 0, 1]).permutation(len(difficulty))
    return np.lexsort((ties, -difficulty if hard_first else difficulty)).astype(np.int64)
