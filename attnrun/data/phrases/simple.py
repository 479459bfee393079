"""Sentences of one clause."""

from attnrun.data.phrases.adverbials import DAYS, FREQUENCY, at_hour, hour, when
from attnrun.data.phrases.chunk import EMPTY, Chunk, say, word
from attnrun.data.phrases.clause import ObjectPronoun, Predicate, Scene, Verb, clause, command
from attnrun.data.phrases.complements import city, fixed, is_direct, name, predicate, slot, someone, state, state_of, to_do
from attnrun.data.phrases.dice import Dice
from attnrun.data.phrases.lexicon.adjectives import adjective, described, states
from attnrun.data.phrases.lexicon.idioms import ACHES, GREETINGS, PROFESSIONS, SHORT, WEATHER, WITH_AVOIR
from attnrun.data.phrases.lexicon.names import NAMES
from attnrun.data.phrases.lexicon.nouns import noun, nouns
from attnrun.data.phrases.lexicon.verbs import read, verbs
from attnrun.data.phrases.nominal import NUMBERS, Subject, noun_phrase, number
from attnrun.data.phrases.subjects import named, person, thing

STOP = "~./PUNCT = ~./PUNCT"
MARK = "~?/PUNCT = ?/PUNCT"
SHOUT = "~!/PUNCT = !/PUNCT"
BE = read("be was been|être|s|")
BE_FEELING = read("be was been|avoir|s|")
HAVE = read("have had|avoir|s|")
_TENSES = ("past", "past", "past", "future", "habit", "progressive", "near", "imperfect", "perfect", "recent", "can", "must")
_STATE_TENSES = ("present", "present", "past", "future")
_DIRECT = (
    ("me", "me", "", False), ("you", "te", "", False), ("him", "le", "m", False), ("her", "la", "f", False),
    ("us", "nous", "", True), ("them", "les", "m", True),
)  # fmt: skip
_INDIRECT = (("me", "me"), ("you", "te"), ("him", "lui"), ("us", "nous"), ("them", "leur"), ("her", "lui"))
_CATENATIVE = (
    "want|vouloir|s|", "like|aimer|s|", "love|adorer|s|", "hate|détester|s|", "prefer|préférer|s|", "hope|espérer|s|",
    "try|essayer|m|de", "forget forgot|oublier|m|de", "decide|décider|m|de", "begin began begun|commencer|m|à",
    "promise|promettre|m|de", "refuse|refuser|m|de", "learn|apprendre|m|à", "need|avoir besoin/NOUN|s|de",
)  # fmt: skip


def tense_for(dice: Dice, verb: Verb, subject: Subject) -> str:
    """Return a tense in which the verb makes sense and whose French form the English subject decides."""
    if verb.state:
        return dice.pick(_STATE_TENSES)
    tense = dice.pick(_TENSES)
    if verb.momentary and tense in ("progressive", "imperfect", "habit", "recent"):
        tense = dice.pick(("past", "future"))
    if tense in ("past", "perfect") and verb.with_etre and not subject.gender:
        tense = dice.pick(("future", "near", "must"))
    return tense


def doing(dice: Dice) -> Verb:
    """Return any verb of people."""
    return dice.pick(verbs())


def polarity(dice: Dice, tense: str, state: bool) -> str:
    """Return a negation now and then; `perfect` always has `already` or one of `yet` and `never`."""
    if tense == "perfect":
        return dice.pick(("", "yet", "never"))
    if tense == "habit":
        return "never" if dice.chance(0.15) else ""
    if tense in ("recent", "would", "used") or dice.chance(0.75):
        return ""
    if tense == "present" and state and dice.chance(0.3):
        return "anymore"
    return "not"


