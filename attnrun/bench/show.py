"""Figures as people read them."""


def time(seconds: float) -> str:
    """Return seconds in the unit that suits them.

    >>> time(0.0123)
    '12.3 ms'
    """
    for unit, scale in (("µs", 1e6), ("ms", 1e3)):
        if seconds * scale < 999.5:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds:.3g} s"


def rate(number: float, unit: str) -> str:
    """Return so many units a second, "" where there is no unit.

    >>> rate(3830.4, "tokens")
    '3,830 tokens/s'
    """
    return f"{number:,.{0 if number >= 100 else 1}f} {unit}/s" if unit else ""


def share(part: float | None) -> str:
    """Return a share in per cent, a dash where it is not known.

    >>> share(0.031)
    '±3%'
    """
    return "–" if part is None else f"±{100 * part:.0f}%"


def size(number: int | None) -> str:
    """Return bytes in MiB, "" where they are not known.

    >>> size(3 * 2**20)
    '3 MiB'
    """
    return "" if number is None else f"{number / 2**20:,.0f} MiB"
