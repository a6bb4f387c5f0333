"""Claims of docs/mathematics.md, checked with the package's functions, and the names on the page."""

from __future__ import annotations

import ast
import importlib
import json
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from wgan_cli.objectives import Batch, Objective, build_objective
from wgan_cli.objectives.penalties import gradient_penalty, input_gradient
from wgan_cli.recipe import ImageShape, Recipe, recipe_from_dict, recipe_names
from wgan_cli.recipe.model_settings import MlpSettings
from wgan_cli.recipe.objective_settings import ObjectiveSettings
from wgan_cli.recipe.optim_settings import OptimSettings
from wgan_cli.recipe.settings import classes_of

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "mathematics.md"
FIGURES = PAGE.parent / "figures"
TEXT = PAGE.read_text(encoding="utf-8")
PROSE = re.sub(r"^```.*?^```$", "", TEXT, flags=re.DOTALL | re.MULTILINE)
LINKED = re.findall(r"\[`([\w.]+)`\]\(([\w./]+\.py)\)", PROSE)
SCRIPTS = sorted(path.stem for path in FIGURES.glob("*.png"))


@pytest.fixture
def figure(monkeypatch) -> Callable[[str], ModuleType]:
    """Import a script of docs/figures by name, anew for each test."""
    monkeypatch.syspath_prepend(str(FIGURES))
    yield importlib.import_module
    for path in FIGURES.glob("*.py"):
        sys.modules.pop(path.stem, None)


def definitions(path: Path) -> dict[str, str]:
    """Map the names of classes, functions and methods (`Class.method`) to their source."""
    source = path.read_text(encoding="utf-8")
    tree, found = ast.parse(source), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    found[f"{node.name}.{inner.name}"] = ast.get_source_segment(source, inner)
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = ast.get_source_segment(source, node)
    return found


def test_linked_functions_exist():
    assert len(LINKED) > 30
    for name, target in LINKED:
        assert name in definitions(PAGE.parent / target), f"{target} has no {name}"


def test_algorithm_quotes_the_code():
    rows = re.findall(r"^\| [\d, ]+ \| .*? \| `(.*?)` \| \[`([\w.]+)`\]\((.*?)\) \|$", PROSE, re.MULTILINE)
    assert len(rows) == 14
    for code, name, target in rows:
        assert code in definitions(PAGE.parent / target)[name], f"{name} in {target} has no: {code}"


def test_names_in_backticks_exist():
    objectives = classes_of(ObjectiveSettings).values()
    settings = {name for objective in objectives for name in objective.model_fields}
    sections = {
        "objective": settings,
        "optim": set(OptimSettings.model_fields),
        "model": set(MlpSettings.model_fields) | {"critic.norm", "critic.activation"},
    }
    terms = {"gradient_penalty", "r1", "r2"} | {"wasserstein", "critic_loss", "generator_loss"}
    assert {"norm", "activation"} <= type(MlpSettings().critic).model_fields.keys()
    known = settings | set(Recipe.model_fields) | terms | set(recipe_names())
    known |= {objective.model_fields["name"].default for objective in objectives}
    for name in re.findall(r"(?<!\[)`([a-z][\w.]*)`", PROSE):
        section, dot, setting = name.partition(".")
        if dot and section in sections:
            assert setting in sections[section], name
        elif "_" in name and not dot:
            assert name in known, name


def test_numbers_of_the_search():
    search = (ROOT / "benchmarks" / "results" / "search.md").read_text(encoding="utf-8")
    for distance in ("15.8", "24.9", "13.4", "22.2", "7.77", "18.3"):
        assert distance in PROSE and f"\n| {distance} |" in search


def test_numbers_of_the_run():
    series = json.loads((FIGURES / "log_and_distance.json").read_text(encoding="utf-8"))
    step, wasserstein, penalty, distance = np.array(series["rows"], dtype=float).T
    early, late = (step > 200) & (step <= 300), step > 2400
    figures = [f"{values[step == 20].item():.1f}" for values in (wasserstein, penalty)]
    figures += [f"{distance[step == 300].item():.1f}", f"{distance[step == 2500].item():.2f}"]
    figures += [f"{values[part].mean():.2f}" for values in (wasserstein, penalty) for part in (early, late)]
    for figure in (*figures, series["versions"]["torch"], series["date"]):
        assert figure in PROSE, figure
    assert (wasserstein[(step > 50) & (step <= 200)].reshape(3, 5).mean(1) < 0).all()


def gp(weight: float, **settings: object) -> Objective:
    objective = {"name": "wgan_gp", "gp_weight": weight, **settings}
    return build_objective(
        recipe_from_dict({"model": "mlp", "objective": objective, "steps": 1}, "a test"), ImageShape(8, 8, 1)
    )


def on_samples(parts: tuple, count: int) -> torch.Tensor:
    """Draw points (count, 1, 1, 1) from a mixture of Gaussians, with exact shares."""
    bags = [mean + deviation * torch.randn(round(share * count)) for share, mean, deviation in parts]
    return torch.cat(bags)[torch.randperm(count)].view(-1, 1, 1, 1)