def act(dice: Dice, subject: Subject, done: Predicate, tense: str = "", timed: bool = True) -> Chunk:
    """Return a clause with a tense, perhaps a negation, and a time that fits."""
    tense = tense or tense_for(dice, done.verb, subject)
    negation = polarity(dice, tense, done.verb.state)
    often = False
    if tense == "perfect" and not negation:
        done = done._replace(adverb="already/ADV = déjà/ADV")
    if tense == "habit" and not negation and dice.chance(0.4):
        done, often = done._replace(adverb=dice.pick(FREQUENCY)), True
    told = clause(dice, subject, done, tense, negation)
    at = when(dice, tense) if timed and not often and negation not in ("never", "anymore") else EMPTY
    if done.verb.state and tense == "past" and not dice.chance(0.3):
        at = EMPTY
    return told.then(at)


def action(dice: Dice) -> Chunk:
    """Somebody does something: the most frequent kind of sentence."""
    return act(dice, person(dice), predicate(dice, doing(dice))).then(say(STOP))


def fronted(dice: Dice) -> Chunk:
    """`Yesterday, we went home.`"""
    verb = doing(dice)
    while verb.state:
        verb = doing(dice)
    tense = dice.pick(("past", "future", "near"))
    subject = person(dice, clear=verb.with_etre)
    told = clause(dice, subject, predicate(dice, verb), tense, "not" if dice.chance(0.2) else "")
    return when(dice, tense).then(say("~,/PUNCT = ~,/PUNCT"), told, say(STOP))


def with_pronoun(dice: Dice, subject: Subject | None = None) -> Chunk:
    """`She saw them`, with agreement of the participle."""
    choices = tuple(verb for verb in verbs() if verb.frames[0][:1] == ("person",) and verb.fr != "parler")
    verb = dice.pick(choices)
    subject = subject or person(dice)
    tense = tense_for(dice, verb, subject)
    compound = tense in ("past", "perfect") and not verb.state
    allowed = tuple(
        ObjectPronoun(*entry, True) for entry in _DIRECT
        if entry[0] not in _same(subject) and (entry[2] or not compound)
    )  # fmt: skip
    return act(dice, subject, Predicate(verb, (), dice.pick(allowed)), tense).then(say(STOP))


def _same(subject: Subject) -> tuple[str, ...]:
    """Return the object pronouns that would mean the subject itself."""
    return (("me", "us"), ("you",), (), ("us", "me"), (), ())[subject.person]


def dative(dice: Dice) -> Chunk:
    """`I gave him the keys`: the pronoun stands before the French verb."""
    verb = dice.pick(tuple(verb for verb in verbs() if verb.frames[0][1:] == ("to.person",) and verb.fr != "expliquer"))
    subject = person(dice)
    frame = dice.pick(verb.frames)
    allowed = tuple(entry for entry in _INDIRECT if entry[0] not in _same(subject))
    english, french = dice.pick(allowed)
    pronoun = ObjectPronoun(english, french, "", False, False)
    return act(dice, subject, Predicate(verb, (slot(frame[0]),), pronoun)).then(say(STOP))


def wanting(dice: Dice, subject: Subject | None = None) -> Chunk:
    """`He wants to buy a car`, `We decided to go home`."""
    *line, preposition = dice.pick(_CATENATIVE).split("|")
    outer = read("|".join(line) + "|")
    inner = doing(dice)
    while inner.state or inner.momentary:
        inner = doing(dice)
    done = Predicate(outer, (to_do(predicate(dice, inner), preposition),))
    subject = subject or person(dice)
    tense = dice.pick(("past", "future", "near")) if outer.momentary else tense_for(dice, outer, subject)
    return act(dice, subject, done, tense, timed=False).then(say(STOP))


def wishing(dice: Dice) -> Chunk:
    """`I would like to visit the castle.`"""
    inner = doing(dice)
    while inner.state:
        inner = doing(dice)
    return clause(dice, person(dice), predicate(dice, inner), "would").then(say(STOP))


