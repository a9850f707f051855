"""M2-CLIP in PyTorch: towers, adapters and heads, as their equations read and PyTorch users write.

B clips, T frames, L = 1 + P tokens, C width, Ca adapter width, E embedding, N texts, M words.

Nothing here is tuned for one library: linear layers, convolutions, softmax and layer norm are
PyTorch's own, so that PyTorch and ONNX Runtime meet operators that they know.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

import checkpoint

LOGIT_SCALE = 100.0
CMLM_EPS = 1e-12


def load(folder):
    """The model of a folder, in eval mode, float32."""
    config, arrays = checkpoint.load(folder)
    weights = {name: torch.from_numpy(array) for name, array in arrays.items()}
    return M2Clip(config, weights).eval()


def parameter(weights, name):
    return nn.Parameter(weights[name].clone(), requires_grad=False)


def linear(weights, name):
    rows, columns = weights[name + ".weight"].shape
    layer = nn.Linear(columns, rows, bias=name + ".bias" in weights, device="meta")
    layer.weight = parameter(weights, name + ".weight")
    if layer.bias is not None:
        layer.bias = parameter(weights, name + ".bias")
    return layer


def layer_norm(weights, name, eps):
    norm = nn.LayerNorm(weights[name + ".weight"].shape[0], eps=eps)
    norm.weight = parameter(weights, name + ".weight")
    norm.bias = parameter(weights, name + ".bias")
    return norm


def activation(name):
    return (lambda z: z * torch.sigmoid(1.702 * z)) if name == "quick_gelu" else F.gelu


class Attention(nn.Module):
    """Multi-head attention whose query, key and value projections are stored as one matrix."""

    fused_operator = None  # set while exporting: (q, k, v, heads) -> [B, Lq, C]

    def __init__(self, weights, prefix, heads):
        super().__init__()
        self.heads = heads
        self.weight = parameter(weights, prefix + "in_proj_weight")
        self.bias = parameter(weights, prefix + "in_proj_bias")
        self.out = linear(weights, prefix + "out_proj")

    def forward(self, x, mask=None):
        q, k, v = F.linear(x, self.weight, self.bias).chunk(3, dim=-1)
        return self.out(self.mix(q, k, v, mask))

    def cross(self, x, y):
        """Queries from x [B, Lq, C], keys and values from y [B, Lk, C]."""
        width = self.out.in_features
        q = F.linear(x, self.weight[:width], self.bias[:width])
        k, v = F.linear(y, self.weight[width:], self.bias[width:]).chunk(2, dim=-1)
        return self.out(self.mix(q, k, v, None))

    def mix(self, q, k, v, mask):
        if self.fused_operator is not None and mask is None:
            return type(self).fused_operator(q, k, v, self.heads)
        batch, rows, width = q.shape
        split = lambda z: z.reshape(batch, -1, self.heads, width // self.heads).transpose(1, 2)
        scores = (split(q) * (width // self.heads) ** -0.5) @ split(k).transpose(2, 3)
        if mask is not None:
            scores = scores + mask
        return (scores.softmax(dim=-1) @ split(v)).transpose(1, 2).reshape(batch, rows, width)


class TemporalAdapter(nn.Module):
    """fc2(DW1D_time(fc1 x)) of x [B, T, ..., C]: a TED-Adapter's enhancement, and `t_adapter`."""

    def __init__(self, weights, prefix):
        super().__init__()
        self.fc1, self.fc2 = linear(weights, prefix + "fc1"), linear(weights, prefix + "fc2")
        self.kernel = parameter(weights, prefix + "conv.weight")  # [Ca, 1, 3]
        self.bias = parameter(weights, prefix + "conv.bias")

    def forward(self, x):
        clips, frames = x.shape[:2]
        h = self.fc1(x).reshape(clips, frames, -1, self.fc1.out_features)
        h = h.permute(0, 3, 1, 2)  # [B, Ca, T, L]
        kernel = self.kernel.unsqueeze(-1)
        h = F.conv2d(h, kernel, self.bias, padding=(1, 0), groups=kernel.shape[0])
        return self.fc2(h.permute(0, 2, 3, 1)).reshape(x.shape)


class DifferenceAdapter(nn.Module):
    """fc2(DW2D_space(fc1(x_t - x_{t-1}))) of patch tokens [B, T, P, C] on their square grid."""

    def __init__(self, weights, prefix):
        super().__init__()
        self.fc1, self.fc2 = linear(weights, prefix + "fc1"), linear(weights, prefix + "fc2")
        self.kernel = parameter(weights, prefix + "conv.weight")  # [Ca, 1, 1, 3, 3]
        self.bias = parameter(weights, prefix + "conv.bias")

    def forward(self, x):
        clips, frames, patches, _ = x.shape
        side, width = math.isqrt(int(patches)), self.fc1.out_features
        difference = torch.cat([torch.zeros_like(x[:, :1]), x[:, 1:] - x[:, :-1]], dim=1)
        h = self.fc1(difference).reshape(clips * frames, side, side, width).permute(0, 3, 1, 2)
        h = F.conv2d(h, self.kernel.squeeze(2), self.bias, padding=1, groups=width)
        return self.fc2(h.permute(0, 2, 3, 1).reshape(clips, frames, patches, width))