class OnGrid(torch.nn.Module):
    """Piecewise linear function on a grid."""

    def __init__(self, x: np.ndarray, f: np.ndarray) -> None:
        super().__init__()
        self.x, self.f = torch.from_numpy(x), torch.from_numpy(f)
        self.slopes = self.f.diff() / self.x.diff()

    def forward(self, points: torch.Tensor, labels: None = None) -> torch.Tensor:
        points = points.flatten().double()
        left = (torch.searchsorted(self.x, points.detach()) - 1).clamp(0, len(self.slopes) - 1)
        return self.f[left] + self.slopes[left] * (points - self.x[left])


def test_potential_attains_w1_and_is_1_lipschitz(figure):
    line = figure("line")
    f = line.potential()
    assert ((line.p - line.q) * f).sum() * line.STEP == pytest.approx(line.distance(), abs=1e-9)
    assert np.abs(np.diff(f)).max() <= line.STEP * (1 + 1e-9)
    u = (np.arange(100_000) + 0.5) / 100_000
    by_quantiles = np.abs(line.quantile(line.p, u) - line.quantile(line.q, u)).mean()
    assert by_quantiles == pytest.approx(line.distance(), abs=1e-3)


@pytest.mark.parametrize(("weight", "sided"), [(1.0, "two"), (10.0, "one")])
def test_penalized_optimum(figure, weight, sided):
    """wasserstein is W1 + int G^2 / (2 lambda rho), -critic_loss W1 + half of that, and no other critic is better."""
    line = figure("line")
    surplus, rho = line.cdf(line.q) - line.cdf(line.p), line.places()
    more = (surplus**2 / np.maximum(rho, 1e-12)).sum() * line.STEP / (2 * weight)
    f = line.penalised(weight)
    torch.manual_seed(0)
    batch = Batch(z=on_samples(line.FAKE, 400_000), real=on_samples(line.REAL, 400_000))
    loss = gp(weight, gp_sided=sided).phases[0].loss

    def terms(critic: np.ndarray) -> dict[str, float]:
        torch.manual_seed(1)
        networks = {"critic": OnGrid(line.x, critic), "generator": lambda z, labels: z}
        return {name: term.item() for name, term in loss(networks, batch).terms.items()}

    best = terms(f)
    assert best["wasserstein"] == pytest.approx(line.distance() + more, abs=0.01)
    assert -best["critic_loss"] == pytest.approx(line.distance() + more / 2, abs=0.01)
    for other in (1.2 * f, 0.8 * f, f + 0.1 * np.sin(3 * line.x), line.potential() * 0.9):
        assert terms(other)["critic_loss"] > best["critic_loss"]


def test_distances_of_penalized_critics(figure):
    line = figure("line")
    for value in (line.distance(), *(((line.p - line.q) * line.penalised(w)).sum() * line.STEP for w in (10.0, 1.0))):
        assert f"{value:.3f}" in PROSE, value


def test_js_of_gaussians(figure):
    js = figure("divergences").js_of_gaussians(np.array([0.0, 0.1, 12.0]))
    assert js[0] == pytest.approx(0, abs=1e-12)
    assert js[1] == pytest.approx(0.1**2 / 8, rel=0.01)  # an eighth of Fisher's information, 1, times the square
    assert js[2] == pytest.approx(math.log(2), abs=1e-6)


@pytest.mark.parametrize("apart", [0.5, 3.0])
def test_optimal_critic_has_gradient_norm_1(apart):
    """Proposition 1 of Gulrajani et al. 2017, at the points of `gradient_penalty`."""
    torch.manual_seed(0)
    real = torch.randn(1, 3, 8, 8)
    way = torch.randn(1, 3, 8, 8)
    way *= apart / way.norm()
    fake = real - way

    def best(x: torch.Tensor, labels: None = None) -> torch.Tensor:
        return -(x - real).flatten(1).norm(dim=1)

    assert gradient_penalty(best, real.expand(32, -1, -1, -1), fake.expand(32, -1, -1, -1)) < 1e-8
    between = fake + torch.rand(32, 1, 1, 1) * way
    torch.testing.assert_close(input_gradient(best, between), (way / apart).expand(32, -1, -1, -1))
    assert (best(real) - best(fake)).item() == pytest.approx(apart, rel=1e-5)


def test_figures_have_scripts():
    assert sorted(re.findall(r"\]\(figures/(\w+)\.png\)", PROSE)) == SCRIPTS
    for name in SCRIPTS:
        assert "draw" in definitions(FIGURES / f"{name}.py")
        assert (FIGURES / f"{name}.png").stat().st_size < 200_000


@pytest.mark.parametrize("name", SCRIPTS)
def test_figure_is_drawn(figure, tmp_path, name, monkeypatch):
    out = tmp_path / "picture.png"
    script = figure(name)
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--quick", "--out", str(out)])
    figure("style").write(script.draw, script.__file__)
    assert out.read_bytes().startswith(b"\x89PNG")


def test_clipped_critic(figure):
    toy, clipping = figure("toy"), figure("clipping")
    recipe = toy.toy_recipe({"name": "wgan", "clip_value": 0.05}, [8, 8], steps=3)
    critic = toy.train_critic(recipe, toy.swiss_roll)
    assert all(parameter.abs().max() <= 0.05 for parameter in critic.parameters())
    slopes = clipping.slopes_by_layer(critic, toy.swiss_roll(20))
    assert len(slopes) == 2
    assert slopes[-1] == pytest.approx(critic.head.to_score.weight.norm().item(), rel=1e-5)