def being(dice: Dice) -> Chunk:
    """`My sister is tired`."""
    done = Predicate(BE, (_very(state) if dice.chance(0.4) else state,))
    return act(dice, person(dice), done).then(say(STOP))


def _very(inner):
    def build(dice: Dice, scene: Scene) -> Chunk:
        found = inner(dice, scene)
        if found.fr[0].text == "en":
            return found
        return say(dice.pick(("very/ADV = très/ADV", "too/ADV = trop/ADV", "so/ADV = si/ADV"))).then(found)

    return build


def feeling(dice: Dice) -> Chunk:
    """`Are hungry`, `have a headache`: French says both with avoir."""
    verb, choices = dice.pick(((BE_FEELING, WITH_AVOIR), (HAVE, ACHES)))
    spec = dice.pick(choices)
    tense = dice.pick(_STATE_TENSES)
    negation = "not" if spec.startswith(("hungry", "thirsty", "cold", "afraid")) and dice.chance(0.3) else ""
    at = when(dice, tense) if tense != "present" and dice.chance(0.5) else EMPTY
    return clause(dice, person(dice), Predicate(verb, (fixed(spec),)), tense, negation).then(at, say(STOP))


def profession(dice: Dice) -> Chunk:
    """`My aunt is a doctor`: the profession agrees and takes no article."""
    subject = person(dice, clear=True)
    while subject.plural or subject.chunk.en[0].text == "the":
        subject = person(dice, clear=True)
    english, masculine, feminine = dice.pick(PROFESSIONS).split("=")
    mark = object()
    form = feminine if subject.gender == "f" else masculine
    job = Chunk(word("a", "DET", mark) + word(english, "NOUN", mark), word(form, "NOUN", mark))
    if dice.chance(0.3):
        wants = read("want|vouloir|s|") if dice.chance(0.6) else read("hope|espérer|s|")
        becoming = Predicate(read("become became become|devenir||"), (lambda dice, scene: job,))
        return clause(dice, subject, Predicate(wants, (to_do(becoming),)), "present").then(say(STOP))
    tense = dice.pick(("present", "past", "future"))
    told = clause(dice, subject, Predicate(BE, (lambda dice, scene: job,)), tense, "not" if dice.chance(0.2) else "")
    where = slot(dice.pick(("in.city", "in.country")))(dice, Scene(subject, tense, ""))
    return told.then(where if dice.chance(0.5) else EMPTY, say(STOP))


def comparing(dice: Dice) -> Chunk:
    """`My brother is taller than your sister`."""
    subject, than = named(dice), named(dice)
    while subject.chunk.en[0].text == "the" or than.chunk.en[0].text == "the" or than.chunk.en == subject.chunk.en:
        subject, than = named(dice), named(dice)
    chosen = dice.pick(tuple(entry for entry in states() if " " not in entry.masculine and entry.en not in ("married", "alone")))
    said = compared(chosen, subject, dice.pick(("more", "more", "less", "as")))
    told = clause(dice, subject, Predicate(BE, (lambda dice, scene: said,)), dice.pick(("present", "present", "past")))
    return told.then(Chunk(than.chunk.en, than.chunk.fr), say(STOP))


def compared(chosen, subject: Subject, degree: str) -> Chunk:
    """Return `taller than`, `less happy than`, `as kind as`."""
    how, head, than = object(), object(), object()
    form = word(chosen.agree(subject.gender or "m", subject.plural), "ADJ", head)
    fr = word({"more": "plus", "less": "moins", "as": "aussi"}[degree], "ADV", how) + form + word("que", "SCONJ", than)
    if degree == "more" and chosen.comparative:
        en = word(chosen.comparative, "ADJ", how, head)
    else:
        en = word(degree, "ADV", how) + word(chosen.en, "ADJ", head)
    return Chunk(en + word("as" if degree == "as" else "than", "ADP", than), fr)