class TedAdapter(nn.Module):
    def __init__(self, weights, prefix):
        super().__init__()
        self.enhance = TemporalAdapter(weights, prefix)
        self.difference = DifferenceAdapter(weights, prefix + "offset_adapter.")

    def forward(self, x):
        """x [B, T, L, C], or [B, T, 1, C] where class tokens alone are wanted."""
        enhanced = x + self.enhance(x)
        if x.shape[2] == 1:
            return enhanced
        patches = enhanced[:, :, 1:] + self.difference(x[:, :, 1:])
        return torch.cat([enhanced[:, :, :1], patches], dim=2)


class TextAdapter(nn.Module):
    def __init__(self, weights, prefix):
        super().__init__()
        self.fc1 = linear(weights, prefix + "textad_fc1")
        self.fc2 = linear(weights, prefix + "textad_fc2")

    def forward(self, x):
        return x + self.fc2(F.gelu(self.fc1(x)))


def adapter(weights, prefix, kind, first_tensor):
    return kind(weights, prefix) if prefix + first_tensor in weights else nn.Identity()


class Block(nn.Module):
    """What the blocks of both towers share: norms, attention, MLP."""

    def __init__(self, weights, prefix, heads, config):
        super().__init__()
        self.ln_1 = layer_norm(weights, prefix + "ln_1", config.eps)
        self.ln_2 = layer_norm(weights, prefix + "ln_2", config.eps)
        self.attention = Attention(weights, prefix + "attn.", heads)
        self.c_fc = linear(weights, prefix + "mlp.c_fc")
        self.c_proj = linear(weights, prefix + "mlp.c_proj")
        self.act = activation(config.hidden_act)

    def mlp(self, x):
        return x + self.c_proj(self.act(self.c_fc(self.ln_2(x))))


class VisionBlock(Block):
    def __init__(self, weights, prefix, heads, config):
        super().__init__(weights, prefix, heads, config)
        for place in ("adapter_pre_attn", "adapter_pre_mlp"):
            setattr(self, place, adapter(weights, f"{prefix}{place}.", TedAdapter, "fc1.weight"))

    def forward(self, x):
        """x [B, T, L, C]"""
        x = self.adapter_pre_attn(x)
        x = x + self.attention(self.ln_1(x).flatten(0, 1)).reshape(x.shape)
        return self.mlp(self.adapter_pre_mlp(x))

    def class_tokens(self, x):
        """The last block, for what leaves it alone: [B, T, L, C] -> [B, T, 1, C]."""
        x = self.adapter_pre_attn(x)
        normed = self.ln_1(x).flatten(0, 1)
        x = x[:, :, :1]
        x = x + self.attention.cross(normed[:, :1], normed).reshape(x.shape)
        return self.mlp(self.adapter_pre_mlp(x))


