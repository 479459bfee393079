# ruff: noqa: E501  (tables read better wide)
"""Nouns by theme, with gender and plural.

An entry reads `english=french gender`; irregular plurals follow a slash: `child/children=enfant m`,
`eye=œil/yeux m`. After the gender, `0` is a noun without plural, `+` one that stands in the plural only,
`#` one that is singular in English and plural in French.
"""

from functools import cache
from typing import NamedTuple

_TABLE = {
    "kin": """brother=frère m, sister=sœur f, uncle=oncle m, aunt=tante f, son=fils m, daughter=fille f,
        cousin=cousin m, friend=ami m, neighbour=voisin m, colleague=collègue m, nephew=neveu m, niece=nièce f""",
    "elder": "mother=mère f0, father=père m0, grandmother=grand-mère f0, grandfather=grand-père m0, boss=patron m0",
    "spouse": "husband=mari m0, wife=femme f0",
    "people": """man/men=homme m, woman/women=femme f, tourist=touriste m, student=étudiant m,
        teacher=professeur m, doctor=médecin m, waiter=serveur m, policeman/policemen=policier m, baker=boulanger m,
        farmer=agriculteur m, actress=actrice f, postman/postmen=facteur m, driver=chauffeur m, lawyer=avocat m,
        guest=invité m, customer=client m, artist=artiste m, hairdresser=coiffeur m, nurse=infirmier m""",
    "young": "boy=garçon m, girl=fille f, child/children=enfant m",
    "pet": "dog=chien m, cat=chat m, rabbit=lapin m, hamster=hamster m",
    "farm animal": "horse=cheval m, donkey=âne m, cow=vache f, hen=poule f, duck=canard m, goat=chèvre f, pig=cochon m",
    "wild animal": """bird=oiseau m, mouse/mice=souris f, hedgehog=hérisson m, owl=hibou/hiboux m, butterfly=papillon m,
        squirrel=écureuil m, bear=ours m, wolf/wolves=loup m, fox=renard m, elephant=éléphant m, monkey=singe m,
        lion=lion m, frog=grenouille f""",
    "fruit": """apple=pomme f, orange=orange f, banana=banane f, pear=poire f, peach=pêche f, strawberry=fraise f,
        cherry=cerise f, egg=œuf m, tomato=tomate f, potato=pomme de terre/pommes de terre f, carrot=carotte f,
        sandwich=sandwich m, cake=gâteau m, biscuit=biscuit m, pancake=crêpe f, mushroom=champignon m,
        lemon=citron m, onion=oignon m, green bean=haricot vert/haricots verts m, croissant=croissant m,
        omelette=omelette f""",
    "dish": """bread=pain m0, cheese=fromage m0, butter=beurre m0, jam=confiture f0, rice=riz m0, meat=viande f0,
        fish=poisson m0, chicken=poulet m0, soup=soupe f0, salad=salade f0, honey=miel m0, chocolate=chocolat m0,
        ham=jambon m0, pasta=pâtes f#, ice cream=glace f0, yoghurt=yaourt m0""",
    "cold drink": """water=eau f0, milk=lait m0, orange juice=jus d'orange m0, apple juice=jus de pomme m0, wine=vin m0,
        beer=bière f0, lemonade=limonade f0""",
    "hot drink": "coffee=café m0, tea=thé m0",
    "cocoa": "hot chocolate=chocolat chaud m0",
    "meal": "breakfast=petit déjeuner m0, lunch=déjeuner m0, dinner=dîner m0",
    "clothes": """coat=manteau m, dress=robe f, shirt=chemise f, hat=chapeau m, scarf/scarves=écharpe f, jacket=veste f,
        skirt=jupe f, jumper=pull m, cap=casquette f, tie=cravate f, raincoat=imperméable m, suit=costume m""",
    "pair": """shoe=chaussure f+, boot=botte f+, glove=gant m+, sock=chaussette f+, sandal=sandale f+""",
    "carried": """umbrella=parapluie m, bag=sac m, watch=montre f, phone=téléphone m, wallet=portefeuille m,
        ticket=billet m, passport=passeport m, pen=stylo m, pencil=crayon m, notebook=cahier m, suitcase=valise f, ring=bague f, camera=appareil photo/appareils photo m, basket=panier m,
        key=clé f, map=carte f, racket=raquette f""",
    "present": """doll=poupée f, ball=ballon m, flower=fleur f, present=cadeau m, plant=plante f, toy=jouet m,
        rose=rose f, necklace=collier m, puzzle=puzzle m, game=jeu m""",
    "dishes": """knife/knives=couteau m, glass=verre m, cup=tasse f, plate=assiette f, bottle=bouteille f,
        fork=fourchette f, spoon=cuillère f, bowl=bol m, frying pan=poêle f""",
    "mail": "letter=lettre f, message=message m, postcard=carte postale/cartes postales f",
    "literature": "novel=roman m, poem=poème m, article=article m, story=histoire f",
    "printed": "book=livre m, newspaper=journal m, magazine=magazine m",
    "motor": "car=voiture f, motorbike=moto f, lorry=camion m, van=camionnette f",
    "ride": "bike=vélo m, boat=bateau m",
    "transport": "bus=bus m, train=train m, taxi=taxi m, underground=métro m0, tram=tramway m",
    "plane": "plane=avion m",
    "furniture": """table=table f, chair=chaise f, bed=lit m, sofa=canapé m, wardrobe=armoire f,
        desk=bureau m, mirror=miroir m, carpet=tapis m, armchair=fauteuil m, cupboard=placard m""",
    "cosy room": """kitchen=cuisine f, bedroom=chambre f, living room=salon m, garden=jardin m,
        dining room=salle à manger/salles à manger f""",
    "storage": "bathroom=salle de bains/salles de bains f, garage=garage m, cellar=cave f, attic=grenier m",
    "workplace": """station=gare f, bank=banque f, market=marché m, school=école f, hospital=hôpital m, museum=musée m,
        library=bibliothèque f, restaurant=restaurant m, airport=aéroport m, hotel=hôtel m, supermarket=supermarché m,
        bakery=boulangerie f, pharmacy=pharmacie f, town hall=mairie f, university=université f, zoo=zoo m,
        factory=usine f, farm=ferme f, post office=poste f, office=bureau m""",
    "leisure": """cinema=cinéma m, theatre=théâtre m, swimming pool=piscine f, beach=plage f, park=parc m, church=église f,
        castle=château m, stadium=stade m""",
    "land": """forest=forêt f, mountain=montagne f, river=rivière f, lake=lac m, island=île f, field=champ m,
        village=village m, city=ville f, tree=arbre m, bridge=pont m, street=rue f, square=place f, sea=mer f0""",
    "device": """computer=ordinateur m, television=télévision f, radio=radio f, washing machine=machine à laver f0,
        fridge=frigo m, oven=four m, lamp=lampe f, printer=imprimante f, dishwasher=lave-vaisselle m0""",
    "openable": "door=porte f, window=fenêtre f, box=boîte f, drawer=tiroir m, gate=portail m",
    "thought": """problem=problème m, question=question f, answer=réponse f, exercise=exercice m, lesson=leçon f,
        word=mot m, rule=règle f, sentence=phrase f, idea=idée f""",
    "screen": "film=film m, match=match m, programme=émission f, documentary=documentaire m",
    "stage": "concert=concert m, play=pièce f, exhibition=exposition f",
    "picture": "photo=photo f, painting=tableau m, drawing=dessin m, portrait=portrait m",
    "music": "song=chanson f, record=disque m, opera=opéra m",
    "home": "house=maison f, flat=appartement m",
    "structure": "wall=mur m, roof=toit m, tower=tour f",
    "subject": """history=histoire f0, maths=mathématiques f#, biology=biologie f0, geography=géographie f0,
        chemistry=chimie f0, art=art m0, music=musique f0, literature=littérature f0""",
    "language": """French=français m0, English=anglais m0, Spanish=espagnol m0, Italian=italien m0, German=allemand m0,
        Japanese=japonais m0, Chinese=chinois m0, Portuguese=portugais m0""",
    "sport": "football=football m0, tennis=tennis m0, basketball=basket m0, chess=échecs m#, cards=cartes f#, "
    "hockey=hockey m0, golf=golf m0, volleyball=volley m0",
    "instrument": """piano=piano m0, violin=violon m0, guitar=guitare f0, flute=flûte f0, trumpet=trompette f0,
        cello=violoncelle m0, accordion=accordéon m0""",
    "duty": "homework=devoirs m#, money=argent m0, time=temps m0",
}  # fmt: skip
_GROUPS = {
    "animal": "pet+farm animal+wild animal", "owned animal": "pet+farm animal", "drink": "cold drink+hot drink+cocoa",
    "reading": "mail+literature+printed", "vehicle": "motor+ride", "room": "cosy room+storage",
    "place": "workplace+leisure", "show": "screen+stage", "house": "home",
}  # fmt: skip


