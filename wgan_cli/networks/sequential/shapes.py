"""Shapes of a layer's input and output, and checks that they fit the layer's arguments."""

from collections.abc import Sequence

from wgan_cli.recipe.sequential.layer_types import Directions

Shape = Sequence[int]  # of one image or vector: (C, H, W) or (F,)


class ShapeError(ValueError):
    """A layer doesn't take its input; arguments: message and hint."""


def shape_text(shape: Shape) -> str:
    """Return a shape as text: `128x7x7`, or `100 features`."""
    return "x".join(map(str, shape)) if len(shape) > 1 else f"{shape[0]} features"


def per_direction(value: Directions) -> tuple[int, int]:
    """Return an argument for the vertical and the horizontal direction."""
    return (value, value) if isinstance(value, int) else value


def check_image(shape: Shape) -> Shape:
    """Return the shape of an image. Raises: ShapeError for a vector."""
    if len(shape) == 1:
        raise ShapeError(f"takes images, and its input has {shape_text(shape)}", "add Unflatten: [C, H, W] before it")
    return shape


def check_inputs(argument: str, given: Shape | int | None, inputs: Shape | int) -> None:
    """Raise ShapeError for an argument that differs from the number or shape of the inputs, which is inferred."""
    if given not in (None, inputs):
        raise ShapeError(f"{argument} is {given}, but its input has {inputs}", f"leave out {argument}")


def check_groups(groups: int, inputs: int, outputs: int) -> None:
    """Raise ShapeError unless the number of groups divides both numbers of channels."""
    if inputs % groups or outputs % groups:
        raise ShapeError(f"groups doesn't divide {inputs} input and {outputs} output channels", "choose a divisor")


def check_sides(sides: Sequence[int], shape: Shape) -> None:
    """Raise ShapeError for an output without pixels, computed from an input of `shape`."""
    if min(sides) < 1:
        raise ShapeError(f"leaves no pixels of its input, {shape_text(shape)}", "lower kernel_size, stride or padding")
