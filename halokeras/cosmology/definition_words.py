"""The definition of halo masses that words state: of a box, or the name of a column."""

import re

_TIMES = r"\d{2,4}(?:\.\d+)?"
_OVER = r"background|b|mean|m|critical|crit|cr|c"
_OVERDENSITY = re.compile(
    rf"(?<![\d.])(?P<times>{_TIMES})[\s_]*(?P<over>{_OVER})(?![a-z]|\s*=)"  # b=0.2 is a length
    rf"|(?P<over_first>mean|crit)(?:ical)?[\s_]*(?P<times_after>{_TIMES})(?!\d)"
)
_VIRIAL = re.compile(r"vir(?:ial[a-z]*|mass)?(?![a-z])|tophat")
"""Neither Virgo nor an environment, and ``mvir``."""
_FRIENDS = re.compile(r"fof|friends|groupmass|n members|particles of the group")


def stated_definition(words: str | None) -> str | None:
    """Return the definition that words state.

    Parameters
    ----------
    words
        A box's ``mass_definition``, such as ``SO 200.0 mean``, or a name, such as
        ``Group_M_Crit200``.

    Returns
    -------
    str or None
        An overdensity, rounded, over the mean (``200b``) or critical density (``500c``), ``vir`` or
        ``fof``; None where none is stated.
    """
    plain = (words or "").lower()
    if found := _OVERDENSITY.search(plain):
        times = round(float(found["times"] or found["times_after"]))
        over = found["over"] or found["over_first"]
        return f"{times}{'c' if over.startswith('c') else 'b'}"
    if _VIRIAL.search(plain):
        return "vir"
    return "fof" if _FRIENDS.search(plain) else None
