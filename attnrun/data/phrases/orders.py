"""Imperatives, greetings and short replies."""

from attnrun.data.phrases.chunk import Chunk, say
from attnrun.data.phrases.clause import ObjectPronoun, Predicate, command
from attnrun.data.phrases.complements import name, slot
from attnrun.data.phrases.dice import Dice
from attnrun.data.phrases.lexicon.idioms import GREETINGS, SHORT
from attnrun.data.phrases.lexicon.names import NAMES
from attnrun.data.phrases.lexicon.verbs import read, verbs
from attnrun.data.phrases.simple import SHOUT, STOP, doing


def order(dice: Dice) -> Chunk:
    """Imperatives, with `please` and names now and then."""
    verb, negated = doing(dice, willed=True), dice.chance(0.3)
    if negated and dice.chance(0.2):
        verb = read("forget forgot forgotten|oublier||my.carried")
    frame = dice.pick(verb.frames)
    told = command(dice, Predicate(verb, tuple(slot(spec) for spec in frame)), negated)
    if dice.chance(0.25):
        told = told.then(say("~,/PUNCT = ~,/PUNCT"), name(dice.pick(NAMES)[0]))
    elif dice.chance(0.25):
        told = told.then(say("~,/PUNCT/1 please/INTJ/2 = ~,/PUNCT/1 s'il/PRON/2 te/PRON/2 plaît/VERB/2"))
    return told.then(dice.pick((STOP, STOP, SHOUT)))


def order_to(dice: Dice) -> Chunk:
    """`Give me the book`, `Show him your photos`."""
    verb = dice.pick(
        tuple(verb for verb in verbs() if verb.frames[0][1:] == ("to.person",) and verb.fr != "expliquer")
    )
    english, french = dice.pick((("me", "me"), ("him", "lui"), ("us", "nous"), ("them", "leur")))
    frame = dice.pick(verb.frames)
    told = command(
        dice,
        Predicate(verb, (slot(frame[0]),), ObjectPronoun(english, french, "", False, False)),
        dice.chance(0.3),
    )
    if dice.chance(0.3):
        told = told.then(say("~,/PUNCT/1 please/INTJ/2 = ~,/PUNCT/1 s'il/PRON/2 te/PRON/2 plaît/VERB/2"))
    return told.then(dice.pick((STOP, SHOUT)))


def greeting(dice: Dice) -> Chunk:
    """Greetings and short replies."""
    if dice.chance(0.25):
        return say(dice.pick(SHORT)).then(dice.pick((STOP, SHOUT)))
    said = say(dice.pick(GREETINGS))
    if dice.chance(0.9):
        said = said.then(say("~,/PUNCT = ~,/PUNCT"), name(dice.pick(NAMES)[0]))
    return said.then(dice.pick((STOP, SHOUT)))