def expand(themes: str) -> tuple[str, ...]:
    """Return the themes that a `+` list of themes, groups of themes and single nouns stands for."""
    return tuple(theme for name in themes.split("+") for theme in _GROUPS.get(name, name).split("+"))


class Noun(NamedTuple):
    """A noun of both languages; `countable` is False where it has no plural."""

    en: str
    en_plural: str
    fr: str
    fr_plural: str
    gender: str
    theme: str
    countable: bool
    only_plural: bool
    french_plural: bool


@cache
def nouns(themes: str) -> tuple[Noun, ...]:
    """Return the nouns of the themes, which are joined by `+`; a theme may also be one English noun."""
    found: list[Noun] = []
    for theme in expand(themes):
        found += _theme(theme) if theme in _TABLE else [noun(theme)]
    return tuple(found)


@cache
def _theme(theme: str) -> tuple[Noun, ...]:
    return tuple(_read(entry.strip(), theme) for entry in _TABLE[theme].split(","))


@cache
def noun(english: str) -> Noun:
    """Return the noun of this English singular; the first theme that holds it wins."""
    return next(entry for theme in _TABLE for entry in _theme(theme) if entry.en == english)


def _read(entry: str, theme: str) -> Noun:
    english, french = entry.split("=")
    french, gender = french.rsplit(" ", 1)
    en, _, en_plural = english.partition("/")
    fr, _, fr_plural = french.partition("/")
    return Noun(
        en,
        en_plural or _english_plural(en),
        fr,
        fr_plural or french_plural(fr),
        gender[0],
        theme,
        gender[1:] not in ("0", "#"),
        gender[1:] == "+",
        gender[1:] == "#",
    )


def _english_plural(word: str) -> str:
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "ch", "sh", "tomato", "potato")) else "s")


def french_plural(word: str) -> str:
    """Return the regular plural: chats, gâteaux, chevaux, bras."""
    if word.endswith(("s", "x", "z")):
        return word
    if word.endswith("al"):
        return word[:-1] + "ux"
    return word + ("x" if word.endswith(("eau", "eu")) else "s")
