"""Keys and values of the sequences that are being written: a slot for each, in every layer."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

LENGTHS = 64
"""Room for positions grows in steps of it, by a half at least."""


@dataclass
class LayerCache:
    """One layer's keys and values, ``[slots, key_heads, positions, d]`` each."""

    keys: Tensor
    values: Tensor


class Cache:
    """The slots of all layers. They grow as they are needed, and go when nobody is left.

    Slots begin as zeros: attention multiplies what it must not see by zero, which only makes a zero
    of what is a number.
    """

    def __init__(self) -> None:
        self.slots = 0
        self.positions = 0
        self.layers: dict[nn.Module, LayerCache] = {}

    def make_room(self, slots: int, positions: int) -> None:
        """Has at least so many slots, of so many positions."""
        if slots > self.slots:
            self.slots = max(slots, self.slots * 3 // 2)
        if positions > self.positions:
            needed = max(positions, self.positions * 3 // 2)
            self.positions = -(-needed // LENGTHS) * LENGTHS

    def layer(self, module: nn.Module, key: Tensor, value: Tensor) -> LayerCache:
        """A layer's cache, with room for all.

        :param key: ``[1, key_heads, T, d]``, of which sizes and kind are taken; ``value`` likewise.
        """
        held = self.layers.get(module)
        if held is None or held.keys.shape[0] < self.slots or held.keys.shape[2] < self.positions:
            grown = LayerCache(self._empty(key), self._empty(value))
            if held is not None:
                _copy(held.keys, grown.keys)
                _copy(held.values, grown.values)
            self.layers[module] = held = grown
        return held

    def move(self, source: int, target: int, positions: int) -> None:
        """A sequence's first positions into another slot."""
        for held in self.layers.values():
            held.keys[target, :, :positions] = held.keys[source, :, :positions]
            held.values[target, :, :positions] = held.values[source, :, :positions]

    def clear(self) -> None:
        """Gives the memory back."""
        self.slots = self.positions = 0
        self.layers.clear()

    def _empty(self, like: Tensor) -> Tensor:
        _, heads, _, width = like.shape
        return like.new_zeros(self.slots, heads, self.positions, width)


def _copy(old: Tensor, new: Tensor) -> None:
    new[: old.shape[0], :, : old.shape[2]].copy_(old)
