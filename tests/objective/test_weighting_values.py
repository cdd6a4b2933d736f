"""Weightings against their papers' formulas and TorchJD's published values, through our classes."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from tasktune.errors import UserError
from tasktune.objective.weightings import StepTasks, Weighting, weightings
from tasktune.objective.weightings.coba import (
    absolute_score,
    balance,
    divergence_factor,
    relative_score,
)
from tasktune.objective.weightings.gradnorm import norm_targets
from tasktune.objective.weightings.guard import Guarded
from tasktune.objective.weightings.scalarized import ScalarizedWeighting

NAMES = ("a", "b", "c", "d")
JACOBIAN = torch.tensor([[-4.0, 1, 1], [6, 1, 1]], dtype=torch.float64)  # TorchJD's own example
REQUIRED: dict[str, dict[str, Any]] = {"fixed": {"weights": {"a": 2.0}}, "pcd": {"primary": "a"}}


def build(name: str, tasks: tuple[str, ...] = NAMES, **options: Any) -> Weighting:
    given = {**REQUIRED.get(name, {}), **options}
    return weightings.build(name, given, "weighting", {"tasks": tasks})


def scalarized(name: str, **options: Any) -> ScalarizedWeighting:
    weighting = build(name, **options)
    assert isinstance(weighting, ScalarizedWeighting)
    return weighting


def step(
    losses: list[float],
    number: int = 0,
    jacobian: Tensor | None = None,
    present: tuple[int, ...] | None = None,
) -> StepTasks:
    values = torch.tensor(losses, dtype=torch.float64)
    if jacobian is None:
        jacobian = torch.eye(len(losses), dtype=torch.float64)
    return StepTasks(
        number, present or tuple(range(len(losses))), values, torch.ones_like(values),
        jacobian @ jacobian.T, jacobian,
    )  # fmt: skip


def tensor(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def close(ours: Tensor, theirs: Tensor, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(ours.double(), theirs, atol=tolerance, rtol=tolerance)


PUBLISHED = {  # TorchJD 0.18, tests/unit/aggregation/test_values.py; sums are over both tasks
    "equal": ([1.0, 1, 1], 1),
    "mgda": ([0.0, 1, 1], 1),
    "pcgrad": ([0.5848, 3.8012, 3.8012], 2),
    "gradvac": ([0.5848, 3.8012, 3.8012], 2),
    "upgrad": ([0.2929, 1.9004, 1.9004], 1),
    "cagrad": ([0.1835, 1.2041, 1.2041], 1),
    "nash_mtl": ([0.0542, 0.7061, 0.7061], 1),
    "imtl_g": ([0.0767, 1, 1], 1),
    "aligned_mtl": ([0.2133, 0.9673, 0.9673], 1),
    "config": ([0.1588, 2.0706, 2.0706], 2),
    "dualproj": ([0.5563, 1.1109, 1.1109], 1),
    "fairgrad": ([0.0766, 0.9985, 0.9985], 1),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_aggregations(name: str) -> None:
    expected, divisor = PUBLISHED[name]
    weighting = build(name, ("a", "b"))
    taken = step([1.0, 1.0], jacobian=JACOBIAN)
    update = weighting.combine(taken)
    if update is None:
        update = weighting.weights(taken) @ JACOBIAN
    close(update, tensor(*expected) / divisor, 1e-3 if name == "mgda" else 1e-4)


def test_closed_forms_for_two_tasks() -> None:
    torch.manual_seed(0)
    for number in range(20):
        jacobian = torch.randn(2, 5, dtype=torch.float64)
        jacobian[1] -= 1.5 * jacobian[0]  # so that they conflict
        g11, g12, g22 = (float(jacobian[i] @ jacobian[j]) for i, j in ((0, 0), (0, 1), (1, 1)))
        taken = step([1.0, 1.0], number, jacobian)
        share = min(max((g22 - g12) / (g11 + g22 - 2 * g12), 0.0), 1.0)
        close(build("mgda", ("a", "b")).weights(taken), tensor(share, 1 - share), 1e-2)
        projected = tensor(1 - g12 / g11, 1 - g12 / g22) / 2
        close(build("pcgrad", ("a", "b")).weights(taken), projected)
        close(build("upgrad", ("a", "b")).weights(taken), projected, 5e-3)
        cosine = g12 / math.sqrt(g11 * g22)
        nash = tensor(1 / math.sqrt(g11), 1 / math.sqrt(g22)) / math.sqrt(1 + cosine)
        ours = build("nash_mtl", ("a", "b"), max_norm=0).weights(taken)
        close(ours, nash, 1e-4)
        impartial = build("imtl_g", ("a", "b")).weights(taken)
        close(impartial, nash / nash.sum(), 1e-4)


def test_dwa() -> None:
    for ratios, raw in (
        ([0.8, 1.0], [0.950042, 1.049958]),
        ([0.5, 0.9, 1.1], [0.840039, 1.026026, 1.133934]),
    ):
        weighting = scalarized("dwa", tasks=NAMES[: len(ratios)], window=1)
        weighting.weights(step([1.0] * len(ratios)))
        weighting.weights(step(ratios, 1))
        close(weighting.raw_weights(step([3.0] * len(ratios), 2)), tensor(*raw))
        close(weighting.weights(step([3.0] * len(ratios), 2)), tensor(*raw) / len(ratios))


def test_uncertainty_rests_at_the_inverse_loss() -> None:
    losses = [0.5, 2.0, 1.0]
    weighting = scalarized("uw", tasks=NAMES[:3], learning_rate=0.05)
    close(weighting.raw_weights(step(losses)), tensor(0.5, 0.5, 0.5))  # s begins at 0
    for number in range(600):
        weighting.weights(step(losses, number))
    close(weighting.raw_weights(step(losses)), tensor(1, 0.25, 0.5), 1e-3)


def test_impartial_losses_rest_at_one() -> None:
    losses = [0.5, 2.0, 1.0]
    weighting = scalarized("imtl_l", tasks=NAMES[:3], learning_rate=0.05)
    for number in range(600):
        weighting.weights(step(losses, number))
    close(weighting.raw_weights(step(losses)) * tensor(*losses), tensor(1, 1, 1), 1e-3)


def test_geometric_loss() -> None:
    raw = scalarized("gls", tasks=NAMES[:3]).raw_weights(step([0.5, 2.0, 1.0]))
    close(raw, tensor(0.666667, 0.166667, 0.333333))


def test_random_weights_are_equal_in_the_mean_and_the_steps_own() -> None:
    weighting = build("rlw", NAMES[:2])
    drawn = torch.stack([weighting.weights(step([1.0, 1.0], n)) for n in range(2000)])
    close(drawn.mean(dim=0), tensor(0.5, 0.5), 0.03)
    close(weighting.weights(step([1.0, 1.0], 7)), drawn[7], 1e-12)


def test_smooth_tchebycheff() -> None:
    """A task's share of the derivative by ``log L`` is its softmax of ``log(L / nadir) / mu``."""
    weighting = scalarized("stch", tasks=NAMES[:3], mu=0.5, window=1)
    weighting.weights(step([1.0, 1.0, 1.0]))  # the nadir
    losses = tensor(0.5, 2.0, 1.0)
    shares = weighting.raw_weights(step(losses.tolist(), 1)) * losses / 3
    close(shares, tensor(0.047619, 0.761905, 0.190476))
    near_maximum = scalarized("stch", tasks=NAMES[:3], mu=0.01, window=1)
    near_maximum.weights(step([1.0, 1.0, 1.0]))
    close(near_maximum.weights(step(losses.tolist(), 1)), tensor(0, 1, 0), 1e-6)


