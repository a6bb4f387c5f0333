"""Sample grids of a run: always for the same inputs, so that they show its progress."""

import torch
from torch import Tensor, nn

from wgan_cli.data.pairs import ImagePair
from wgan_cli.outputs.sampling import cycled_labels, images_at_once, in_batches
from wgan_cli.outputs.translate import translate, translator_to
from wgan_cli.recipe import ImageShape, Recipe
from wgan_cli.utils.pixels import preview, to_uint8
from wgan_cli.utils.seeds import derived_seed, latent_vectors


class LatentGrid:
    """Samples from fixed latent vectors, cycling through the classes."""

    def __init__(self, recipe: Recipe, image: ImageShape) -> None:
        self.columns, self.preview_channels = recipe.sample_grid, recipe.data.preview_channels
        count = self.columns**2
        self.latents = latent_vectors(recipe.seed, range(count), recipe.model.latent_dim)
        self.labels, self.batch = cycled_labels(recipe, image, count), images_at_once(image)

    def draw(self, generator: nn.Module) -> tuple[Tensor, Tensor]:
        """Return all images of the grid as shown, (N,C,H,W) uint8, and the generated ones among them: here all.

        They are on the generator's device, and nothing waits for it.
        """
        device = next(generator.parameters()).device
        batches = in_batches(generator, device, self.batch, self.latents, self.labels)
        images = torch.cat(list(map(to_uint8, batches)))  # (grid*grid, C, H, W)
        return (shown := preview(images, self.preview_channels)), shown


class TranslationGrid:
    """Translations of fixed images; each row has an image of a, its translation and reconstruction, then b's."""

    columns = 6

    def __init__(self, recipe: Recipe, pair: ImagePair) -> None:
        self.preview_channels = recipe.data.preview_channels
        rows = min(recipe.sample_grid, len(pair.a), len(pair.b))
        self.inputs = {}
        for name, domain in (("a", pair.a), ("b", pair.b)):
            order = torch.Generator().manual_seed(derived_seed(recipe.seed, "inputs of grids", name))
            self.inputs[name] = domain.images.index_select(0, torch.randperm(len(domain), generator=order)[:rows])

    def draw(self, generator: nn.Module) -> tuple[Tensor, Tensor]:
        """Return all images of the grid, and the translations among them."""
        images, generated = [], []
        for source, target in (("a", "b"), ("b", "a")):
            inputs = self.inputs[source]  # (rows, C, H, W)
            (translated,) = translate(translator_to(generator, target), [inputs], len(inputs))
            (reconstructed,) = translate(translator_to(generator, source), [translated], len(inputs))
            shown = [preview(part, self.preview_channels) for part in (inputs, translated, reconstructed)]
            images += shown
            generated.append(shown[1])
        # (rows*6, C, H, W), (2*rows, C, H, W)
        return torch.stack(images, 1).flatten(0, 1), torch.cat(generated)


SampleGrid = LatentGrid | TranslationGrid