_WHERE = (
    "on/ADP = sur/ADP", "under/ADP = sous/ADP", "behind/ADP = derrière/ADP", "in/ADP front/NOUN of/ADP = devant/ADP",
    "next/ADV/1 to/ADP/2 = à/ADP/1 côté/NOUN/1 de/ADP/2", "near/ADP = près/ADV de/ADP",
)  # fmt: skip


def place(dice: Dice, themes: str) -> Chunk:
    """Return where a thing lies: on the table, behind the sofa."""
    if dice.chance(0.3):
        return say("in/ADP = dans/ADP").then(noun_phrase("the", dice.pick(nouns("room"))))
    return say(dice.pick(_WHERE[:2] if "pair" in themes else _WHERE)).then(noun_phrase("the", dice.pick(nouns("furniture"))))


def lying(dice: Dice) -> Chunk:
    """`Your keys are under the bed`."""
    themes = dice.pick(("carried", "pair+clothes", "reading", "present", "dishes", "animal"))
    kind = "the" if themes == "dishes" else dice.pick(("the", "my", "your", "our"))
    subject = thing(dice, themes, kind)
    where = place(dice, themes)
    told = clause(dice, subject, Predicate(BE, (lambda dice, scene: where,)), dice.pick(("present", "present", "past")),
                  "not" if dice.chance(0.15) else "")  # fmt: skip
    return told.then(say(STOP))


def standing(dice: Dice) -> Chunk:
    """`The bank is opposite the station`."""
    one, other = dice.pick(nouns("place")), dice.pick(nouns("place+land"))
    while other.en in (one.en, "sea", "tree", "mountain"):
        other = dice.pick(nouns("place+land"))
    spec = dice.pick((*_WHERE[2:], "opposite/ADP = en/ADP face/NOUN de/ADP", "far/ADV from/ADP = loin/ADV de/ADP"))
    where = say(spec).then(noun_phrase("the", other))
    subject = Subject(noun_phrase("the", one), 2, one.gender, "its")
    return clause(dice, subject, Predicate(BE, (lambda dice, scene: where,)), "present").then(say(STOP))


def describing(dice: Dice) -> Chunk:
    """`This dress is too expensive`."""
    themes = dice.pick(("clothes", "pair", "vehicle", "reading", "show", "house", "thought", "furniture", "carried", "dish",
                        "drink", "picture", "room", "device"))  # fmt: skip
    subject = thing(dice, themes, dice.pick(("the", "this", "my", "your") if themes in ("clothes", "pair", "vehicle", "carried") else ("the", "this")), 0.3, 0)
    theme = themes
    allowed = tuple(entry for entry in described(theme) if entry.en not in ("French", "English", "Italian", "Spanish", "American", "new", "old", "young"))
    chosen = dice.pick(allowed)
    done = Predicate(BE, ((_very if dice.chance(0.5) else lambda inner: inner)(lambda dice, scene: state_of(scene.subject, chosen)),))
    return clause(dice, subject, done, dice.pick(("present", "present", "past")), "not" if dice.chance(0.2) else "").then(say(STOP))


def there_is(dice: Dice) -> Chunk:
    """`There are three cups on the table`, `There isn't any milk in the fridge`."""
    themes = dice.pick(("dish+drink", "fruit", "carried", "dishes", "reading", "animal", "present"))
    chosen = dice.pick(nouns(themes))
    negated, be, neg = dice.chance(0.3), object(), object()
    many = chosen.countable and dice.chance(0.6)
    kind = ("any" if negated else "some" if not chosen.countable or dice.chance(0.3) else number(dice) if many else "a")
    if kind == "some" and chosen.countable:
        many = True
    if kind == "a" or not chosen.countable:
        many = False
    english, french = dice.pick((("is", "a"), ("was", "avait")))
    counted = many or (not chosen.countable and False)
    english = {"is": "are", "was": "were"}[english] if counted else english
    en = word("there", "PRON", be) + word(english + "n'" * negated, "AUX", be)
    fr = word("il", "PRON", be)
    if negated:
        en += say("~t/PART = x/X").en[:1] if False else (_not(neg),)
        fr += word("ne", "ADV", neg)
    fr += word("y", "PRON", be) + word(french, "VERB", be) + (word("pas", "ADV", neg) if negated else ())
    where = place(dice, themes) if themes not in ("dish+drink", "fruit") else say(dice.pick(_KITCHEN))
    if themes == "animal":
        where = say("in/ADP = dans/ADP").then(noun_phrase("the", noun(dice.pick(("garden", "field", "forest", "street", "park")))))
    return Chunk(en, fr).then(noun_phrase(kind, chosen, many), where, say(STOP))


