"""Which tag has each token of a sentence? By default: its part of speech."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from attnrun.analysis.confusion import confusion, confusion_figure
from attnrun.analysis.maps import AttentionMap, attention_maps
from attnrun.analysis.plots import draw_losses, heat_map
from attnrun.analysis.strips import Strip, strips
from attnrun.analysis.watch import WATCHED, Watch
from attnrun.attention import Mechanism
from attnrun.attention.gates import GatedHeads
from attnrun.data import words
from attnrun.data.batching import Sequences
from attnrun.data.drawing import drawn
from attnrun.data.examples import ExampleBatches, Examples, answerable
from attnrun.data.tagged import Tagged, TaggedSentences, Words
from attnrun.data.vocabulary import Vocabulary
from attnrun.errors import UserError
from attnrun.models.tagger import TokenTagger
from attnrun.ranges import PositiveInt
from attnrun.runs.run import Run
from attnrun.runs.trained import Measured, TrainedRun
from attnrun.training.course import Course, fit_best, restore_best
from attnrun.training.development import Development
from attnrun.training.labels import Judged, judge, label_loss, looks
from attnrun.training.scoring import keep_rows

PRIMARY = ("accuracy", "max")
_DRAWN = 12  # sentences in the picture of tags


@dataclass(frozen=True, kw_only=True)
class Config(Mechanism, Course):
    """The keys of a tagging experiment beside the common ones.

    Words that occur less than `minimum_frequency` times count as their endings.
    """

    data: Callable[[int], TaggedSentences]
    model: Callable[[int, int, Mechanism], TokenTagger]
    batch_size: PositiveInt = 64
    minimum_frequency: PositiveInt = 2


@dataclass(frozen=True)
class Tagger:
    """A trained model with its words and tags; what `load` returns."""

    model: Any  # a tagger of attnrun.models
    known: Words
    tags: list[str]
    split: words.Split
    device: torch.device
    batch_size: int

    def predict(self, inputs: Sequence[str]) -> list[list[str]]:
        """Return the tags of each text, one a token.

        Raises UserError for a text without a token.
        """
        judged = self.judge(self.encode(self._asked(inputs)))
        return [[self.tags[answer] for answer in answers] for answers in judged.answers]

    def weights(
        self, inputs: Sequence[str], layers: Sequence[int] | None = None, heads: Sequence[int] | None = None
    ) -> list[AttentionMap]:
        """Return where each token of a text (row) looked in it (columns).

        Raises UserError where the model has no attention, or not so many layers or heads, and for a text
        without a token.
        """
        return self._maps(inputs, self._asked(inputs), layers, heads)

    def looks(self, sentences: Sequence[Tagged]) -> list[AttentionMap]:
        """Return where each token of a sentence (row) looked in it (columns); raises as `weights`."""
        return self._maps([words.join(one.tokens) for one in sentences], sentences)

    def encode(self, sentences: Sequence[Tagged]) -> Examples:
        """Return sentences as numbers, with the numbers of their tags."""
        numbers = {tag: number for number, tag in enumerate(self.tags)}
        return Examples(
            Sequences(self.known.encode(one.tokens) for one in sentences),
            Sequences([numbers[tag] for tag in one.tags] for one in sentences),
        )

    def judge(self, examples: Examples) -> Judged:
        """Return the answers to examples, with the loss."""
        return judge(self.model, self.batched(examples), self.device)

    def _maps(
        self, titles: Sequence[str], sentences: Sequence[Tagged], *chosen: Sequence[int] | None
    ) -> list[AttentionMap]:
        found = looks(self.model, self.batched(self.encode(sentences)), self.device)
        tokens = list(map(_shown, sentences))
        return attention_maps(titles, tokens, tokens, found, *chosen)

    def _asked(self, inputs: Sequence[str]) -> list[Tagged]:
        """The tokens of texts, with tags that stand for none."""
        sentences = []
        for text in inputs:
            tokens = tuple(words.split(text, self.split))
            if not tokens:
                raise UserError(f"a text to tag is blank: {text!r}")
            sentences.append(Tagged(tokens, (self.tags[0],) * len(tokens)))
        return sentences

    def batched(self, examples: Examples) -> ExampleBatches:
        """Return examples in batches to evaluate in."""
        return ExampleBatches(examples, self.batch_size, seed=0)


def check(config: Config) -> None:
    """Raise UserError where the mechanism cannot serve the model, or a choice finds nothing to act on."""
    config.model(11, 3, config)


def train(config: Config, run: Run) -> dict[str, Any]:
    """Train on the training sentences, keep the epoch with most tags right, and test on others."""
    data = _data(config, run.seed)
    data = _known(data, data.tags, run.warn)
    known = Words.fit(data.train, config.minimum_frequency)
    run.save_json("words", known.vocabulary.to_json())
    run.save_json("tags", {"tags": data.tags, "split": data.split})
    tagger = _tagger(config, known, data.tags, data.split, run.device)
    tagger.model.to(run.dtype)
    train_set, valid, test = (tagger.encode(part) for part in (data.train, data.valid, data.test))
    model = tagger.model
    kept = fit_best(
        run,
        config,
        model,
        ExampleBatches(train_set, config.batch_size, run.seed),
        loss=lambda batch: label_loss(model(batch.inputs, batch.lengths), batch.targets),
        evaluate=lambda: tagger.judge(valid).figures,
        fingerprint={"words": known.vocabulary.fingerprint(), "examples": train_set.fingerprint()},
        unit="tokens",
        watch=_watch(tagger, data, run, attends=config.attention is not None),
    )
    judged = tagger.judge(test)
    _show(tagger, data.test, judged, run, attends=config.attention is not None)
    return judged.figures | _by_word(tagger, data, judged) | kept


def load(run: TrainedRun) -> Tagger:
    """Return the tagger that the run trained, from its best checkpoint."""
    known, form = Words(Vocabulary.from_json(run.saved("words"))), run.saved("tags")
    tagger = _tagger(run.config, known, form["tags"], form["split"], run.device)
    restore_best(tagger.model, run.directory)
    return tagger


def development(run: TrainedRun, tagger: Tagger) -> Development:
    """Return the sentences that the run validated on, measured as in training."""
    data, model = _data(run.config, run.seed), tagger.model
    valid = tagger.encode(_known(data, tagger.tags).valid)
    return Development(
        model,
        tagger.device,
        lambda: tagger.judge(valid).figures,
        tagger.batched(valid),
        lambda batch: label_loss(model(batch.inputs, batch.lengths), batch.targets),
        GatedHeads(model),
    )


def evaluate(run: TrainedRun, tagger: Tagger) -> Measured:
    """Return how the test sentences are tagged, and the figures of that.

    What was shown in training of a word is counted in the training part of the data as they are now.
    """
    data = _known(_data(run.config, run.seed), tagger.tags)
    judged = tagger.judge(tagger.encode(data.test))
    return judged.figures | _by_word(tagger, data, judged), _rows(tagger, data.test, judged)


def _data(config: Config, seed: int) -> TaggedSentences:
    return drawn(config.data, seed, TaggedSentences, "sentences with tags, such as data=phrase-tags")


def _tagger(
    config: Config, known: Words, tags: list[str], split: words.Split, device: torch.device
) -> Tagger:
    model = config.model(len(known.vocabulary), len(tags), config).to(device)
    return Tagger(model, known, tags, split, device, config.eval_batch_size)


def _watch(tagger: Tagger, data: TaggedSentences, run: Run, attends: bool) -> Watch:
    watched = data.valid[:WATCHED]
    tokens = {"reader.embedding": tagger.known.vocabulary.labels}
    return Watch(run, tagger.model, lambda: {"": tagger.looks(watched)} if attends else {}, tokens=tokens)


def _known(
    data: TaggedSentences, tags: Sequence[str], warn: Callable[[str], object] = lambda _: None
) -> TaggedSentences:
    what = "sentences have a tag that no training sentence has"
    known = set(tags)
    found: TaggedSentences = answerable(data, lambda one: known.issuperset(one.tags), what, warn)
    return found


def _by_word(tagger: Tagger, data: TaggedSentences, judged: Judged) -> dict[str, float]:
    """Accuracies by what training showed of a word: several tags, or nothing; and that of its usual tag."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for one in data.train:
        for token, tag in zip(one.tokens, one.tags, strict=True):
            counts[token][tag] += 1
    usual = sum(counts.values(), Counter()).most_common(1)[0][0]
    hits: dict[str, list[bool]] = {"most_frequent": [], "ambiguous": [], "unknown": []}
    for one, answers in zip(data.test, judged.answers, strict=True):
        for token, tag, answer in zip(one.tokens, one.tags, answers, strict=True):
            seen = counts.get(token)
            hits["most_frequent"].append(tag == (seen.most_common(1)[0][0] if seen else usual))
            if seen is None or len(seen) > 1:
                hits["ambiguous" if seen else "unknown"].append(tagger.tags[answer] == tag)
    found = {f"accuracy_{name}": sum(right) / len(right) for name, right in hits.items() if right}
    return found | {"test_tokens": len(hits["most_frequent"])}


