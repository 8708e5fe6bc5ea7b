"""Compiles a spec, with fusions and without, and checks it against the
reference implementation: logits of a ragged batch, prefill in chunks, greedy
continuation.

  check-spec.py WORKDIR --seed N [--mixers M,…]
                                             a random spec of at least these
                                             mixers, random weights
  check-spec.py WORKDIR --config FILE [--weights PATH] [--seed N]
                                             without weights: random ones

With --kv-dtype or --state-dtype it is compiled so, and the reference rounds
alike. JET_TARGET is what it is compiled for.
"""

import argparse
import json
import os
import random

from programs import check, compile, difference, forward, generate, run, tensorfile
import modelspec
import randomspec

LIMIT, CHUNK_LIMIT = 1e-4, 2e-5
# What is kept between steps in a narrow type is rounded: in a bfloat16 model K,
# V and the convolution's input. A few values fall on the other side of a
# rounding boundary in fp32 than in double; that must change the logits by far
# less than all of the rounding does.
ROUNDING_SHARE = 0.1
# Tensor cores round the inputs of a bfloat16 model's projections as well; the place
# (before a norm's scale or behind it) is the form's choice. So not the same rounding
# is asked for but as little: in all, twice what rounding every input once does.
TENSOR_CORE_LIMIT = 2


