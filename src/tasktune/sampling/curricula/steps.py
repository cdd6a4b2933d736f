"""At the steps that you say."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import Annotated

from pydantic import Field

from tasktune.errors import UserError
from tasktune.sampling.curricula.base import Curriculum, curricula


@curricula.register("steps")
class Steps(Curriculum):
    """Admits the share that you give for each step: ``{0: 0.25, 100: 0.5, 200: 1}``.

    Bengio et al. 2009 (ICML), whose curriculum widens once.

    :param shares: step to the share from then on; step 0 must be there, and shares never fall.
    """

    paper = "doi 10.1145/1553374.1553380"

    def __init__(
        self,
        shares: dict[
            Annotated[int, Field(ge=0)],
            Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)],
        ],
    ) -> None:
        self.shares = dict(sorted(shares.items()))
        self._starts = list(self.shares)
        if not self.shares.get(0):
            raise UserError(
                "curriculum.shares: nothing is admitted at step 0; give step 0 a share above 0"
            )
        for (step, share), (later, smaller) in pairwise(self.shares.items()):
            if smaller < share:
                raise UserError(
                    f"curriculum.shares: the share falls from {share:g} at step {step} to"
                    f" {smaller:g} at step {later}; what was admitted stays admitted"
                )

    def share(self, step: int) -> float:
        return self.shares[self._starts[bisect_right(self._starts, step) - 1]]
