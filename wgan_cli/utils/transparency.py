"""Compositing of transparent images onto a color."""

from PIL import Image

WHITE = (255, 255, 255)


def is_transparent(image: Image.Image) -> bool:
    """Return True if any pixel of an RGBA image is not opaque."""
    return image.getchannel("A").getextrema() != (255, 255)


def composited(image: Image.Image, background: tuple[int, int, int] = WHITE) -> Image.Image:
    """Composite an RGBA image onto a color, and return it as RGB; images without alpha are converted to RGB.

    Converting to RGB alone would show the colors of transparent pixels, which are arbitrary.
    """
    if image.mode != "RGBA":
        return image.convert("RGB")
    return Image.alpha_composite(Image.new("RGBA", image.size, (*background, 255)), image).convert("RGB")
