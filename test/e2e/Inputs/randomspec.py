"""Random small model specs of odd shapes, the same for the same seed."""

import random


def randomJetBlock(generator):
    keyDim = generator.choice([1, 3, 5, 8, 12, 17])
    valueDim = generator.choice([3, 4, 7, 16, 19])
    heads = generator.randint(1, 4)
    return {
        "num_heads": heads,
        "head_dim": keyDim,
        # A rounded decimal, as released configs have it.
        "expand_v": round(valueDim / keyDim, 10),
        "conv_size": generator.randint(1, 4),
        "dconv_generator_reduction": generator.randint(1, min(8, heads * valueDim)),
        "norm_eps": generator.choice(["1e-5", 1e-6]),
    }


def randomGatedDeltaNet(generator):
    keyDim = generator.choice([1, 3, 5, 8, 12, 17])
    valueDim = generator.choice([3, 4, 7, 16, 19])
    heads, shared = generator.randint(1, 3), generator.randint(1, 3)
    gdn = {
        "num_heads": heads,
        "head_dim": keyDim,
        "expand_v": round(valueDim / keyDim, 10),
        "conv_size": generator.randint(1, 4),
        "norm_eps": generator.choice(["1e-5", 1e-6]),
    }
    if shared > 1 or generator.random() < 0.5:
        gdn["num_v_heads"] = heads * shared
    return gdn


def randomMamba2(generator):
    groups = generator.randint(1, 3)
    return {
        "num_heads": groups * generator.randint(1, 3),
        "head_dim": generator.choice([1, 3, 5, 8, 17]),
        "state_size": generator.choice([1, 2, 7, 16, 19]),
        "n_groups": groups,
        "conv_kernel": generator.randint(1, 4),
        "norm_eps": generator.choice([1e-5, 1e-6]),
    }


def randomConfig(seed, mixers=("jet", "attn", "swa")):
    """(config, placement): the placement is None without supernet layers. Each
    of `mixers` is that of one layer at least."""
    generator = random.Random(seed)
    kvHeads = generator.randint(1, 3)
    heads = kvHeads * generator.randint(1, 4)
    headDim = 2 * generator.randint(1, 9)
    kinds = [*mixers] + generator.choices(
        [*mixers, "supernet"], k=generator.randint(0, 2)
    )
    generator.shuffle(kinds)
    config = {
        "model_type": "jet_nemotron",
        "hidden_act": "silu",
        "torch_dtype": ["float32", "bfloat16"][seed % 2],
        "hidden_size": generator.randint(5, 90),
        "intermediate_size": generator.randint(1, 130),
        "num_hidden_layers": len(kinds),
        "num_attention_heads": heads,
        "num_key_value_heads": kvHeads,
        "head_dim": headDim,
        "rms_norm_eps": generator.choice([1e-6, 1e-5]),
        "rope_theta": generator.choice([10000.0, 1000000.0, 137.5]),
        "rope_scaling": None,
        "max_position_embeddings": 256,
        "tie_word_embeddings": generator.random() < 0.5,
        "vocab_size": generator.randint(3, 400),
        "layer_types": kinds,
        "efficient_attention_config": {
            "jet": randomJetBlock(generator),
            "swa": {"window_size": generator.randint(1, 12)},
        },
    }
    for kind, make in (("gdn", randomGatedDeltaNet), ("mamba2", randomMamba2)):
        if kind in mixers:
            config["efficient_attention_config"][kind] = make(generator)
    if "supernet" not in kinds:
        return config, None
    choices = ["attn", "jet"]
    if tuple(mixers) == ("jet", "attn", "swa"):
        choices = generator.choice([choices, ["swa", "jet", "attn"]])
    else:
        choices = generator.sample(mixers, k=generator.randint(2, len(mixers)))
    if choices != ["attn", "jet"]:
        config["supernet_candidates"] = choices
    placement = [generator.choice(choices) if k == "supernet" else k for k in kinds]
    return config, placement
