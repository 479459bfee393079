"""Names of people, cities and countries, and the French prepositions these take."""

_WOMEN = "Marie Emma Julie Sophie Alice Anna Clara Laura Sarah Nina Eva Camille"
_MEN = "Paul Simon Martin David Victor Robert Oscar Adam Marc Antoine"
NAMES: tuple[tuple[str, str], ...] = (
    *((name, "f") for name in _WOMEN.split()),
    *((name, "m") for name in _MEN.split()),
)
CITIES: tuple[tuple[str, str], ...] = tuple(
    (entry.split("=")[0], entry.split("=")[-1])
    for entry in [
        "Paris",
        "Lyon",
        "Marseille",
        "Madrid",
        "Berlin",
        "Rome",
        "London=Londres",
        "Lisbon=Lisbonne",
        "Geneva=Genève",
        "Vienna=Vienne",
        "Brussels=Bruxelles",
        "Montreal=Montréal",
        "Athens=Athènes",
        "Venice=Venise",
        "Dublin",
        "Oslo",
        "Barcelona=Barcelone",
        "Tokyo",
    ]
)
# English | French with article | in, to | from
COUNTRIES: tuple[tuple[str, str, str], ...] = tuple(
    (english.strip(), at.strip(), of.strip())
    for english, at, of in (
        line.split("|")
        for line in """France|en France|de France
        Italy|en Italie|de Italie
        Spain|en Espagne|de Espagne
        Germany|en Allemagne|de Allemagne
        Belgium|en Belgique|de Belgique
        Greece|en Grèce|de Grèce
        England|en Angleterre|de Angleterre
        Ireland|en Irlande|de Irlande
        Switzerland|en Suisse|de Suisse
        China|en Chine|de Chine
        Japan|à le Japon|de le Japon
        Canada|à le Canada|de le Canada
        Brazil|à le Brésil|de le Brésil
        Portugal|à le Portugal|de le Portugal
        Mexico|à le Mexique|de le Mexique
        Morocco|à le Maroc|de le Maroc""".splitlines()
    )
)
