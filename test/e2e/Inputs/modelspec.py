"""What a config.json means, worked out by hand: parameters and state bytes.

Written from the description of the format, not from the compiler.
"""

import math
import random
import struct

from programs import tensorfile

ELEMENT_BYTES = {"bfloat16": 2, "float32": 4}
STATE_BYTES = {"f32": 4, "bf16": 2, "fp8": 1}


def sizes(config):
    """(attention head_dim, JetBlock's d_k, d_v and value_dim)."""
    headDim = config.get("head_dim")
    if headDim is None:
        headDim = config["hidden_size"] // config["num_attention_heads"]
    jet = config["efficient_attention_config"].get("jet")
    if jet is None:
        return headDim, 0, 0, 0
    dv = round(jet["head_dim"] * jet["expand_v"])
    return headDim, jet["head_dim"], dv, jet["num_heads"] * dv


def candidates(config, layer):
    kind = config["layer_types"][layer]
    if kind != "supernet":
        return [kind]
    return config.get("supernet_candidates", ["attn", "jet"])


def mixers(config, placement=None):
    """The mixer of every layer."""
    placement = placement or config.get("placement")
    return list(placement or config["layer_types"])


def attentionParameters(config):
    hidden, dim = config["hidden_size"], sizes(config)[0]
    query = config["num_attention_heads"] * dim
    kv = config["num_key_value_heads"] * dim
    return {
        "q_proj.weight": [query, hidden],
        "q_proj.bias": [query],
        "k_proj.weight": [kv, hidden],
        "k_proj.bias": [kv],
        "v_proj.weight": [kv, hidden],
        "v_proj.bias": [kv],
        "o_proj.weight": [hidden, query],
    }


def jetBlockParameters(config):
    hidden = config["hidden_size"]
    jet = config["efficient_attention_config"]["jet"]
    heads, taps = jet["num_heads"], jet["conv_size"]
    _, dk, dv, valueDim = sizes(config)
    generator = valueDim // jet["dconv_generator_reduction"]
    kernel = "dynamic_conv1d.kernel_generator."
    return {
        "q_proj.weight": [heads * dk, hidden],
        "k_proj.weight": [heads * dk, hidden],
        "v_proj.weight": [valueDim, hidden],
        "g_proj.weight": [valueDim, hidden],
        "a_proj.weight": [heads, hidden],
        "b_proj.weight": [heads, hidden],
        "o_proj.weight": [hidden, valueDim],
        "A_log": [heads],
        "dt_bias": [heads],
        kernel + "w1.weight": [generator, hidden],
        kernel + "w2.weight": [valueDim * taps, generator],
        kernel + "w2.bias": [valueDim * taps],
        "o_norm.weight": [dv],
    }


def gatedDeltaNetSizes(config):
    """(heads of q and k, heads of v, d_k, d_v)."""
    gdn = config["efficient_attention_config"]["gdn"]
    keyHeads, dk = gdn["num_heads"], gdn["head_dim"]
    return keyHeads, gdn.get("num_v_heads", keyHeads), dk, round(dk * gdn["expand_v"])


def gatedDeltaNetParameters(config):
    hidden = config["hidden_size"]
    keyHeads, heads, dk, dv = gatedDeltaNetSizes(config)
    taps = config["efficient_attention_config"]["gdn"]["conv_size"]
    shapes = {"A_log": [heads], "dt_bias": [heads], "o_norm.weight": [dv]}
    for name, rows in (("q", keyHeads * dk), ("k", keyHeads * dk), ("v", heads * dv)):
        shapes[name + "_proj.weight"] = [rows, hidden]
        shapes[name + "_conv1d.weight"] = [rows, 1, taps]
    shapes["g_proj.weight"] = [heads * dv, hidden]
    shapes["a_proj.weight"] = shapes["b_proj.weight"] = [heads, hidden]
    shapes["o_proj.weight"] = [hidden, heads * dv]
    return shapes


def mamba2Sizes(config):
    """(columns of x, columns of B and of C)."""
    mamba = config["efficient_attention_config"]["mamba2"]
    inner = mamba["num_heads"] * mamba["head_dim"]
    return inner, mamba["n_groups"] * mamba["state_size"]


def mamba2Parameters(config):
    hidden = config["hidden_size"]
    mamba = config["efficient_attention_config"]["mamba2"]
    inner, columns = mamba2Sizes(config)
    heads, channels = mamba["num_heads"], inner + 2 * columns
    return {
        "in_proj.weight": [inner + channels + heads, hidden],
        "conv1d.weight": [channels, 1, mamba["conv_kernel"]],
        "conv1d.bias": [channels],
        "A_log": [heads],
        "D": [heads],
        "dt_bias": [heads],
        "norm.weight": [inner],
        "out_proj.weight": [hidden, inner],
    }


MIXER_PARAMETERS = {
    "attn": attentionParameters,
    "swa": attentionParameters,
    "jet": jetBlockParameters,
    "gdn": gatedDeltaNetParameters,
    "mamba2": mamba2Parameters,
}