def _rows(tagger: Tagger, sentences: Sequence[Tagged], judged: Judged) -> list[dict[str, str]]:
    return [
        {
            "source": " ".join(_shown(one)),
            "target": " ".join(one.tags),
            "prediction": " ".join(tagger.tags[answer] for answer in answers),
        }
        for one, answers in zip(sentences, judged.answers, strict=True)
    ]


def _show(tagger: Tagger, sentences: Sequence[Tagged], judged: Judged, run: Run, attends: bool) -> None:
    keep_rows(run, _rows(tagger, sentences, judged))
    draw_losses(run)
    flat = [[number for row in side for number in row] for side in (judged.right, judged.answers)]
    counts = confusion(flat[0], flat[1], len(tagger.tags))
    run.figure("confusion", confusion_figure(counts, tagger.tags, run.experiment))
    answers = [[tagger.tags[answer] for answer in row] for row in judged.answers[:_DRAWN]]
    shown = [_strip(tagger, *pair) for pair in zip(sentences[:_DRAWN], answers, strict=True)]
    run.figure("tags", strips(shown, f"{run.experiment}: strong colours are right"))
    if attends:
        longest = max(sentences[:200], key=lambda one: len(one.tokens))
        run.figure("attention", heat_map(tagger.looks([longest])[0]))


def _shown(one: Tagged) -> list[str]:
    return [words.display(token) for token in one.tokens]


def _strip(tagger: Tagger, one: Tagged, answers: Sequence[str]) -> Strip:
    """The tokens of a sentence, coloured by the tag that each got; a wrong one is pale, beside the right."""
    both = list(zip(one.tags, answers, strict=True))
    return Strip(
        "",
        _shown(one),
        [1.0 if right == answer else 0.25 for right, answer in both],
        [tagger.tags.index(answer) for answer in answers],
        [answer if right == answer else f"{answer}≠{right}" for right, answer in both],
    )
