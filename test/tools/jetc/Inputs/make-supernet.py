"""make-supernet.py CONFIG DATA: a small supernet with three candidates in some layers
and one in others, and data for it: two sequences of recall, one of text."""

import json
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../../Inputs"))

import tensorfile  # noqa: E402

CONFIG = {
    "model_type": "jet_nemotron",
    "hidden_act": "silu",
    "torch_dtype": "float32",
    "hidden_size": 48,
    "intermediate_size": 64,
    "num_hidden_layers": 5,
    "num_attention_heads": 3,
    "num_key_value_heads": 1,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "rope_scaling": None,
    "max_position_embeddings": 512,
    "tie_word_embeddings": True,
    "vocab_size": 40,
    "layer_types": ["supernet", "swa", "supernet", "attn", "supernet"],
    "supernet_candidates": ["attn", "swa", "jet"],
    "efficient_attention_config": {
        "jet": {
            "num_heads": 2,
            "head_dim": 16,
            "expand_v": 2,
            "conv_size": 4,
            "dconv_generator_reduction": 8,
            "norm_eps": "1e-5",
        },
        "swa": {"window_size": 8},
    },
}

config, data = sys.argv[1:]
with open(config, "w", encoding="utf-8") as file:
    json.dump(CONFIG, file)
generator = random.Random(1)


def rows(count, values):
    return [[generator.randrange(values) for _ in range(33)] for _ in range(count)]


mask = [[0, *row[1:]] for row in rows(2, 2)]
tensorfile.write(data, {
    "recall": tensorfile.ids(rows(2, 40)),
    "recall_mask": tensorfile.ids(mask),
    "text": tensorfile.ids(rows(1, 40)),
})
