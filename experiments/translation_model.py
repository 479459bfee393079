"""What the experiment `translation` trains and loads: a model between two tokenisers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import torch

from attnrun.analysis.alignment import alignment_scores, strongest
from attnrun.analysis.maps import AttentionMap, attention_maps, require_self_attention
from attnrun.analysis.watch import pair_looks
from attnrun.analysis.word_weights import by_shift, pieces_of
from attnrun.data.batching import EncodedPairs, TextBatches, encode_pairs, pairs_of_answers
from attnrun.data.corpus import Pair
from attnrun.data.moses import Form
from attnrun.data.tokenisers import Tokeniser, WordTokeniser
from attnrun.data.words import Split, split
from attnrun.models.decoding import Decoded, forced, greedy
from attnrun.models.ensemble import Ensemble
from attnrun.training import seq2seq


@dataclass(frozen=True)
class Translator:
    """A trained model with its tokenisers; what `load` returns.

    `form` turns plain text into what the corpus holds, and back. `replace_unknown` needs word tokenisers.
    """

    model: Any  # a Seq2Seq that is an nn.Module
    source: Tokeniser
    target: Tokeniser
    form: Form
    device: torch.device
    batch_size: int = 128
    replace_unknown: bool = False
    search: Callable[..., Decoded] = greedy

    @property
    def fingerprint(self) -> str:
        """Equal for translators that read and write the same numbers for the same texts."""
        return f"{self.source.fingerprint()} {self.target.fingerprint()} {self.form.languages is None}"

    def joined(self, others: Sequence["Translator"]) -> "Translator":
        """Return one that takes the mean of all models' probabilities; their fingerprints are equal."""
        return replace(self, model=Ensemble([self.model, *(other.model for other in others)]))

    def predict(self, inputs: Sequence[str]) -> list[str]:
        """Return the translation of each plain text."""
        return list(map(self.form.plain, self.translate(list(map(self.form.source, inputs)))))

    def batches(self, inputs: Sequence[str]) -> list[list[int]]:
        """Return which texts are translated together, by their places, the longest first."""
        return self._read(list(map(self.form.source, inputs))).sequential()

    def candidates(self, inputs: Sequence[str], count: int) -> list[list[seq2seq.Candidate]]:
        """Return `count` translations of each plain text; unknown words stay."""
        found = self._search(list(map(self.form.source, inputs)), need_weights=False, count=count)
        return seq2seq.texts(found, lambda tokens: self.form.plain(self.target.decode(tokens)))

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[seq2seq.Scored]:
        """Return the log-probabilities of given translations: pairs of plain texts."""
        prepared = [Pair(self.form.source(source), self.form.target(target)) for source, target in pairs]
        batches = self.batched(encode_pairs(prepared, self.source, self.target))
        return seq2seq.score(partial(forced, self.model, need_weights=False), batches, self.device)

    def unknown(self, inputs: Sequence[str]) -> list[str]:
        """Return the words of the texts that are not in the source vocabulary, each once."""
        found: dict[str, None] = {}
        for text in map(self.form.source, inputs):
            pairs = zip(self.source.tokens(text), self.source.encode(text), strict=True)
            found |= {token: None for token, number in pairs if number == self.source.unk}
        return list(found)

    def weights(
        self, inputs: Sequence[str], layers: Sequence[int] | None = None, heads: Sequence[int] | None = None
    ) -> list[AttentionMap]:
        """Return where the decoder looked while it translated each text, one map a text.

        `layers` and `heads` choose some of each; None takes all. Raises UserError where the model has no
        attention, or not so many layers or heads.
        """
        sources = list(map(self.form.source, inputs))
        found = self._search(sources, need_weights=True)
        queries = [self.target.labels(answer.tokens) for answer in found]
        keys = list(map(self.source.tokens, sources))
        return attention_maps(inputs, queries, keys, [answer.weights for answer in found], layers, heads)

    def self_weights(
        self,
        inputs: Sequence[str],
        side: str,
        layers: Sequence[int] | None = None,
        heads: Sequence[int] | None = None,
    ) -> list[AttentionMap]:
        """Return where each token of the "source", or of the "target" found for it, looks at its own side.

        Raises NoAttention where the model has no self-attention, and UserError as `weights` does.
        """
        require_self_attention(self.model)
        sources = list(map(self.form.source, inputs))
        names, batches = self._own_source(sources) if side == "source" else self._own_target(sources)
        looks = seq2seq.self_looks(self.model, batches, self.device, side)
        return attention_maps(inputs, names, names, looks, layers, heads)

    def _own_source(self, sources: Sequence[str]) -> tuple[list[list[str]], TextBatches]:
        return list(map(self.source.tokens, sources)), self._read(sources)

    def _own_target(self, sources: Sequence[str]) -> tuple[list[list[str]], TextBatches]:
        """What the decoder reads while it says what a search found for the sources, and these pairs."""
        found = self._search(sources, need_weights=False)
        given = self._read(sources).pairs.source
        answers = (answer.tokens for answer in found)
        read, pairs = pairs_of_answers(given, answers, self.target.bos, self.target.eos)
        return list(map(self.target.labels, read)), self.batched(pairs)

    def translate(self, sources: Sequence[str]) -> list[str]:
        """Return the translation of each source of a corpus, in the form of the corpus."""
        found = self._search(sources, need_weights=self.replace_unknown)
        if not self.replace_unknown:
            return [self.target.decode(answer.tokens) for answer in found]
        return [self._copying(answer, text) for answer, text in zip(found, sources, strict=True)]

    def judge(self, pairs: Sequence[Pair], how: Split | None = None) -> dict[str, float]:
        """Return the mean cross-entropy of a right token, end included, and `alignment_scores`.

        `how` is how the pairs' links count words; without it, or without attention, there are no such scores.
        """
        loss, looks = self._look(pairs, how)
        gold = [pair.links for pair in pairs], [pair.possible for pair in pairs]
        return {"loss": loss, **(alignment_scores([look[0] for look in looks], *gold) if looks else {})}

    def word_weights(self, pairs: Sequence[Pair], how: Split) -> list[dict[int, seq2seq.Array]]:
        """Return `by_shift` the weights (L, H, N, M) between the words of pairs in the form of the corpus.

        There are none without attention. `how` says what a word is.
        """
        return self._look(pairs, how)[1]

    def looks(self, pairs: Sequence[Pair]) -> dict[str, list[AttentionMap]]:
        """Return where the model looks in pairs in the form of the corpus, by side; {} without attention."""
        batches = self.batched(encode_pairs(pairs, self.source, self.target))
        found = seq2seq.looks(self.model, partial(forced, self.model), batches, self.device)
        targets = [self.target.labels(numbers) for numbers in batches.pairs.target.rows()]
        return pair_looks(found, [self.source.tokens(pair.source) for pair in pairs], targets)

    def _look(self, pairs: Sequence[Pair], how: Split | None) -> tuple[float, list[dict[int, seq2seq.Array]]]:
        batches = self.batched(encode_pairs(pairs, self.source, self.target))
        score = partial(forced, self.model, need_weights=how is not None)
        loss, looks = seq2seq.judge(score, batches, self.device)
        if how is None or looks is None:
            return loss, []
        targets = [pieces_of(self.target.tokens(pair.target), split(pair.target, how)) for pair in pairs]
        sources = [pieces_of(self.source.tokens(pair.source), split(pair.source, how)) for pair in pairs]
        return loss, [by_shift(*cut) for cut in zip(looks, targets, sources, strict=True)]

    def _copying(self, answer: seq2seq.Answer, text: str) -> str:
        """The text of an answer to `text`, each unknown word the source word that weighs most for it."""
        words, target = self.source.tokens(text), cast(WordTokeniser, self.target)
        assert answer.weights is not None  # they were asked for
        places = strongest(answer.weights)
        return target.decode_copying(answer.tokens, [None if at is None else words[at] for at in places])

    def _search(self, sources: Sequence[str], need_weights: bool, count: int = 1) -> list[seq2seq.Answer]:
        ends = {"bos": self.target.bos, "eos": self.target.eos, "count": count}
        search = partial(self.search, self.model, need_weights=need_weights, **ends)
        return seq2seq.decode(search, self._read(sources), self.device)

    def _read(self, sources: Sequence[str]) -> TextBatches:
        return self.batched(encode_pairs([Pair(text, text) for text in sources], self.source, self.source))

    def batched(self, pairs: EncodedPairs) -> TextBatches:
        """Return pairs of numbers in batches to evaluate in."""
        return TextBatches(pairs, batch_size=self.batch_size, seed=0)