class Checker:
    def __init__(self, arguments):
        self.workdir = arguments.workdir
        self.seed = arguments.seed
        os.makedirs(self.workdir, exist_ok=True)
        self.configPath = arguments.config or self.path("config.json")
        self.placement = None
        if arguments.config:
            with open(arguments.config) as file:
                self.config = json.load(file)
        else:
            self.config, self.placement = randomspec.randomConfig(
                arguments.seed, arguments.mixers.split(","))
            with open(self.configPath, "w") as file:
                json.dump(self.config, file, indent=1)
        self.weights = arguments.weights or self.path("model.safetensors")
        if not arguments.weights:
            checkpoint = modelspec.randomCheckpoint(self.config, arguments.seed)
            tensorfile.write(self.weights, checkpoint)
        self.references = {}  # logits by input and options
        self.placementOption = []
        if self.placement:
            self.placementOption = ["--placement=" + ",".join(self.placement)]
        self.tail = {"bfloat16": "bf16", "float32": "f32"}[self.config["torch_dtype"]]
        self.kv = arguments.kv_dtype or self.tail
        hasTensorCores = os.environ.get("JET_TARGET", "cpu") != "cpu"
        self.activations = self.tail if hasTensorCores else "f32"
        self.state = arguments.state_dtype
        # Pages from one position to more than a prompt has.
        page = "--page-size=%d" % (1 << arguments.seed % 8)
        self.stateOptions = ["--state-dtype=" + self.state, page]
        if arguments.kv_dtype:
            self.stateOptions.append("--kv-dtype=" + self.kv)

    def path(self, name):
        return os.path.join(self.workdir, name)

    def forward(self, tensors, *options):
        package = self.path("model.jet")
        return forward(package, self.weights, tensors, self.workdir, *options)

    def reference(self, tensors, *options):
        """Its logits; slow, so computed once for all packages."""
        key = repr((sorted(tensors.items()), options))
        if key not in self.references:
            self.references[key] = self.computeReference(tensors, *options)
        return self.references[key]

    def computeReference(self, tensors, *options):
        given, result = self.path("ref-in.safetensors"), self.path("ref.safetensors")
        tensorfile.write(given, tensors)
        run(
            *("jet-reference", self.configPath, "--weights", self.weights),
            *("--input", given, "--output", result),
            *(self.placementOption + list(options)),
        )
        return tensorfile.read(result)["logits"]

    def expected(self, tensors, lengths=None, chunk=None):
        """The reference's logits, and how much the rounding may add to the
        limits. A narrow recurrent state is rounded once a step, of `chunk`
        tokens or of all."""
        exact = self.reference(tensors)
        types = {"kv": self.kv, "tail": self.tail, "state": self.state,
                 "activation": self.activations}
        if set(types.values()) == {"f32"}:
            return exact, 0.0
        options = ["--%s-dtype=%s" % entry for entry in types.items()]
        if self.state != "f32":
            options += ["--chunk", chunk or tensors["input_ids"][1][1]]
        rounded = self.reference(tensors, *options)
        if self.activations != "f32":
            return exact, TENSOR_CORE_LIMIT * difference(exact, rounded, lengths)
        return rounded, ROUNDING_SHARE * difference(exact, rounded, lengths)

    def checkForward(self, batch, length, packed=False):
        vocab = self.config["vocab_size"]
        rows = tensorfile.randomIds(batch, length, vocab, self.seed)
        generator = random.Random(self.seed)
        lengths = [length] + [generator.randint(1, length) for _ in rows[1:]]
        tensors = {
            "input_ids": tensorfile.ids(rows),
            "lengths": tensorfile.make("I32", [batch], lengths),
        }
        whole = self.forward(tensors)
        if packed:
            separate = self.path("separate.jet")
            options = self.placementOption + self.stateOptions
            compile(self.configPath, separate, *options)
            bits = forward(separate, self.weights, tensors, self.workdir)
            check("packed weights", difference(whole, bits, lengths), 0)
        expected, slack = self.expected(tensors, lengths)
        error = difference(whole, expected, lengths)
        check("logits", error, LIMIT + slack)
        # Sums in another order round differently, and some specs amplify that;
        # how much, the distance from the reference shows.
        chunkLimit = CHUNK_LIMIT + 2 * error + slack
        for chunk in sorted({1, 2, 3, 7, max(1, length - 1)}):
            split = self.forward(tensors, "--chunk", chunk)
            if self.state != "f32":
                expected, slack = self.expected(tensors, lengths, chunk)
                largest = difference(split, expected, lengths)
                check("chunks of %d" % chunk, largest, LIMIT + slack)
                continue
            largest = difference(split, whole, lengths)
            check("chunks of %d" % chunk, largest, chunkLimit)

    def checkGreedy(self, length, count):
        """Each token must be as likely as the reference's best, within twice
        the logits' limit: of two equally likely ones either is right."""
        vocab = self.config["vocab_size"]
        (prompt,) = tensorfile.randomIds(1, length, vocab, self.seed + 1)
        package = self.path("model.jet")
        tokens = generate(package, self.weights, prompt, count)
        assert len(tokens) == count, "expected %d ids, found %s" % (count, tokens)
        logits, slack = self.expected({"input_ids": tensorfile.ids([prompt + tokens])})
        values = tensorfile.values(logits)
        for i, token in enumerate(tokens):
            begin = (length - 1 + i) * vocab
            row = values[begin : begin + vocab]
            gap = max(row) - row[token]
            check("token %d" % i, gap, 2 * (LIMIT + slack))


    def checkCandidates(self, topK, *options):
        """The same tokens from candidates as from logits."""
        package, vocab = self.path("model.jet"), self.config["vocab_size"]
        (prompt,) = tensorfile.randomIds(1, 9, vocab, self.seed + 2)
        other = self.path("logits.jet")
        compile(self.configPath, other, *options, "--top-k=0")
        for sampling in (["--greedy"], ["--temperature=1.5", "--seed=3",
                                        "--top-k=%d" % topK, "--top-p=0.95"]):
            results = []
            for path, count in ((package, topK), (other, 0)):
                text = run(
                    *("jet-run", "generate", path, "--weights", self.weights),
                    *("--prompt-ids", ",".join(map(str, prompt)), "--json"),
                    *("--max-new-tokens", 12, "--ignore-eos", *sampling),
                )
                results.append(json.loads(text))
                assert results[-1]["candidates"] == count, results[-1]
            [one, two] = [result["sequences"][0]["ids"] for result in results]
            assert one == two, "top-k %d: %s and %s" % (topK, one, two)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("workdir")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--config")
    parser.add_argument("--weights")
    parser.add_argument("--mixers", default="jet,attn,swa")
    parser.add_argument("--kv-dtype")
    parser.add_argument("--state-dtype", default="f32")
    arguments = parser.parse_args()

    checker = Checker(arguments)
    print(json.dumps(checker.config), checker.placement)
    package = checker.path("model.jet")
    for options in ([], ["--pack-weights"], ["--disable-fusion=all"]):
        # With few candidates a small vocabulary has several blocks, too.
        topK = random.Random(arguments.seed).choice([1, 2, 3, 5])
        topK = min(topK, checker.config["vocab_size"])
        options = [*checker.placementOption, *checker.stateOptions, *options]
        compile(checker.configPath, package, *options, "--top-k=%d" % topK)
        generator = random.Random(arguments.seed)
        packed = "--pack-weights" in options
        checker.checkForward(generator.randint(1, 4), generator.randint(1, 40), packed)
        # The reference's chunks are all of one size, those of generate are not.
        if checker.state == "f32":
            checker.checkGreedy(generator.randint(1, 20), 12)
        checker.checkCandidates(topK, *options)


main()