class VisionTower(nn.Module):
    def __init__(self, config, weights):
        super().__init__()
        self.patch_px = config.patch_px
        self.patch_weight = nn.Parameter(weights["visual.conv1.weight"].flatten(1), False)
        self.class_embedding = parameter(weights, "visual.class_embedding")
        self.positions = parameter(weights, "visual.positional_embedding")
        self.ln_pre = layer_norm(weights, "visual.ln_pre", config.eps)
        self.ln_post = layer_norm(weights, "visual.ln_post", config.eps)
        self.proj = parameter(weights, "visual.proj")
        self.blocks = nn.ModuleList(
            VisionBlock(weights, f"visual.transformer.resblocks.{i}.", config.vision_heads, config)
            for i in range(config.vision_layers)
        )
        has_t, has_vc = "visual.t_adapter.fc1.weight", "visual.adapter_fc.weight"
        self.t_adapter = TemporalAdapter(weights, "visual.t_adapter.") if has_t in weights else None
        self.vc = linear(weights, "visual.adapter_fc") if has_vc in weights else None

    def embed(self, clip):
        """[B, 3, T, H, W] -> [B, T, L, C]; the strided convolution as the product that it is."""
        clips, channels, frames, height, width = clip.shape
        p = self.patch_px
        x = clip.reshape(clips, channels, frames, height // p, p, width // p, p)
        x = x.permute(0, 2, 3, 5, 1, 4, 6).reshape(clips, frames, -1, channels * p * p)
        x = F.linear(x, self.patch_weight)
        tokens = self.class_embedding.expand(clips, frames, 1, -1)
        return self.ln_pre(torch.cat([tokens, x], dim=2) + self.positions)

    def forward(self, clip, taps=None, prune=False):
        """frames [B, T, E], video [B, E], VC logits [B, K] or None"""
        x = self.embed(clip)
        blocks = self.blocks[:-1] if prune else self.blocks
        for i, block in enumerate(blocks):
            x = block(x)
            if taps is not None:
                taps[f"visual.block.{i}"] = x.flatten(0, 1)
        if prune:
            x = self.blocks[-1].class_tokens(x)
        tokens = x[:, :, 0]
        frames = self.ln_post(tokens) @ self.proj
        if self.t_adapter is not None:
            frames = frames + self.t_adapter(frames)
        logits = None if self.vc is None else self.vc(self.ln_post(tokens.mean(dim=1)))
        return frames, frames.mean(dim=1), logits


class TextBlock(Block):
    def __init__(self, weights, prefix, heads, config):
        super().__init__(weights, prefix, heads, config)
        first = "textad_fc1.weight"
        for place in ("adapter_pre_attn", "adapter_pre_mlp"):
            setattr(self, place, adapter(weights, f"{prefix}{place}.", TextAdapter, first))

    def forward(self, x, mask):
        x = self.adapter_pre_attn(x)
        x = x + self.attention(self.ln_1(x), mask)
        return self.mlp(self.adapter_pre_mlp(x))

    def with_frames(self, x, frames):
        """The block as the CMLM head uses it: x [B, 77, C] asks frames [B, T, C]."""
        x = self.adapter_pre_attn(x)
        x = x + self.attention.cross(self.ln_1(x), self.ln_1(frames))
        return self.mlp(self.adapter_pre_mlp(x))


class TextTower(nn.Module):
    def __init__(self, config, weights):
        super().__init__()
        self.embedding = parameter(weights, "token_embedding.weight")
        self.positions = parameter(weights, "positional_embedding")
        self.ln_final = layer_norm(weights, "ln_final", config.eps)
        self.projection = parameter(weights, "text_projection")
        count = config.text_layers + config.has_cmlm_block
        blocks = [
            TextBlock(weights, f"transformer.resblocks.{i}.", config.text_heads, config)
            for i in range(count)
        ]
        self.blocks = nn.ModuleList(blocks[: config.text_layers])
        self.cmlm_block = blocks[-1] if config.has_cmlm_block else None
        context = self.positions.shape[0]
        self.register_buffer("mask", torch.full((context, context), float("-inf")).triu(1))

    def states(self, tokens, taps=None):
        """tokens [N, 77] -> [N, 77, C], after the last encoding block"""
        x = F.embedding(tokens.long(), self.embedding) + self.positions
        for i, block in enumerate(self.blocks):
            x = block(x, self.mask)
            if taps is not None:
                taps[f"text.block.{i}"] = x
        return x

    def vectors(self, tokens, states):
        """[N, E]: the end token, whose id is the highest, speaks for the text"""
        ends = tokens.argmax(dim=-1)
        rows = self.ln_final(states)[torch.arange(len(tokens)), ends]
        return rows @ self.projection


class CmlmHead(nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.dense = linear(weights, "mlm_adapter.transform.dense")
        self.norm = layer_norm(weights, "mlm_adapter.transform.LayerNorm", CMLM_EPS)
        self.decoder = linear(weights, "mlm_adapter.decoder")
        self.bias = parameter(weights, "mlm_adapter.bias")

    def forward(self, x):
        return self.decoder(self.norm(F.gelu(self.dense(x)))) + self.bias


class M2Clip(nn.Module):
    def __init__(self, config, weights):
        super().__init__()
        self.vision = VisionTower(config, weights)
        self.text = TextTower(config, weights)
        has_cmlm = self.text.cmlm_block is not None and "mlm_adapter.bias" in weights
        self.cmlm = CmlmHead(weights) if has_cmlm else None

    def cmlm_logits(self, states, frames):
        """states [B, 77, C], frames [B, T, E = C] -> [B, 77, M]"""
        x = self.text.cmlm_block.with_frames(states, frames)
        return self.cmlm(self.text.ln_final(x))

    def forward(self, clip, tokens, prune=False):
        """Every stage by its name, as `m2clip forward --taps` writes them."""
        out = {}
        frames, video, logits = self.vision(clip, out, prune)
        states = self.text.states(tokens, out)
        text = self.text.vectors(tokens, states)
        out.update(frames=frames, video=video, text=text)
        out["cosine"] = F.normalize(video, dim=-1) @ F.normalize(text, dim=-1).T
        out["zeroshot_probs"] = (LOGIT_SCALE * out["cosine"]).softmax(dim=-1)
        if logits is not None:
            out.update(vc_logits=logits, vc_probs=logits.softmax(dim=-1))
        if self.cmlm is not None:
            out["cmlm_logits"] = self.cmlm_logits(states[: len(clip)], frames)
        return out
