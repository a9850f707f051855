"""A model folder as one flat description and M2-CLIP's tensor names, whichever form it comes in."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import tensors

TEXT_DEFAULTS = {"num_attention_heads": 8, "num_hidden_layers": 12}
VISION_DEFAULTS = {"num_attention_heads": 12, "num_hidden_layers": 12, "patch_size": 32}
LAYERS = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}


@dataclass
class Config:
    vision_layers: int
    vision_heads: int
    text_layers: int  # those that encode; a CMLM block has this number
    text_heads: int
    patch_px: int
    hidden_act: str
    eps: float
    has_cmlm_block: bool


def load(folder):
    """(Config, {M2-CLIP name: float32 array})"""
    config = json.loads((Path(folder) / "config.json").read_text())
    weights = tensors.read_model(folder)
    if "vision_width" in config:
        return _flat_config(config, weights), _float32(weights)
    return _hugging_face_config(config), _float32(_renamed(weights, config))


def _float32(weights):
    return {
        name: np.array(array, dtype=np.float32)
        for name, array in weights.items()
        if array.dtype.kind == "f"
    }


def _flat_config(config, weights):
    cmlm = "cmlm_block" in config or any(name.startswith("mlm_adapter.") for name in weights)
    return Config(
        vision_layers=config["vision_layers"],
        vision_heads=config.get("vision_heads", config["vision_width"] // 64),
        text_layers=config["transformer_layers"] - cmlm,
        text_heads=config["transformer_heads"],
        patch_px=config["vision_patch_size"],
        hidden_act=config.get("hidden_act", "quick_gelu"),
        eps=config.get("layer_norm_eps", 1e-5),
        has_cmlm_block=cmlm,
    )


def _hugging_face_config(config):
    text = {**TEXT_DEFAULTS, **config.get("text_config", {})}
    vision = {**VISION_DEFAULTS, **config.get("vision_config", {})}
    return Config(
        vision_layers=vision["num_hidden_layers"],
        vision_heads=vision["num_attention_heads"],
        text_layers=text["num_hidden_layers"],
        text_heads=text["num_attention_heads"],
        patch_px=vision["patch_size"],
        hidden_act=vision.get("hidden_act", "quick_gelu"),
        eps=vision.get("layer_norm_eps", 1e-5),
        has_cmlm_block=False,
    )


def _renamed(weights, config):
    """Hugging Face's CLIPModel names -> M2-CLIP's."""
    text, vision = "text_model.", "vision_model."
    out = {
        "token_embedding.weight": weights[text + "embeddings.token_embedding.weight"],
        "positional_embedding": weights[text + "embeddings.position_embedding.weight"],
        "text_projection": weights["text_projection.weight"].T,
        "visual.class_embedding": weights[vision + "embeddings.class_embedding"],
        "visual.positional_embedding": weights[vision + "embeddings.position_embedding.weight"],
        "visual.conv1.weight": weights[vision + "embeddings.patch_embedding.weight"],
        "visual.proj": weights["visual_projection.weight"].T,
        "logit_scale": weights["logit_scale"],
    }
    norms = {
        text + "final_layer_norm": "ln_final",
        vision + "pre_layrnorm": "visual.ln_pre",
        vision + "post_layernorm": "visual.ln_post",
    }
    for theirs, ours in norms.items():
        out[ours + ".weight"] = weights[theirs + ".weight"]
        out[ours + ".bias"] = weights[theirs + ".bias"]
    sizes = _hugging_face_config(config)
    for i in range(sizes.text_layers):
        _rename_block(weights, f"{text}encoder.layers.{i}.", f"transformer.resblocks.{i}.", out)
    for i in range(sizes.vision_layers):
        _rename_block(
            weights, f"{vision}encoder.layers.{i}.", f"visual.transformer.resblocks.{i}.", out
        )
    return out


def _rename_block(weights, theirs, ours, out):
    for kind in ("weight", "bias"):
        out[f"{ours}attn.in_proj_{kind}"] = np.concatenate(
            [weights[f"{theirs}self_attn.{part}_proj.{kind}"] for part in "qkv"]
        )
        out[f"{ours}attn.out_proj.{kind}"] = weights[f"{theirs}self_attn.out_proj.{kind}"]
        for their_layer, our_layer in LAYERS.items():
            out[f"{ours}{our_layer}.{kind}"] = weights[f"{theirs}{their_layer}.{kind}"]
