"""Image formats that are read and written."""

from functools import lru_cache

#: Raster formats, by Pillow's names. Excludes others: opening an .eps runs another program, an .ico holds many images.
READABLE = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM", "TGA", "QOI", "PCX", "SGI")
#: Usual suffixes of these formats and of arrays, without the dot.
READABLE_SUFFIXES = frozenset(
    ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "avif", "jp2", "ppm", "pgm", "tga", "qoi", "npy"]
)
#: Suffix -> Pillow's name of the format to write.
WRITABLE = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".bmp": "BMP"}
WRITABLE |= {".tif": "TIFF", ".tiff": "TIFF"}


@lru_cache(maxsize=1)
def readable_formats() -> tuple[str, ...]:
    """Return the formats of READABLE that this Pillow supports; it may be built without some of them."""
    from PIL import Image

    Image.init()
    return tuple(name for name in READABLE if name in Image.OPEN)
