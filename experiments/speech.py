"""What is said in a recording? A pyramid of recurrent networks listens, attends and spells."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from attnrun.analysis.alignment import monotonicity
from attnrun.analysis.maps import AttentionMap, attention_maps
from attnrun.analysis.plots import draw_losses, heat_map
from attnrun.analysis.speech_plots import spectrogram
from attnrun.analysis.watch import WATCHED, Watch, pair_looks
from attnrun.attention import Mechanism
from attnrun.attention.gates import GatedHeads
from attnrun.data.batching import EncodedPairs, Sequences, TextBatches, require_one
from attnrun.data.drawing import drawn
from attnrun.data.log_mel import LogMel
from attnrun.data.recordings import Recording, Recordings, fingerprint
from attnrun.data.tokenisers import Recipe, Tokeniser, from_json
from attnrun.data.wav import read_wav, to_wav
from attnrun.errors import UserError
from attnrun.models.decoding import Decoded, forced, greedy
from attnrun.models.listener import ListenAttendSpell
from attnrun.runs.run import Run
from attnrun.runs.trained import Measured, TrainedRun
from attnrun.training.answers import edits
from attnrun.training.course import fit_best, restore_best
from attnrun.training.development import Development
from attnrun.training.scoring import keep_rows
from attnrun.training.seq2seq import Answer, PairCourse, decode, forced_loss, judge, looks

PRIMARY = ("accuracy", "max")
_KEPT = 10  # test recordings that a run keeps, to be heard


@dataclass(frozen=True, kw_only=True)
class Config(Mechanism, PairCourse):
    """The keys of a speech experiment beside the common ones; `batch_tokens` counts frames and tokens."""

    data: Callable[[int], Recordings]
    model: Callable[[int, int, Mechanism], ListenAttendSpell]
    tokeniser: Callable[[], Recipe]
    features: LogMel = field(default_factory=LogMel)
    search: Callable[..., Decoded] = greedy


@dataclass(frozen=True)
class Scribe:
    """A trained model with its tokeniser and features; what `load` returns. Inputs are paths of WAV files."""

    model: ListenAttendSpell
    tokeniser: Tokeniser
    features: LogMel
    rate: int  # samples a second
    device: torch.device
    batch_size: int
    search: Callable[..., Decoded]

    def predict(self, inputs: Sequence[str]) -> list[str]:
        """Return what is said in each WAV file.

        Raises UserError for a file that is none, as `wav.read_wav`.
        """
        return [self.tokeniser.decode(answer.tokens) for answer in self.answers(self._files(inputs))]

    def weights(
        self, inputs: Sequence[str], layers: Sequence[int] | None = None, heads: Sequence[int] | None = None
    ) -> list[AttentionMap]:
        """Return when the decoder listened for each token, one map a WAV file.

        A column is a state of the listener, named by the second at which it begins. `layers` and `heads`
        choose some of each; None takes all. Raises UserError where the model has no attention, or not so many
        layers or heads, and for a file that is no WAV file.
        """
        heard = self._files(inputs)
        answers = self.answers(heard, need_weights=True)
        keys = list(map(self._seconds, heard))
        queries = [self.tokeniser.labels(answer.tokens) for answer in answers]
        return attention_maps(inputs, queries, keys, [one.weights for one in answers], layers, heads)

    def looks(self, pairs: EncodedPairs) -> dict[str, list[AttentionMap]]:
        """Return when the decoder listens to each recording while it is given what is said."""
        found = looks(self.model, partial(forced, self.model), self.batched(pairs), self.device)
        keys = [self._seconds(pairs.source[place]) for place in range(len(pairs))]
        own = {
            side: [weights[..., : len(key)] for weights, key in zip(some, keys, strict=True)]
            for side, some in found.items()
        }
        return pair_looks(own, keys, [self.tokeniser.labels(numbers) for numbers in pairs.target.rows()])

    def listen(self, samples: np.ndarray) -> np.ndarray:
        """Return the features (N, F) of samples (T,)."""
        return self.features(samples, self.rate).numpy()

    def encode(self, recordings: Sequence[Recording]) -> EncodedPairs:
        """Return the features of recordings, and what is said as numbers."""
        return self._pairs(
            [self.listen(one.samples) for one in recordings],
            [self.tokeniser.encode(one.text) for one in recordings],
        )

    def answers(self, heard: Sequence[np.ndarray], need_weights: bool = False) -> list[Answer]:
        """Return what is found in recordings, given by their features; weights are (L, H, tokens, states)."""
        wanted = {"bos": self.tokeniser.bos, "eos": self.tokeniser.eos, "need_weights": need_weights}
        batches = self.batched(self._pairs(heard, [()] * len(heard)))
        found = decode(partial(self.search, self.model, **wanted), batches, self.device)
        ends = [self.model.states_of(len(one)) for one in heard]
        return [
            answer if answer.weights is None else replace(answer, weights=answer.weights[..., :end])
            for answer, end in zip(found, ends, strict=True)
        ]

    def judge(self, pairs: EncodedPairs, answers: Sequence[Answer]) -> dict[str, float]:
        """Return how far answers are right, and the mean cross-entropy of a right token, end included.

        `accuracy` is the share of recordings whose every token is right, `token_error_rate` the edits that
        are missing to that, by the number of tokens said.
        """
        said = [pairs.target[place].tolist()[1:-1] for place in range(len(pairs))]
        unknown = self.tokeniser.unk  # is right in no answer: it stands for any word
        gold = [[None if number == unknown else number for number in one] for one in said]
        both = [(answer.tokens, right) for answer, right in zip(answers, gold, strict=True)]
        loss, _ = judge(partial(forced, self.model, need_weights=False), self.batched(pairs), self.device)
        return {
            "accuracy": sum(answer == right for answer, right in both) / len(both),
            "token_error_rate": sum(edits(*pair) for pair in both) / sum(map(len, gold)),
            "loss": loss,
        }

    def _seconds(self, heard: np.ndarray) -> list[str]:
        """When each state of the listener begins."""
        state = self.model.pace * self.features.hop
        return [f"{place * state:.2f}" for place in range(self.model.states_of(len(heard)))]

    def _files(self, inputs: Sequence[str]) -> list[np.ndarray]:
        return [self.listen(read_wav(path, self.rate)) for path in inputs]

    def _pairs(self, heard: Sequence[np.ndarray], said: Sequence[Sequence[int]]) -> EncodedPairs:
        ends = self.tokeniser.bos, self.tokeniser.eos
        return EncodedPairs(Sequences(heard), Sequences((ends[0], *one, ends[1]) for one in said), 0)

    def batched(self, pairs: EncodedPairs) -> TextBatches:
        """Return features with what is said in batches to evaluate in."""
        return TextBatches(pairs, batch_size=self.batch_size, seed=0)


def check(config: Config) -> None:
    """Raise UserError where the mechanism cannot serve the model, or a key has nothing to act on."""
    require_one(config.batch_size, config.batch_tokens)
    config.model(11, 13, config)


def train(config: Config, run: Run) -> dict[str, Any]:
    """Train on recordings, keep the epoch with most of them wholly right, and test on other speakers'."""
    data = _data(config, run.seed)
    tokeniser = config.tokeniser().fit(one.text for one in data.train)
    run.save_json("speech", {"rate": data.rate, "tokeniser": tokeniser.to_json()})
    scribe = _scribe(config, tokeniser, data.rate, run.device)
    scribe.model.to(run.dtype)
    pairs, valid = (scribe.encode(part) for part in (data.train, data.valid))
    watched = scribe.encode(data.valid[:WATCHED])
    batches = TextBatches(
        pairs, batch_size=config.batch_size, batch_tokens=config.batch_tokens, seed=run.seed
    )
    kept = fit_best(
        run,
        config,
        scribe.model,
        batches,
        loss=lambda batch: forced_loss(scribe.model, batch),
        evaluate=lambda: scribe.judge(valid, scribe.answers(_sources(valid))),
        fingerprint={"tokeniser": tokeniser.fingerprint(), "recordings": fingerprint(data.train)},
        unit="tokens",
        watch=Watch(
            run,
            scribe.model,
            lambda: scribe.looks(watched),
            tokens={"target_embedding": tokeniser.labels},
        ),
    )
    metrics, answers = _tested(scribe, data.test, attends=config.attention is not None)
    _show(scribe, data.test, answers, run)
    return metrics | kept