def _not(mark):
    from attnrun.data.phrases.chunk import glued

    return glued("t", "PART", mark)


_KITCHEN = (
    "in/ADP/1 the/DET/2 fridge/NOUN/3 = dans/ADP/1 le/DET/2 frigo/NOUN/3",
    "on/ADP/1 the/DET/2 table/NOUN/3 = sur/ADP/1 la/DET/2 table/NOUN/3",
    "in/ADP/1 the/DET/2 kitchen/NOUN/3 = dans/ADP/1 la/DET/2 cuisine/NOUN/3",
    "in/ADP/1 the/DET/2 cupboard/NOUN/3 = dans/ADP/1 le/DET/2 placard/NOUN/3",
)


def weather(dice: Dice) -> Chunk:
    """`It will rain in Paris tomorrow`."""
    tense = dice.pick(("now", "past", "future"))
    where = dice.pick((EMPTY, slot("in.city")(dice, None), slot("in.country")(dice, None)))
    at = when(dice, {"now": "progressive"}.get(tense, tense)) if dice.chance(0.7) else EMPTY
    return say(dice.pick(WEATHER[tense])).then(where, at, say(STOP))


def clock(dice: Dice) -> Chunk:
    """`It is half past six`, `The train leaves at noon`."""
    if dice.chance(0.2):
        return say("it/PRON/1 is/AUX/2 = il/PRON/1 est/AUX/2").then(hour(dice), say(STOP))
    themes, line = dice.pick((
        ("transport", "leave left|partir|m|"), ("transport", "arrive|arriver|m|"), ("show", "start|commencer|m|"),
        ("show", "finish|finir|m|"), ("place", "open|ouvrir|m|"), ("place", "close|fermer|m|"),
    ))  # fmt: skip
    subject = thing(dice, themes, "the", 0, 0)
    while subject.chunk.en[-1].text in ("taxi", "underground", "beach", "square", "castle", "farm"):
        subject = thing(dice, themes, "the", 0, 0)
    told = clause(dice, subject, Predicate(read(line)), dice.pick(("present", "past", "future")), "")
    day = EMPTY
    if dice.chance(0.4):
        english, french = dice.pick(DAYS)
        day = say(f"on/ADP/1 {english}/PROPN/2 = {french}/NOUN/12")
    return told.then(at_hour(dice), day, say(STOP))


def amount(dice: Dice) -> Chunk:
    """Ages and prices."""
    english, french = dice.pick(NUMBERS)
    if dice.chance(0.5):
        subject = person(dice)
        while subject.chunk.en[0].text == "the":
            subject = person(dice)
        age = f"{english}/NUM/1 years/NOUN/2 old/ADJ/3 = {french}/NUM/1 ans/NOUN/23"
        return clause(dice, subject, Predicate(BE_FEELING, (fixed(age),)), dice.pick(("present", "past", "future"))).then(say(STOP))
    subject = thing(dice, "clothes+pair+carried+present+dishes+reading", dice.pick(("the", "this")))
    price = f"{english}/NUM/1 euros/NOUN/2 = {french}/NUM/1 euros/NOUN/2"
    return clause(dice, subject, Predicate(read("cost cost cost|coûter|s|"), (fixed(price),)), dice.pick(("present", "past"))).then(say(STOP))