def test_famo_begins_at_the_inverse_and_follows_the_changes() -> None:
    weighting = build("famo", NAMES[:2])
    close(weighting.weights(step([1.0, 4.0])), tensor(0.8, 0.2), 1e-6)
    weighting.observe(step([0.5, 4.0]))  # the first fell: the second now gets more than before
    assert float(weighting.weights(step([1.0, 4.0], 1))[1]) > 0.2


def test_gradnorm() -> None:
    weights, norms = tensor(1, 1), tensor(2, 0.5)
    targets = norm_targets(weights, norms, tensor(0.8, 0.4), alpha=1.5)
    close(targets, tensor(1.924501, 0.680414))
    assert float((weights * norms - targets).abs().sum()) == pytest.approx(0.255913, abs=1e-5)
    weighting = build("gradnorm", NAMES[:2])
    jacobian = torch.diag(norms)
    weighting.weights(step([1.0, 1.0], 0, jacobian))
    moved = weighting.weights(step([0.8, 0.4], 1, jacobian))
    assert float(moved.sum()) == pytest.approx(1)
    assert float(moved[1]) > 0.5  # its weighted norm is below its target


def test_coba() -> None:
    close(relative_score(tensor(-0.1, -0.02, 0.01)), tensor(0.050011, 0.316840, 0.633149))
    history = torch.stack(
        [tensor(-0.2, -0.15, -0.12, -0.1), tensor(-0.05, -0.04, -0.03, -0.02),
         tensor(-0.01, 0, 0.005, 0.01)], dim=1)  # fmt: skip
    close(absolute_score(history), tensor(0.505589, 0.443810, 0.050601))
    assert float(divergence_factor(tensor(-0.1, -0.1, -0.1), 5.0)) == pytest.approx(1)
    turning = tensor(-0.01, -0.008, -0.004, 0.01)
    assert float(divergence_factor(turning, 5.0)) == pytest.approx(1.1e-5, rel=0.05)


