"""CTranslate2, an engine in C++: it decodes by the weights of our model, as `attnrun export` writes them."""

import tempfile
from pathlib import Path

import torch

from attnrun.bench.decoding import Sources
from attnrun.bench.tables import Row
from attnrun.data.vocabulary import SPECIALS


def decoding(sources: Sources) -> Row:
    """Return the row of its batched translation, in float32."""
    import ctranslate2

    from attnrun.export import ctranslate

    names = [*SPECIALS, *(f"w{n}" for n in range(sources.model.output.out_features - len(SPECIALS)))]
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place) / "model"
        ctranslate.save(sources.model, names, names, directory)
        how = {"compute_type": "float32", "intra_threads": torch.get_num_threads()}
        engine = ctranslate2.Translator(str(directory), device="cpu", inter_threads=1, **how)
    pairs = sources.batches.pairs
    texts = [[names[number] for number in pairs.source[place]] for place in range(len(pairs))]
    limits = {"max_decoding_length": sources.length, "min_decoding_length": sources.length}

    def call() -> None:
        size = sources.batches.batch_size
        found = engine.translate_batch(texts, beam_size=sources.beam, max_batch_size=size, **limits)
        assert all(len(one.hypotheses[0]) == sources.length for one in found)

    return Row(call, sources.count)
