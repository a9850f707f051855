"""The video tower as ONNX graphs: float32, and dynamically quantised int8 written from it.

The int8 graph is what ONNX Runtime's own `quantize_dynamic(per_channel=True)` makes of a MatMul
with constant weights: uint8 activations by DynamicQuantizeLinear, int8 weights with a scale a
column, MatMulInteger, and the product of both scales on the way back to float32.
"""

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from model import Attention

OPSET = 17  # the first with LayerNormalization, the last that PyTorch 1.13 writes
CONTRIB = "com.microsoft"
INT8_MAX = 127


class FusedAttention(torch.autograd.Function):
    """Exports as ONNX Runtime's MultiHeadAttention, as its transformer optimiser would fuse it."""

    @staticmethod
    def forward(ctx, q, k, v, heads):
        return Attention.mix(_Heads(heads), q, k, v, None)

    @staticmethod
    def symbolic(g, q, k, v, heads):
        out = g.op(f"{CONTRIB}::MultiHeadAttention", q, k, v, num_heads_i=heads)
        out.setType(q.type())
        return out


class _Heads:
    """What Attention.mix needs of a module when no operator stands in for it."""

    fused_operator = None

    def __init__(self, heads):
        self.heads = heads


class VideoOutputs(torch.nn.Module):
    def __init__(self, vision, prune):
        super().__init__()
        self.vision, self.prune = vision, prune

    def forward(self, clip):
        _, video, logits = self.vision(clip, prune=self.prune)
        return (video,) if logits is None else (video, logits)


def export_float(vision, clip, path, prune=False, fused_attention=True):
    """Writes `input` [B, 3, T, H, W] -> video [B, E], vc_logits [B, K]; shapes fixed as clip's."""
    names = ["video"] + (["vc_logits"] if vision.vc is not None else [])
    Attention.fused_operator = staticmethod(FusedAttention.apply) if fused_attention else None
    try:
        with torch.no_grad():
            torch.onnx.export(
                VideoOutputs(vision, prune),
                (clip,),
                str(path),
                input_names=["input"],
                output_names=names,
                opset_version=OPSET,
                custom_opsets={CONTRIB: 1} if fused_attention else {},
            )
    finally:
        Attention.fused_operator = None


def quantize(float_path, int8_path):
    """Writes the dynamically quantised twin of a float32 graph; returns how many products."""
    graph_file = onnx.load(str(float_path))
    graph = graph_file.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    nodes, added, quantized_inputs, count = [], {}, {}, 0
    for node in graph.node:
        if node.op_type != "MatMul" or node.input[1] not in constants:
            nodes.append(node)
            continue
        nodes += _integer_product(node, constants[node.input[1]], added, quantized_inputs)
        count += 1
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept + list(added.values()))
    onnx.save(graph_file, str(int8_path))
    return count


def _integer_product(node, weight, added, quantized_inputs):
    """The nodes that stand for MatMul(x, weight); an x that is used again is quantised once."""
    x, name = node.input[0], node.output[0]
    quantized, scale, zero = (f"{x}_{part}" for part in ("quantized", "scale", "zero_point"))
    nodes = []
    if x not in quantized_inputs:
        quantized_inputs[x] = True
        nodes.append(helper.make_node("DynamicQuantizeLinear", [x], [quantized, scale, zero]))
    columns, column_scales = _columns_int8(weight, added)
    nodes += [
        helper.make_node(
            "MatMulInteger", [quantized, columns, zero], [name + "_sum"], name + "_integer"
        ),
        helper.make_node("Cast", [name + "_sum"], [name + "_cast"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [scale, column_scales], [name + "_scales"], name + "_scales_mul"),
        helper.make_node("Mul", [name + "_cast", name + "_scales"], [name], name + "_scaled"),
    ]
    return nodes


def _columns_int8(weight, added):
    """Names of the int8 columns and of their scales: w[:, j] ~ scale_j * q[:, j], zero point 0."""
    names = weight.name + "_int8", weight.name + "_scales"
    if names[0] not in added:
        values = numpy_helper.to_array(weight)
        scales = np.maximum(np.abs(values).max(axis=0), 1e-30).astype(np.float32) / INT8_MAX
        rounded = np.clip(np.rint(values / scales), -INT8_MAX, INT8_MAX).astype(np.int8)
        added[names[0]] = numpy_helper.from_array(rounded, names[0])
        added[names[1]] = numpy_helper.from_array(scales, names[1])
    return names
