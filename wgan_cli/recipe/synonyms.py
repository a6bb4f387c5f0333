"""Other names of objectives, networks, data and layers, and what a recipe writes instead."""

from collections.abc import Iterable

from wgan_cli.errors import did_you_mean

_SPECTRAL = "`hinge` with `model.critic.spectral_norm: true`"
_OBJECTIVES = {
    **dict.fromkeys(("bce", "bcewithlogits", "crossentropy", "vanilla", "nonsaturating", "nsgan", "jsd"), "`gan`"),
    "dcgan": "`gan` with `model.name: dcgan`",
    **dict.fromkeys(("cgan", "cdcgan", "conditional"), "`gan` with `model.conditional: true`"),
    **dict.fromkeys(("acgan", "auxiliary"), "`gan` with `model.conditional: true` and `model.condition: classifier`"),
    **dict.fromkeys(("minimax", "saturating"), "`gan` with `objective.saturating: true`"),
    **dict.fromkeys(("r1", "stylegan", "stylegan2"), "`gan` with `objective.r1_weight: 1`"),
    "dragan": "`gan` with `objective.gp_weight: 10` and `objective.gp_points: real`",
    **dict.fromkeys(("mse", "l2", "leastsquares"), "`lsgan`"),
    "geometric": "`hinge`",
    **dict.fromkeys(("sngan", "spectralnorm", "sagan", "biggan"), _SPECTRAL),
    **dict.fromkeys(("wasserstein", "w1", "wgancp", "wganclip", "weightclipping"), "`wgan`"),
    **dict.fromkeys(("gp", "gradientpenalty", "iwgan", "improvedwgan", "wassersteingp"), "`wgan_gp`"),
    **dict.fromkeys(("lp", "wganlp"), "`wgan_gp` with `objective.gp_sided: one`"),
    **dict.fromkeys(("relativistic", "rgan", "rsgan", "rpgan", "ragan"), "`r3gan`"),
    **dict.fromkeys(("vae", "cvae", "vaegan"), "`cvae_gan`"),
    "cycle": "`cyclegan`",
}
_MODELS = {
    **dict.fromkeys(("fc", "linear", "dense"), "`mlp`"),
    **dict.fromkeys(("cnn", "conv", "convolutional"), "`dcgan`"),
    **dict.fromkeys(("sngan", "biggan"), "`resnet`"),
    **dict.fromkeys(("stylegan", "stylegan2"), "`style`"),
    **dict.fromkeys(("cyclegan", "translator"), "`translation`"),
    **dict.fromkeys(("custom", "layers", "list"), "`sequential`"),
}
_LAYERS = {
    "dense": "`Linear`",
    "conv2dtranspose": "`ConvTranspose2d`",
    "batchnormalization": "`BatchNorm2d`",
    **dict.fromkeys(("reshape", "view"), "`Unflatten`"),
    "upsampling2d": "`Upsample`",
    "swish": "`SiLU`",
}
#: By setting: other names, `plain`, and what to write. The layers of a list are "layer".
SYNONYMS: dict[str, dict[str, str]] = {
    "objective.name": _OBJECTIVES,
    "model.name": _MODELS,
    "data.source": {
        "cifar": "`cifar10`",
        "emnist": "`emnist_balanced` or another split",
        **dict.fromkeys(("images", "imagefolder"), "`folder`"),
    },
    "layer": _LAYERS,
}


def plain(name: str) -> str:
    """Return a name in lower case without hyphens, underscores and blanks."""
    return name.lower().translate(dict.fromkeys(map(ord, "-_ ")))


def meant(setting: str, word: str, known: Iterable[str]) -> str:
    """Return "`bce` is `gan`; ", "did you mean `adamw`? ", or "" for a word that is none of the known ones."""
    known = list(known)
    if ours := SYNONYMS.get(setting, {}).get(plain(word)):
        return f"`{word}` is {ours}; "
    same = next((f"`{name}`" for name in known if plain(name) == plain(word)), None)
    return f"did you mean {same}? " if same else did_you_mean(word, known)