def parameters(config, placement=None):
    """Name -> shape; with a placement only what the placed model uses, else
    the parameters of all candidates."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    shapes = {"model.embed_tokens.weight": [config["vocab_size"], hidden]}
    for layer in range(config["num_hidden_layers"]):
        prefix = "model.layers.%d." % layer
        isSupernet = config["layer_types"][layer] == "supernet"
        kinds = [placement[layer]] if placement else candidates(config, layer)
        for kind in kinds:
            for name, shape in MIXER_PARAMETERS[kind](config).items():
                path = "self_attn." + (kind + "." if isSupernet else "")
                shapes[prefix + path + name] = shape
        shapes[prefix + "input_layernorm.weight"] = [hidden]
        shapes[prefix + "post_attention_layernorm.weight"] = [hidden]
        shapes[prefix + "mlp.gate_proj.weight"] = [inner, hidden]
        shapes[prefix + "mlp.up_proj.weight"] = [inner, hidden]
        shapes[prefix + "mlp.down_proj.weight"] = [hidden, inner]
    shapes["model.norm.weight"] = [hidden]
    if not config["tie_word_embeddings"]:
        shapes["lm_head.weight"] = [config["vocab_size"], hidden]
    return shapes


def countParameters(config, placement=None):
    return sum(math.prod(s) for s in parameters(config, placement).values())


def stateBytes(
    config, context, placement=None, kvDtype=None, stateDtype="f32", page=64
):
    """Bytes that one sequence keeps after `context` tokens, by kind; those of
    attention in whole pages."""
    element = ELEMENT_BYTES[config["torch_dtype"]]
    headDim, dk, dv, valueDim = sizes(config)
    kvElement = STATE_BYTES[kvDtype] if kvDtype else element
    row = 2 * config["num_key_value_heads"] * headDim * kvElement
    total = {"attention_kv": 0, "window_kv": 0, "recurrent": 0, "conv_tail": 0}
    for kind in mixers(config, placement):
        efficient = config["efficient_attention_config"]
        if kind == "attn":
            total["attention_kv"] += row * page * -(-context // page)
        elif kind == "swa":
            total["window_kv"] += row * efficient["swa"]["window_size"]
        elif kind == "gdn":
            keyHeads, heads, keys, values = gatedDeltaNetSizes(config)
            rows = efficient["gdn"]["conv_size"] - 1
            total["recurrent"] += heads * keys * values * STATE_BYTES[stateDtype]
            total["conv_tail"] += rows * (2 * keyHeads * keys + heads * values) * element
        elif kind == "mamba2":
            mamba = efficient["mamba2"]
            inner, columns = mamba2Sizes(config)
            rows = mamba["conv_kernel"] - 1
            total["recurrent"] += inner * mamba["state_size"] * STATE_BYTES[stateDtype]
            total["conv_tail"] += rows * (inner + 2 * columns) * element
        else:
            jet = efficient["jet"]
            total["recurrent"] += jet["num_heads"] * dk * dv * STATE_BYTES[stateDtype]
            total["conv_tail"] += (jet["conv_size"] - 1) * valueDim * element
    total["total"] = sum(total.values())
    return total


def packFloats(values, dtype):
    if dtype == "float32":
        return struct.pack("<%df" % len(values), *values)
    words = struct.unpack("<%dI" % len(values), packFloats(values, "float32"))
    # Round to nearest, ties to even.
    halves = [((word + 0x7FFF + (word >> 16 & 1)) >> 16) for word in words]
    return struct.pack("<%dH" % len(halves), *halves)


def randomValues(name, shape, generator):
    """Weights of a size at which every part of the model matters to the
    logits: nothing vanishes, nothing saturates."""
    count = math.prod(shape)
    if name.endswith("A_log"):
        return [math.log(generator.uniform(0.3, 4)) for _ in range(count)]
    if name.endswith("dt_bias"):
        return [generator.uniform(-3, 0) for _ in range(count)]
    gauss = generator.gauss
    if "norm" in name or name.endswith(".D"):
        return [gauss(1, 0.1) for _ in range(count)]
    if name.endswith("bias"):
        return [gauss(0, 0.3) for _ in range(count)]
    if "embed_tokens" in name:
        return [gauss(0, 0.3) for _ in range(count)]
    # Of a convolution [C, 1, W] the taps.
    deviation = 1 / math.sqrt(shape[-1])
    return [gauss(0, deviation) for _ in range(count)]


def randomCheckpoint(config, seed):
    """All candidates' tensors, as tensorfile.write takes them."""
    generator = random.Random(seed)
    dtype = config["torch_dtype"]
    stored = {"bfloat16": "BF16", "float32": "F32"}[dtype]
    return {
        name: (stored, shape, packFloats(randomValues(name, shape, generator), dtype))
        for name, shape in parameters(config).items()
    }
