"""How weightings move on the two-task landscape of CAGrad, Nash-MTL and FAMO; draws a picture.

Two losses of a point in the plane, with a valley each and a steep wall between; the Pareto front is
a line at y = -8.4. The mean of the gradients gets stuck on the wall from some starts. All starts of
a method move at once; each step's weights come from the same classes that train models. Landscape:
Liu et al. 2021, arXiv 2110.14048; with the first loss scaled by 0.1, Navon et al. 2022, arXiv
2202.01017 and Liu et al. 2023, arXiv 2306.03792.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tasktune.objective.weightings import StepTasks, Weighting, weightings

PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "toy_landscape.svg"
STARTS = ((-8.5, 7.5), (0.0, 0.0), (9.0, 9.0), (-7.5, -0.5), (9.0, -1.0))
LOWER_BOUNDS = torch.tensor([-2.1, -21.0], dtype=torch.float64)
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "equal": ("equal", {}),
    "pcgrad": ("pcgrad", {}),
    "imtl_g": ("imtl_g", {}),
    "famo": ("famo", {}),
    "famo, gamma 1e-3": ("famo", {"gamma": 1e-3}),
}
COLOURS = ("#777777", "#0072b2", "#009e73", "#d55e00", "#cc79a7")


def losses(points: Tensor, first: float = 0.1) -> Tensor:
    """Both losses at each point: ``[S, 2]`` to ``[S, 2]``.

    :param first: the factor of the first loss; 1 is CAGrad's setting.
    """
    x, y = points[:, 0], points[:, 1]
    wall_1 = torch.log((0.5 * (-x - 7) - torch.tanh(-y)).abs().clamp_min(5e-6)) + 6
    wall_2 = torch.log((0.5 * (-x + 3) + torch.tanh(-y) + 2).abs().clamp_min(5e-6)) + 6
    valley_1 = ((7 - x) ** 2 + 0.1 * (y + 8) ** 2) / 10 - 20
    valley_2 = ((x + 7) ** 2 + 0.1 * (y + 8) ** 2) / 10 - 20
    above, below = torch.tanh(y / 2).clamp_min(0), torch.tanh(-y / 2).clamp_min(0)
    values = torch.stack(
        [wall_1 * above + valley_1 * below, wall_2 * above + valley_2 * below], dim=1
    )
    return values * torch.tensor([first, 1.0], dtype=points.dtype)


def gradients(points: Tensor) -> tuple[Tensor, Tensor]:
    """Losses ``[S, 2]`` and their gradients ``[S, 2 tasks, 2]``."""
    moving = points.detach().requires_grad_()
    values = losses(moving)
    rows = [torch.autograd.grad(values[:, k].sum(), moving, retain_graph=k == 0)[0] for k in (0, 1)]
    return values.detach(), torch.stack(rows, dim=1)


def descend(
    method: str, steps: int, rate: float, starts: tuple[tuple[float, float], ...] = STARTS
) -> Tensor:
    """The paths from all starts: ``[steps / 50 + 1, S, 2]``; Adam, as the papers do."""
    name, options = METHODS[method]
    points = torch.tensor(starts, dtype=torch.float64)
    fresh = {"tasks": ("first", "second")}
    each = [weightings.build(name, options, "weighting", fresh) for _ in starts]
    first, second = torch.zeros_like(points), torch.zeros_like(points)
    path = [points]
    for step in range(steps):
        values, rows = gradients(points)
        chosen = [weigh(w, step, v, r) for w, v, r in zip(each, values, rows, strict=True)]
        update = (torch.stack(chosen)[:, :, None] * rows).sum(dim=1)
        first = 0.9 * first + 0.1 * update
        second = 0.999 * second + 0.001 * update**2
        corrected = first / (1 - 0.9 ** (step + 1))
        scale = (second / (1 - 0.999 ** (step + 1))).sqrt() + 1e-8
        points = points - rate * corrected / scale
        if each[0].looks_back:
            after = losses(points)
            for weighting, value in zip(each, after, strict=True):
                weighting.observe(as_step(step, value, None))
        if (step + 1) % 50 == 0:
            path.append(points)
    return torch.stack(path)


def weigh(weighting: Weighting, step: int, values: Tensor, rows: Tensor) -> Tensor:
    """One start's weights."""
    return weighting.weights(as_step(step, values, rows)).to(rows)