def load(run: TrainedRun) -> Scribe:
    """Return the scribe that the run trained, from its best checkpoint."""
    stored = run.saved("speech")
    scribe = _scribe(run.config, from_json(stored["tokeniser"]), _rate(stored["rate"]), run.device)
    restore_best(scribe.model, run.directory)
    return scribe


def development(run: TrainedRun, scribe: Scribe) -> Development:
    """Return the recordings that the run validated on, measured as in training.

    Raises UserError where they have another rate now.
    """
    model, valid = scribe.model, scribe.encode(_same_rate(run, scribe).valid)
    return Development(
        model,
        scribe.device,
        lambda: scribe.judge(valid, scribe.answers(_sources(valid))),
        scribe.batched(valid),
        lambda batch: forced_loss(model, batch),
        GatedHeads(model),
    )


def evaluate(run: TrainedRun, scribe: Scribe) -> Measured:
    """Return what is heard in the test recordings, and the figures of that.

    Raises UserError where they have another rate than in training.
    """
    recordings = _same_rate(run, scribe).test
    metrics, answers = _tested(scribe, recordings, attends=run.config.attention is not None)
    return metrics, _rows(scribe, recordings, answers)


def _tested(
    scribe: Scribe, recordings: Sequence[Recording], attends: bool
) -> tuple[dict[str, Any], list[Answer]]:
    test = scribe.encode(recordings)
    answers = scribe.answers(_sources(test), need_weights=attends)
    forward = monotonicity([answer.weights for answer in answers if answer.weights is not None])
    looked = {} if forward is None else {"monotonicity": forward}
    return scribe.judge(test, answers) | looked | {"test_recordings": len(recordings)}, answers


