"""French conjugation: rules for the three groups, a table of irregular verbs, participles."""

from functools import cache

# present (six forms) | past participle | stem of the future | stem of the imperfect unless that of `nous`
_IRREGULAR = {
    "être": "suis es est sommes êtes sont|été|ser|ét",
    "avoir": "ai as a avons avez ont|eu|aur",
    "aller": "vais vas va allons allez vont|allé|ir",
    "faire": "fais fais fait faisons faites font|fait|fer",
    "venir": "viens viens vient venons venez viennent|venu|viendr",
    "prendre": "prends prends prend prenons prenez prennent|pris|prendr",
    "mettre": "mets mets met mettons mettez mettent|mis|mettr",
    "voir": "vois vois voit voyons voyez voient|vu|verr",
    "savoir": "sais sais sait savons savez savent|su|saur",
    "pouvoir": "peux peux peut pouvons pouvez peuvent|pu|pourr",
    "vouloir": "veux veux veut voulons voulez veulent|voulu|voudr",
    "devoir": "dois dois doit devons devez doivent|dû|devr",
    "boire": "bois bois boit buvons buvez boivent|bu|boir",
    "lire": "lis lis lit lisons lisez lisent|lu|lir",
    "écrire": "écris écris écrit écrivons écrivez écrivent|écrit|écrir",
    "dire": "dis dis dit disons dites disent|dit|dir",
    "dormir": "dors dors dort dormons dormez dorment|dormi|dormir",
    "partir": "pars pars part partons partez partent|parti|partir",
    "sortir": "sors sors sort sortons sortez sortent|sorti|sortir",
    "servir": "sers sers sert servons servez servent|servi|servir",
    "ouvrir": "ouvre ouvres ouvre ouvrons ouvrez ouvrent|ouvert|ouvrir",
    "offrir": "offre offres offre offrons offrez offrent|offert|offrir",
    "connaître": "connais connais connaît connaissons connaissez connaissent|connu|connaîtr",
    "recevoir": "reçois reçois reçoit recevons recevez reçoivent|reçu|recevr",
    "conduire": "conduis conduis conduit conduisons conduisez conduisent|conduit|conduir",
    "construire": "construis construis construit construisons construisez construisent|construit|construir",
    "courir": "cours cours court courons courez courent|couru|courr",
    "rire": "ris ris rit rions riez rient|ri|rir",
    "sourire": "souris souris sourit sourions souriez sourient|souri|sourir",
    "croire": "crois crois croit croyons croyez croient|cru|croir",
    "suivre": "suis suis suit suivons suivez suivent|suivi|suivr",
    "vivre": "vis vis vit vivons vivez vivent|vécu|vivr",
    "envoyer": "envoie envoies envoie envoyons envoyez envoient|envoyé|enverr",
    "pleuvoir": "pleus pleus pleut pleuvons pleuvez pleuvent|plu|pleuvr",
    "peindre": "peins peins peint peignons peignez peignent|peint|peindr",
    "asseoir": "assieds assieds assied asseyons asseyez asseyent|assis|assiér",
}
_DERIVED = {
    "revenir": ("re", "venir"), "devenir": ("de", "venir"), "souvenir": ("sou", "venir"),
    "apprendre": ("ap", "prendre"), "comprendre": ("com", "prendre"), "permettre": ("per", "mettre"),
    "endormir": ("en", "dormir"), "promettre": ("pro", "mettre"),
}  # fmt: skip
_DOUBLING = frozenset(("appeler", "rappeler", "jeter"))
_FUTURE = ("ai", "as", "a", "ons", "ez", "ont")
_IMPERFECT = ("ais", "ais", "ait", "ions", "iez", "aient")
_IMPERATIVE = {"être": "sois", "avoir": "aie", "aller": "va"}
_SILENT = (0, 1, 2, 5)  # persons whose ending is not heard, so that the stem carries the stress


@cache
def conjugate(infinitive: str, tense: str, person: int) -> str:
    """Return a finite form; `person` 0..5 from je to ils, `tense` is present, future, imperfect, would."""
    present, _, future, imperfect = _principal(infinitive)
    if tense == "present":
        return present[person]
    if tense == "imperfect":
        return _soften(imperfect, _IMPERFECT[person])
    return future + (_FUTURE if tense == "future" else _IMPERFECT)[person]


@cache
def participle(infinitive: str, gender: str = "m", plural: bool = False) -> str:
    """Return the past participle in agreement with a gender and a number."""
    form = _principal(infinitive)[1]
    if gender == "f":
        form = form.replace("dû", "du") + "e"
    return form + "s" * (plural and not form.endswith("s"))


@cache
def imperative(infinitive: str, plural: bool = False) -> str:
    """Return the imperative of `tu`, or of `nous` where `plural`."""
    if plural:
        return conjugate(infinitive, "present", 3)
    if infinitive in _IMPERATIVE:
        return _IMPERATIVE[infinitive]
    form = conjugate(infinitive, "present", 1)
    return form.removesuffix("s") if form.endswith("es") else form


@cache
def _principal(infinitive: str) -> tuple[tuple[str, ...], str, str, str]:
    """Return the six present forms, the past participle, the stem of the future and that of the imperfect."""
    prefix, base = _DERIVED.get(infinitive, ("", infinitive))
    if base in _IRREGULAR:
        forms, past, future, *rest = _IRREGULAR[base].split("|")
        present = tuple(prefix + form for form in forms.split())
        return (
            present,
            prefix + past,
            prefix + future,
            prefix + rest[0] if rest else present[3].removesuffix("ons"),
        )
    if infinitive.endswith("er"):
        return _first_group(infinitive)
    stem = infinitive[:-2]
    if infinitive.endswith("ir"):
        return (
            tuple(stem + end for end in ["is", "is", "it", "issons", "issez", "issent"]),
            stem + "i",
            infinitive,
            stem + "iss",
        )
    assert infinitive.endswith("re"), infinitive
    present = tuple(stem + end for end in ("s", "s", "", "ons", "ez", "ent"))
    return present, stem + "u", infinitive[:-1], stem


def _first_group(infinitive: str) -> tuple[tuple[str, ...], str, str, str]:
    stem = infinitive[:-2]
    stressed = _stressed(infinitive)
    endings = ("e", "es", "e", "ons", "ez", "ent")
    present = tuple(
        (stressed + end) if person in _SILENT else _soften(stem, end) for person, end in enumerate(endings)
    )
    # é stays in the written future (préférera), other changes of the stem reach it (achètera, nettoiera)
    future = (stem if len(stem) > 1 and stem[-2] == "é" else stressed) + "er"
    return present, stem + "é", future, stem


def _stressed(infinitive: str) -> str:
    """Return the stem before a silent ending: achèt-, appell-, préfèr-, nettoi-."""
    stem = infinitive[:-2]
    if infinitive in _DOUBLING:
        return stem + stem[-1]
    if stem.endswith(("oy", "uy", "ay")):
        return stem[:-1] + "i"
    if len(stem) > 2 and stem[-2] in "eé" and stem[-1] not in "aeiouéèy":
        return stem[:-2] + "è" + stem[-1]
    return stem


def _soften(stem: str, ending: str) -> str:
    """Keep the sound of c and g before a and o: mangeons, commençait."""
    if ending[0] in "ao" and stem.endswith("g"):
        return stem + "e" + ending
    if ending[0] in "ao" and stem.endswith("c"):
        return stem[:-1] + "ç" + ending
    return stem + ending