def test_cobas_factor_is_clamped() -> None:
    """Unclamped, the factor reaches 3.66 and ``1 - DF`` goes negative, as in the released code."""
    for _ in range(200):
        worst = torch.randn(6, dtype=torch.float64) * 0.01
        assert 0 <= float(divergence_factor(worst, 5.0)) <= 1
    falling = tensor(0.01, 0.0, -0.01, -0.02)
    assert float(divergence_factor(falling, 5.0)) == 1
    assert bool((balance(torch.randn(6, 3, dtype=torch.float64), 5.0) >= 0).all())


@pytest.mark.parametrize("name", weightings.names())
def test_remembered_exactly(name: str) -> None:
    """A resumed method goes on as if nothing had happened, whichever tasks come and go."""
    generator = torch.Generator().manual_seed(3)

    def steps(first: int, count: int) -> list[StepTasks]:
        made = []
        for number in range(first, first + count):
            present = (0, 1, 2, 3) if number % 3 else (0, 2, 3)
            jacobian = torch.randn(len(present), 6, generator=generator, dtype=torch.float64)
            losses = (torch.rand(len(present), generator=generator) + 0.5).tolist()
            made.append(step(losses, number, jacobian, present))
        return made

    def take(weighting: Weighting, taken: list[StepTasks]) -> list[Tensor]:
        answers = []
        for one in taken:
            answers.append(weighting.weights(one))
            combined = weighting.combine(one)
            if combined is not None:
                answers.append(combined)
            weighting.observe(one)
        return answers

    options = {"coba": {"window": 1, "points": 2}, "dwa": {"window": 2}}.get(name, {})
    early, late = steps(0, 9), steps(9, 9)
    whole = build(name, **options)
    take(whole, early)
    state = json.loads(json.dumps(whole.state_dict()))
    resumed = build(name, **options)
    resumed.load_state_dict(state)
    for ours, theirs in zip(take(resumed, late), take(whole, late), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("name", weightings.names())
def test_one_task_alone(name: str) -> None:
    weighting = build(name, ("a",))
    taken = step([2.0], jacobian=tensor(3, 4).view(1, 2))
    assert weighting.weights(taken).tolist() == pytest.approx([1.0])
    combined = weighting.combine(taken)
    assert combined is None or combined.tolist() == [3, 4]


LOSS_METHODS = [n for n, c in weightings.items() if c.needs in ("nothing", "losses")]


@pytest.mark.parametrize("name", LOSS_METHODS)
def test_weights_of_losses_have_a_fixed_sum(name: str) -> None:
    weighting = build(name)
    for number in range(12):
        present = (1, 3) if number % 2 else (0, 1, 2, 3)
        losses = [0.1 + number + k for k in range(len(present))]
        weights = weighting.weights(step(losses, number, present=present))
        assert float(weights.sum()) == pytest.approx(1)
        assert bool((weights >= 0).all())


EQUIVARIANT = ("mgda", "imtl_g", "upgrad", "dualproj", "aligned_mtl", "cagrad", "fairgrad", "gls",
               "stch", "famo", "uw", "imtl_l", "gradnorm", "config", "trimmed_mean")  # fmt: skip


@pytest.mark.parametrize("name", EQUIVARIANT)
def test_tasks_in_another_order_get_the_same_weights(name: str) -> None:
    torch.manual_seed(4)
    jacobian = torch.randn(4, 6, dtype=torch.float64)
    losses = [0.5, 1.0, 2.0, 4.0]
    order = [2, 0, 3, 1]
    first, second = build(name), build(name)
    plain = step(losses, 0, jacobian)
    moved = step([losses[k] for k in order], 0, jacobian[order])
    if first.needs == "jacobian":
        ours, theirs = first.combine(moved), second.combine(plain)
        assert ours is not None and theirs is not None
        close(ours, theirs, 1e-6)
    else:
        close(first.weights(moved), second.weights(plain)[order], 2e-3)


@pytest.mark.filterwarnings("ignore:weighting")
@pytest.mark.parametrize("name", [n for n, c in weightings.items() if c.needs == "gramian"])
def test_a_gramian_that_is_not_finite_gives_equal_weights(name: str) -> None:
    jacobian = torch.full((2, 2), math.nan, dtype=torch.float64)
    try:
        weights = build(name, ("a", "b")).weights(step([1.0, 1.0], 0, jacobian))
    except Exception as error:
        pytest.fail(f"{name} raised {error!r}")
    assert weights.tolist() == pytest.approx([0.5, 0.5])


def test_preferences() -> None:
    close(build("gls", ("a", "b"), preferences={"b": 3.0}).weights(step([1.0, 1.0])),
          tensor(0.25, 0.75))  # fmt: skip
    apart = torch.eye(2, dtype=torch.float64)
    close(build("upgrad", ("a", "b"), preferences={"b": 3.0}).weights(step([1, 1], 0, apart)),
          tensor(0.25, 0.75), 1e-3)  # fmt: skip
    with pytest.raises(UserError, match="unknown task 'aa'; did you mean 'a'"):
        build("gls", ("a", "b"), preferences={"aa": 3.0})


def test_clocks_are_steps_and_refuse_to_do_nothing() -> None:
    assert build("dwa", window=10).check(100) is None
    assert "acts from step 20 of 30" in str(build("dwa", window=10).check(30))
    with pytest.raises(UserError, match="dwa first acts after 20 steps and the run has 20"):
        build("dwa", window=10).check(20)
    with pytest.raises(UserError, match="coba first acts after 25 steps"):
        build("coba").check(20)


def test_warm_up_and_floor() -> None:
    inner = build("gls", ("a", "b"))
    guarded = Guarded(inner, warmup=3, floor=0.5)
    assert guarded.weights(step([1.0, 9.0], 2)).tolist() == [0.5, 0.5]
    plain = inner.weights(step([1.0, 9.0], 3))
    close(guarded.weights(step([1.0, 9.0], 3)), 0.25 + plain / 2)
    with pytest.raises(UserError, match=r"weighting.floor"):
        Guarded(build("mgda"), warmup=0, floor=0.1)
    with pytest.raises(UserError, match=r"weighting.warmup: 9 steps"):
        Guarded(inner, warmup=9, floor=0).check(9)