def _data(config: Config, seed: int) -> Recordings:
    return drawn(config.data, seed, Recordings, "recordings, such as data=spoken-digits")


def _same_rate(run: TrainedRun, scribe: Scribe) -> Recordings:
    data = _data(run.config, run.seed)
    if data.rate != scribe.rate:
        rates = f"{data.rate} samples a second, and had {scribe.rate} in training"
        raise UserError(f"data: the recordings have {rates}")
    return data


def _scribe(config: Config, tokeniser: Tokeniser, rate: int, device: torch.device) -> Scribe:
    model = config.model(config.features.filters, tokeniser.size, config).to(device)
    return Scribe(model, tokeniser, config.features, rate, device, config.eval_batch_size, config.search)


def _rate(stored: Any) -> int:
    if not isinstance(stored, int) or not 1 <= stored <= 384_000:
        raise ValueError(f"no recording has {stored!r} samples a second")
    return stored


def _sources(pairs: EncodedPairs) -> list[np.ndarray]:
    return [pairs.source[place] for place in range(len(pairs))]


def _rows(scribe: Scribe, recordings: Sequence[Recording], answers: Sequence[Answer]) -> list[dict[str, str]]:
    return [
        {"source": one.name, "target": one.text, "prediction": scribe.tokeniser.decode(answer.tokens)}
        for one, answer in zip(recordings, answers, strict=True)
    ]


def _show(scribe: Scribe, recordings: Sequence[Recording], answers: Sequence[Answer], run: Run) -> None:
    """All answers; some recordings, to be heard; and what the one with most tokens of these looks like."""
    rows = _rows(scribe, recordings, answers)
    for place, one in enumerate(recordings[:_KEPT]):
        kept = run.samples(f"test-{place}", to_wav(one.samples, scribe.rate))
        rows[place]["recording"] = kept.name
    keep_rows(run, rows)
    draw_losses(run)
    drawn = max(range(len(recordings[:_KEPT])), key=lambda place: len(answers[place].tokens))
    labels, weights = scribe.tokeniser.labels(answers[drawn].tokens), answers[drawn].weights
    features, hop = scribe.listen(recordings[drawn].samples), scribe.features.hop
    title = f"test-{drawn}.wav: {rows[drawn]['prediction']}"
    if weights is None:
        run.figure("spectrogram", spectrogram(features, hop, title=title))
        return
    seconds = [f"{place * scribe.model.pace * hop:.2f}" for place in range(weights.shape[-1])]
    run.figure("attention", heat_map(AttentionMap(labels, seconds, weights, title)))
    mean = weights.mean((0, 1))
    run.figure("spectrogram", spectrogram(features, hop, labels, mean, scribe.model.pace, title))
