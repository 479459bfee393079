"""A text as one value in Hydra's override grammar."""

import re


def quote(text: str) -> str:
    """Return `text` so that Hydra and OmegaConf read exactly it: quotes, backslashes and `${…}` included.

    In a quoted value a backslash escapes a quote, and other backslashes only where they stand before one;
    OmegaConf then takes `\\${` for a literal `${`.
    """
    literal = re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + r"\${", text)
    before_quotes = re.sub(r"(\\*)'", lambda found: found[1] * 2 + r"\'", literal)
    at_the_end = re.sub(r"(\\+)$", lambda found: found[1] * 2, before_quotes)
    return f"'{at_the_end}'"