def as_step(step: int, values: Tensor, rows: Tensor | None) -> StepTasks:
    """What a weighting sees: losses above their bounds, and the gradients' Gramian."""
    gramian = None if rows is None else rows @ rows.T
    return StepTasks(step, (0, 1), values - LOWER_BOUNDS, torch.ones(2), gramian, rows)


def on_front(points: Tensor) -> Tensor:
    """Which points have reached the Pareto front: ``[S]``."""
    return (points[:, 1] + 8.4).abs().lt(0.25) & points[:, 0].abs().lt(7.3)


def picture(paths: dict[str, Tensor]) -> str:
    """The landscape and the paths, a panel a method, as SVG."""
    panels = [
        panel(name, path, colour, index)
        for index, ((name, path), colour) in enumerate(zip(paths.items(), COLOURS, strict=True))
    ]
    width = 190 * len(panels) + 10
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} 232" width="{width}"'
        ' height="232" font-family="sans-serif" font-size="11">'
        f'<rect width="{width}" height="232" fill="#ffffff"/>{"".join(panels)}</svg>\n'
    )


def panel(name: str, path: Tensor, colour: str, index: int) -> str:
    """One method's panel, 180 by 180, the plane from -10 to 10."""

    def place(point: Tensor) -> str:
        x, y = ((point + torch.tensor([10.0, -10.0])) * torch.tensor([9.0, -9.0])).tolist()
        return f"{x:.1f},{y:.1f}"

    lines = "".join(
        f'<polyline points="{" ".join(place(p) for p in path[:, s])}" fill="none"'
        f' stroke="{colour}" stroke-width="1.6"/>'
        f'<circle cx="{place(path[0, s]).split(",")[0]}" cy="{place(path[0, s]).split(",")[1]}"'
        ' r="3" fill="#222222"/>'
        f'<circle cx="{place(path[-1, s]).split(",")[0]}" cy="{place(path[-1, s]).split(",")[1]}"'
        f' r="4" fill="#ffffff" stroke="{colour}" stroke-width="2"/>'
        for s in range(path.shape[1])
    )
    reached = int(on_front(path[-1]).sum())
    front = '<line x1="27" y1="165.6" x2="153" y2="165.6" stroke="#222222" stroke-width="3"/>'
    return (
        f'<g transform="translate({10 + 190 * index},12)">{shading()}{front}{lines}'
        f'<text x="0" y="200" font-weight="bold" fill="#222222">{name}</text>'
        f'<text x="0" y="215" fill="#444444">{reached} of {path.shape[1]} on the front</text></g>'
    )


def shading(cells: int = 30) -> str:
    """The mean of both losses as shades of grey."""
    steps = (torch.arange(cells, dtype=torch.float64) + 0.5) / cells * 20 - 10
    grid = torch.stack(torch.meshgrid(steps, steps.flip(0), indexing="xy"), dim=-1)
    heights = losses(grid.view(-1, 2)).mean(dim=1).view(cells, cells)
    shades = (heights - heights.min()) / (heights.max() - heights.min())
    size = 180 / cells
    return "".join(
        f'<rect x="{column * size:.1f}" y="{row * size:.1f}" width="{size + 0.2:.1f}"'
        f' height="{size + 0.2:.1f}" fill="rgb({level},{level},{level})"/>'
        for row in range(cells)
        for column in range(cells)
        for level in [int(250 - 90 * float(shades[row, column]))]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="larger steps, no picture")
    quick = parser.parse_args().quick
    steps, rate = (4_000, 1e-2) if quick else (12_000, 5e-3)
    paths = {method: descend(method, steps, rate) for method in METHODS}
    figures = {}
    for method, path in paths.items():
        figures[f"on_front_{method}"] = int(on_front(path[-1]).sum())
        ends = ", ".join(f"({x:.2f}, {y:.2f})" for x, y in path[-1].tolist())
        print(f"{method:18} {figures[f'on_front_{method}']} of {len(STARTS)} on the front: {ends}")
    if not quick:
        PICTURE.write_text(picture(paths), encoding="utf-8")
        print(f"picture: {PICTURE.relative_to(Path.cwd())}")
    setting = {"steps": steps, "learning_rate": rate, "starts": STARTS}
    print(json.dumps({"benchmark": "toy_landscape", "figures": figures, "setting": setting}))


if __name__ == "__main__":
    main()
