"""How large the works are: as published comparisons have them, or small enough to see only that they run."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The numbers that every row of a table has in common.

    Attributes:
        pairs: training pairs to draw batches from, None for all.
        vocabulary: of either side.
        rnn: size of embeddings, of decoder states, and of encoder states, both directions together.
        rnn_layers: of the encoder, and of the decoder.
        rnn_pairs, rnn_batches: pairs a batch, and batches of a call.
        model, layers, feedforward, heads: the Transformer's; as many layers in the decoder.
        batch_tokens, batches: tokens a batch, of both sides, and batches of a call.
        decoded, beam_decoded: sentences to decode, greedily and with a beam of 5.
        decoded_length, decoded_batch: tokens put out for each, and sentences a batch.
        additive: batch, queries, keys and size of additive attention.
        block_tokens, block_lengths, block_model, block_heads: of multi-head attention; a batch is of so many
            tokens at every length.
        points, dimensions: of kernel regression.
        bandwidth_points: of the leave-one-out search for a width.
        point_growth, length_growth, batch_growth: where growth is measured.
    """

    pairs: int | None = None
    vocabulary: int = 8000
    rnn: int = 256
    rnn_layers: int = 2
    rnn_pairs: int = 64
    rnn_batches: int = 4
    model: int = 128
    layers: int = 4
    feedforward: int = 256
    heads: int = 4
    batch_tokens: int = 8192
    batches: int = 2
    decoded: int = 1000
    beam_decoded: int = 128
    decoded_length: int = 20
    decoded_batch: int = 64
    additive: tuple[int, int, int, int] = (8, 512, 512, 256)
    block_tokens: int = 4096
    block_lengths: tuple[int, ...] = (64, 256, 1024)
    block_model: int = 512
    block_heads: int = 8
    points: tuple[int, ...] = (10_000, 100_000)
    dimensions: tuple[int, ...] = (1, 3, 10)
    bandwidth_points: int = 5000
    point_growth: tuple[int, ...] = (5_000, 10_000, 20_000, 40_000)
    length_growth: tuple[int, ...] = (256, 512, 1024, 2048)
    batch_growth: tuple[int, ...] = (16, 32, 64, 128)


FULL = Sizes()
# The same works as far as they take minutes together: with fewer points.
MINUTES = replace(FULL, points=(10_000,), point_growth=(2_000, 4_000, 8_000, 16_000))
TOY = Sizes(
    pairs=400,
    vocabulary=300,
    rnn=16,
    rnn_layers=1,
    rnn_pairs=8,
    rnn_batches=2,
    model=16,
    layers=1,
    feedforward=32,
    heads=2,
    batch_tokens=256,
    decoded=6,
    beam_decoded=4,
    decoded_length=5,
    decoded_batch=4,
    additive=(2, 5, 7, 8),
    block_tokens=64,
    block_lengths=(8, 16),
    block_model=16,
    block_heads=2,
    points=(200, 400),
    dimensions=(1, 3),
    bandwidth_points=40,
    point_growth=(50, 100),
    length_growth=(8, 16),
    batch_growth=(2, 4),
)
