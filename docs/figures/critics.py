"""Value surfaces of critics trained against fixed samples: clipping above, gradient penalty below.

After figure 1a of Gulrajani et al. 2017, with the package's own objectives; less noise, a smaller penalty weight and
fewer steps than there, so that it takes less than a minute on one core.
"""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from style import DARK, REAL, new_figure, plain, write
from toy import Draw, eight_gaussians, swiss_roll, toy_recipe, train_critic, twenty_five_gaussians

POINTS: dict[str, Draw] = {
    "8 gaussians": eight_gaussians,
    "25 gaussians": twenty_five_gaussians,
    "Swiss roll": swiss_roll,
}
OBJECTIVES = {
    "weight clipping": {"name": "wgan", "clip_value": 0.1},
    "gradient penalty": {"name": "wgan_gp", "gp_weight": 1.0},
}
REACH = 2.0


def draw(quick: bool = False) -> Figure:
    """Draw three datasets (columns) and two objectives (rows)."""
    steps, width = (3, 8) if quick else (2000, 128)
    figure = new_figure(5.6)
    panels = figure.subplots(len(OBJECTIVES), len(POINTS))
    for row, (what, objective) in zip(panels, OBJECTIVES.items(), strict=True):
        for axes, (name, points) in zip(row, POINTS.items(), strict=True):
            torch.manual_seed(0)
            critic = train_critic(toy_recipe(objective, [width] * 3, steps, lr=5e-3), points)
            line = torch.linspace(-REACH, REACH, 20 if quick else 120)
            x, y = torch.meshgrid(line, line, indexing="xy")
            with torch.no_grad():
                values = critic(torch.stack([x, y], -1).view(-1, 2, 1, 1)).view_as(x)
            axes.contourf(x, y, values, levels=14, cmap="Greys", alpha=0.45)
            axes.contour(x, y, values, levels=14, colors=DARK, linewidths=0.4, linestyles="solid")
            axes.scatter(*points(250).T, s=4, color=REAL, linewidths=0)
            axes.set(aspect="equal", xlim=(-REACH, REACH), ylim=(-REACH, REACH))
            plain(axes)
            if axes in panels[0]:
                axes.set_title(name)
        row[0].set_ylabel(what)
    return figure


if __name__ == "__main__":
    write(draw, __file__)