_BEASTS = (
    ("animal", "sleep slept|dormir||", "place"), ("animal", "hide hid hidden|se cacher||", "place"),
    ("animal", "eat ate eaten|manger||", "in.room"), ("animal", "run ran run|courir||", "in.park"),
    ("animal", "drink drank drunk|boire||", "drink"), ("animal", "play|jouer||", "in.park"),
    ("vehicle", "be was been|être|s|", "front"), ("transport", "be was been|être|s|", "late"),
)  # fmt: skip


def beast(dice: Dice) -> Chunk:
    """Animals and vehicles do what they do."""
    themes, line, where = dice.pick(_BEASTS)
    verb, subject = read(line), thing(dice, themes, dice.pick(("the", "my", "our", "this")) if themes != "transport" else "the")
    tense = dice.pick(("present", "past")) if verb.state else dice.pick(("past", "progressive", "imperfect", "future"))
    if where == "place":
        spot = place(dice, themes)
    elif where == "drink":
        spot = noun_phrase("some", noun(dice.pick(("water", "milk"))))
    elif where == "front":
        spot = say(dice.pick(_WHERE[2:])).then(noun_phrase("the", dice.pick(nouns("place"))))
    elif where == "late":
        spot = state_of(subject, adjective(dice.pick(("late", "early"))))
    else:
        spot = slot(where)(dice, Scene(subject, tense, ""))
    return clause(dice, subject, Predicate(verb, (lambda dice, scene: spot,)), tense).then(
        when(dice, tense) if dice.chance(0.5) and not verb.state else EMPTY, say(STOP))  # fmt: skip


_UNWILLED = frozenset("see find lose have know want understand believe break meet cry hate like love prefer need miss arrive".split())


def order(dice: Dice) -> Chunk:
    """Imperatives, with `please` and names now and then."""
    verb = doing(dice)
    while verb.en.base in _UNWILLED or not verb.frames[0]:
        verb = doing(dice)
    negated = dice.chance(0.3) or verb.fr in ("oublier",)
    frame = dice.pick(verb.frames)
    told = command(dice, Predicate(verb, tuple(slot(spec) for spec in frame)), negated)
    if dice.chance(0.25):
        told = told.then(say("~,/PUNCT = ~,/PUNCT"), name(dice.pick(NAMES)[0]))
    elif dice.chance(0.25):
        told = told.then(say("please/INTJ = s'il/PRON te/PRON plaît/VERB"))
    return told.then(say(dice.pick((STOP, STOP, SHOUT))))


def order_to(dice: Dice) -> Chunk:
    """`Give me the book`, `Show him your photos`."""
    verb = dice.pick(tuple(verb for verb in verbs() if verb.frames[0][1:] == ("to.person",) and verb.fr != "expliquer"))
    english, french = dice.pick((("me", "me"), ("him", "lui"), ("us", "nous"), ("them", "leur")))
    frame = dice.pick(verb.frames)
    told = command(dice, Predicate(verb, (slot(frame[0]),), ObjectPronoun(english, french, "", False, False)), dice.chance(0.3))
    if dice.chance(0.3):
        told = told.then(say("please/INTJ = s'il/PRON te/PRON plaît/VERB"))
    return told.then(say(dice.pick((STOP, SHOUT))))


def greeting(dice: Dice) -> Chunk:
    """Greetings and short replies."""
    if dice.chance(0.25):
        return say(dice.pick(SHORT)).then(say(dice.pick((STOP, SHOUT))))
    said = say(dice.pick(GREETINGS))
    if dice.chance(0.9):
        said = said.then(say("~,/PUNCT = ~,/PUNCT"), name(dice.pick(NAMES)[0]))
    return said.then(say(dice.pick((STOP, SHOUT))))
