"""`wgan evaluate`."""

import shlex

import typer

from wgan_cli.cli.arguments.evaluation_options import (
    Against,
    EvaluationCount,
    EvaluationSettings,
    FeatureWeights,
    Metrics,
    Pairs,
    Subject,
    Subset,
)
from wgan_cli.cli.arguments.named_generator import locate
from wgan_cli.cli.arguments.open_checkpoint import ImportEntry, ImportRecipe, open_checkpoint
from wgan_cli.cli.arguments.options import DataRoot, Device, Json, Seed, command_device, examples, refuse_given
from wgan_cli.cli.arguments.output_path import Force, check_overwrite
from wgan_cli.cli.arguments.sampling_options import Batch
from wgan_cli.console import print_message
from wgan_cli.errors import WganError


@examples(
    "wgan evaluate runs/digits_dcgan",
    "wgan evaluate runs/digits_dcgan/checkpoints/step_00001000.pth --metrics fd,recall",
    "wgan evaluate runs/digits_dcgan --pairs pairs.png",
    "wgan evaluate G.pth -n 1000 --json",
    "wgan evaluate samples/ --against mnist",
    "wgan evaluate fakes.npz --against photos/ --metrics fd,fid",
    "wgan evaluate G.pth --metrics cas,augmentation",
    "wgan evaluate G.pth --metrics fid,is,kid --feature-weights inception.pth",
)
def evaluate(
    context: typer.Context,
    source: Subject,
    against: Against = None,
    metrics: Metrics = None,
    count: EvaluationCount = None,
    seed: Seed = 0,
    pairs: Pairs = None,
    force: Force = False,
    subset: Subset = None,
    feature_weights: FeatureWeights = None,
    batch: Batch = None,
    settings: EvaluationSettings = None,
    as_json: Json = False,
    data_root: DataRoot = None,
    device: Device = "auto",
    import_recipe: ImportRecipe = None,
    entry: ImportEntry = None,
) -> None:
    """Measure the quality and diversity of generated images."""
    check_overwrite(pairs, force, "--pairs")
    from wgan_cli.cli.arguments.data_arguments import check_no_images, is_data
    from wgan_cli.cli.arguments.training_target import data_to_compare
    from wgan_cli.cli.evaluating.measuring import evaluate_translation, measure, with_moved_folder
    from wgan_cli.cli.evaluating.subjects import FilesSubject, GeneratorSubject
    from wgan_cli.data import default_data_root
    from wgan_cli.evaluation.image_files import survey_generated
    from wgan_cli.outputs.sampling import check_memory_to_evaluate, generator_of

    where, root = command_device(device), data_root or default_data_root()
    if against is None:
        source = locate(source)
    if is_data(str(source)):
        if against is None:
            hint = f"name the real ones: wgan evaluate {shlex.quote(str(source))} --against mnist, a folder or a run"
            raise WganError(f"{source} holds images, which are compared with real ones", hint)
        refuse_given(
            context, ("seed", "subset", "batch", "import_recipe", "entry"),
            "is for generators, and files of images have none",
        )  # fmt: skip
        files = survey_generated(source, data_to_compare(against, settings or []), count, print_message)
        images = FilesSubject(source, root, where, count, as_json, files, against)
        measure(images, metrics, pairs=pairs, subset=None, weights=feature_weights)
        return
    if against is not None:
        hint = "leave out --against; or write images with wgan sample --out images/, and evaluate those"
        raise WganError(f"--against is for images, and {source} is compared with its own training images", hint)
    check_no_images(str(source))
    checkpoint = open_checkpoint(source, import_recipe, settings if import_recipe else None, entry)
    generator = generator_of(checkpoint, str(source), where)
    moved = [] if import_recipe else settings or []
    recipe = with_moved_folder(checkpoint.recipe, moved)
    subject = GeneratorSubject(source, root, where, count, as_json, generator, checkpoint, recipe, seed, batch)
    if checkpoint.recipe.translates:
        refuse_given(
            context, ("metrics", "pairs", "subset", "feature_weights", "seed", "batch"),
            "does not apply to a model that translates images",
        )  # fmt: skip
        evaluate_translation(subject)
    else:
        check_memory_to_evaluate(count or 0, recipe.model.latent_dim, checkpoint.image)
        measure(subject, metrics, pairs=pairs, subset=subset, weights=feature_weights)
