"""Pieces of the page as HTML, from pictures and facts."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import Tensor

from wgan_cli.explore.live import Seen
from wgan_cli.explore.session import A_LEG, View, save_grid, save_walk
from wgan_cli.explore.source import Source
from wgan_cli.explore.translation_session import Translated
from wgan_cli.outputs.grid import as_picture, near_square
from wgan_cli.report.markup import safe
from wgan_cli.report.panels import loss_panels, score_panels
from wgan_cli.report.sections import charts
from wgan_cli.report.text import state_words, verdict

SHARP_UP_TO = 64  # pixels of a side; larger images look better smoothed
_STILLS = 9  # of a walk


def head(source: Source) -> str:
    """Whose images these are."""
    generator = source.generator
    recipe = generator.recipe
    kind = " · ".join((recipe.objective.name, recipe.model.name, recipe.data.title))
    return (
        f'<div class="head"><p class="kicker">{safe(kind)}</p><h1>{safe(recipe.name)}</h1>'
        f'<p class="soft">{safe(source.file)}: {safe(source.words)}, images of {safe(generator.image)}</p></div>'
    )


def grid(images: Tensor, view: View, class_names: Sequence[str], labels: Sequence[int] | None) -> str:
    """Images as buttons, in rows as in the file that one can save; in `labels` their classes, or None."""
    across, side = near_square(len(images)), images.shape[-1]
    cells = []
    for number, image in enumerate(images):
        of = "" if labels is None else f", {class_names[labels[number]]}"
        words = safe(f"image {number}{of}")
        cells.append(
            f'<button type="button" data-number="{number}" aria-pressed="false" tabindex="{-1 if number else 0}" '
            f'title="{words}"><img src="{png(image)}" alt="{words}"></button>'
        )
    words = f"Seed {view.seed}, {len(images)} image{'s' if len(images) > 1 else ''}"
    picture = written(lambda path: save_grid(images, path), "grid.png")
    return (
        f'<div class="samples {sharpness(side)}" style="--across:{across};--side:{shown_side(side)}px" '
        f'data-across="{across}" role="group" aria-label="{words}">{"".join(cells)}</div>'
        f'<p class="below"><span>{words}. Click two of them to walk from one to the other.</span>'
        f"{link(f'seed_{view.seed}.png', 'image/png', picture, 'Save as PNG')}</p>"
    )


def walk(images: Tensor, first: int, second: int, keeps_class: bool) -> str:
    """A walk that moves, some of its frames, and the file to save. keeps_class: of its first image, all the way."""
    side = images.shape[-1]
    animation = written(lambda path: save_walk(images, path), "walk.gif")
    stills = "".join(
        f'<img src="{png(images[round(place * A_LEG / (_STILLS - 1))])}" alt="">' for place in range(_STILLS)
    )
    words = f"From image {first} to image {second}, and back"
    stays = " The class stays that of the first." if keeps_class else ""
    return (
        f'<div class="walk {sharpness(side)}"><img class="moving" src="{uri("image/gif", animation)}" alt="{words}">'
        f'<div><h2>{words}</h2><div class="stills" aria-hidden="true">{stills}</div><p class="below"><span>'
        f"All between them are images that the generator makes, too.{stays}"
        f"</span>{link(f'walk_{first}_{second}.gif', 'image/gif', animation, 'Save as GIF')}</p></div></div>"
    )


def no_walk() -> str:
    """What stands where a walk will be."""
    return '<p class="empty">Click two images above: the walk between them comes here, to watch and to save.</p>'


def no_pairs() -> str:
    """What stands where translations will be."""
    return '<p class="empty">Your images come here, each beside its translation.</p>'


def translations(made: Translated) -> str:
    """Each image beside its translation."""
    side = made.images.shape[-1]
    figures = "".join(
        f'<figure><img src="{png(before)}" alt="{safe(name)}"><img src="{png(after)}" alt="{safe(name)}, translated">'
        f"<figcaption>{safe(name)}</figcaption></figure>"
        for name, (before, after) in zip(made.names, made.images.unflatten(0, (-1, 2)), strict=True)
    )
    left_out = "".join(f"<li>{safe(words)}</li>" for words in made.bad)
    bad = f'<ul class="soft" aria-label="Left out">{left_out}</ul>' if left_out else ""
    return f'<div class="pairs {sharpness(side)}" style="--side:{shown_side(side)}px">{figures}</div>{bad}'


def training(seen: Seen) -> str:
    """A run's state, its last grid and its curves with what they mean."""
    told, facts = seen.told, seen.told.facts
    alive = '<span class="alive" aria-hidden="true"></span>' if facts.state == "training" else ""
    words = state_words(facts)
    about = f"<h2>{alive}{safe(words[0].upper() + words[1:])}</h2><p>{safe(verdict(facts, told.scores))}</p>"
    picture = "<p>There is no sample grid yet.</p>"
    if seen.frame is not None:
        frame = seen.frame.picture
        picture = (
            f'<figure class="newest sharp"><img src="{frame.uri}" width="{frame.width}" '
            f'height="{frame.height}" alt="Samples of step {seen.frame.step:,}">'
            f"<figcaption>The run's own grid at step {seen.frame.step:,}; what it draws is the same each time"
            "</figcaption></figure>"
        )
    curves = charts("How good over time", "scores", score_panels([told]))
    curves += charts("Losses", "losses", loss_panels([told]))
    if not facts.history:
        curves = "<p>No losses have been logged yet.</p>"
    return f'<div class="training"><div class="now">{about}{picture}</div><div class="curves">{curves}</div></div>'


def notice(message: str, hint: str = "", kind: str = "wrong") -> str:
    """Something to say above the page."""
    more = f"<span>{safe(hint)}</span>" if hint else ""
    return f'<p class="notice {kind}" role="status"><b>{safe(message)}</b>{more}</p>'


def shown_side(size: int) -> int:
    """How many pixels wide an image is shown at most: grown by a whole number, to 128 or so."""
    return size * max(1, round(112 / size))


def sharpness(size: int) -> str:
    """Whether pixels stay squares."""
    return "sharp" if size <= SHARP_UP_TO else "smooth"


def png(image: Tensor) -> str:
    """An image (C, H, W) uint8, exactly, as an address."""
    file = io.BytesIO()
    as_picture(image).save(file, format="PNG", compress_level=1)
    return uri("image/png", file.getvalue())


def uri(kind: str, content: bytes) -> str:
    """A file itself, as an address: the page asks for nothing."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def link(name: str, kind: str, content: bytes, words: str) -> str:
    """Words that save a file."""
    return f'<a class="save" download="{safe(name)}" href="{uri(kind, content)}">{safe(words)}</a>'


def written(write: Callable[[Path], None], name: str) -> bytes:
    """What a function writes into a file of this name."""
    with TemporaryDirectory() as folder:
        write(Path(folder) / name)
        return (Path(folder) / name).read_bytes()
