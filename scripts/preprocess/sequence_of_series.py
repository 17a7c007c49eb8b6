# SPDX-License-Identifier: Apache-2.0
"""Read from a scan's description, times and contrast agent which sequence it is."""

import re
from typing import NamedTuple

from scripts.preprocess.series import Series

# A scan with fewer slices, or one that extends less along an axis, is a localizer or a slab.
FEWEST_SLICES = 10
LEAST_MM = 80.0

_BEGIN, _END = r"(?<![a-z0-9])", r"(?![a-z0-9])"
_OTHER = re.compile(
    rf"{_BEGIN}(loc|locali[sz]er|scout|survey|calib\w*|3 ?plane|aahead\w*|dwi|dti|diff\w*|adc|trace\w*|fa|ep2d|epi|"
    rf"b ?\d{{2,4}}|perf\w*|dsc|dce|asl|rcbv|cb[vf]|mtt|ttp|ktrans|swi|swan|mip|minip|phase|pha|tof|mra|mrv|angio\w*|"
    rf"cest|bold|fmri|mrs|svs|csi|spectro\w*|sub|subtr\w*|field ?map|map|mapping|t[12]w?map\w*|"
    rf"t1 ?rho|rho|t2 ?star|hemo|stir|pd|pdw|proton){_END}|t2w? ?\*"
)
_FLAIR = re.compile(r"flair|dark ?fluid|tirm")
_T1 = re.compile(rf"(?<![a-z0-9])s?t1|mp ?rage|spgr|bravo|vibe|{_BEGIN}(tfl|tfe)")
_T2 = re.compile(r"(?<![a-z0-9])s?t2")
# `pet to t1` is a PET that was registered to a T1.
_REGISTERED = re.compile(r"(?<=.) to (?=s?t[12]|flair).*")
# After `pre` and `post` these words name a treatment, a stroke, or the posterior fossa.
_NOT_TREATED = (
    rf"{_END}(?! ?(?:op|surg|resec|treat|therap|rt{_END}|radio|radiat|chemo|biops|stroke|trauma|crani|"
    rf"(?:fossa|bx|sx|gk){_END}))"
)
_WITH = re.compile(
    rf"{_BEGIN}(gd|gad|gado\w*|ce|km|kontrast|contrast|contr|dotarem|gadovist|prohance|multihance|magnevist|inj\w*|"
    rf"enhanced|post(?:contrast|gd|gad|km)|t1(?: ?c(?! ?spine)|ce|gd)){_END}|{_BEGIN}(?:t1)?post{_NOT_TREATED}|"
    rf"\+ ?(c|gd|km|contrast){_END}|{_BEGIN}c ?\+"
)
# What may be denied; also in the words of other languages, as "sans injection de gado".
_AGENT = r"(?:contrast\w*|kontrast\w*|contr|gd|gad\w*|km|cm|ce|c|inj\w*|inyec\w*|iniez\w*|enhanc\w*)"
# These deny an agent that follows, or anything but the suppression of fat.
_ANY_DENIAL = r"without|w ?/ ?o(?:ut)?|w ?o|ohne|non"
# These deny only an agent that follows. A 0 after another number is a decimal, as in "1.0 KM".
_DENIAL = (
    rf"{_ANY_DENIAL}|no|not|minus|before|sans|avant|sin|antes|senza|prima|zonder|kein\w*|vor|sem|utan|uden|uten|o|"
    r"(?<=t1 |[a-z][a-z] )0"
)
# "sinc" is a pulse, so a c needs the space.
_DENIED_AGENT = rf"(?:{_DENIAL})(?: |(?!c))(?:(?:de|di|d|del|of|any) )?{_AGENT}(?: (?:(?:de|di|d|of) )?{_AGENT})*"
_WITHOUT = re.compile(
    rf"{_BEGIN}({_DENIED_AGENT}|(?:{_ANY_DENIAL})(?! ?(?:fs|fat|sat|fett))|nativ\w*|unenhanced|plain|km ?frei|"
    rf"(?:pre|non?)(?:contrast|gd|gado?|km|enhanced)|t1n){_END}|{_BEGIN}(?:t1)?pre{_NOT_TREATED}"
)
# "without contrast" names no agent.
_DENIED = re.compile(rf"{_BEGIN}(?:{_DENIED_AGENT}|pre ?{_AGENT}|km ?frei){_END}")
# "-C", "(-) Gd" and "C-" deny the agent, but "T1-C" and "T1 - C" do not.
_MINUS = re.compile(
    rf"\([-\u2013\u2212]\)|(?<![^\s_(])[-\u2013\u2212](?=(?:c|ce|gd|gad\w*|km|contrast|kontrast|inj\w*){_END})"
)
_C_MINUS = re.compile(rf"{_BEGIN}(t1)?c[-\u2013\u2212](?![a-z0-9+/])")
# `ContrastBolusAgent` says that none was given, or nothing. "Lot no. 5", "non-ionic" and "pre-filled" deny nothing.
_NO_AGENT = re.compile(
    rf"^(?:no{_END}.*|.*{_BEGIN}no|n|na|false|pre|0[0 ]*[a-z]{{0,4}}|[+*/ ]*)$|"
    rf"{_BEGIN}(?:{_ANY_DENIAL}|{_DENIED_AGENT}|none|nil|null|nein|kein\w*|minus|sans|sin|senza|zonder|aucun|not|"
    rf"n ?/ ?a|unknown|unspecified|undefined|unbekannt|nativ\w*){_END}(?! ?ionic)"
)


class Reading(NamedTuple):
    """Which sequence a scan is (None if none, or not clear), why, and whether a T1 says anything about contrast."""

    sequence: str | None
    why: str
    tells_contrast: bool = True


def read_sequence(series: Series) -> Reading:
    """The sequence of one scan.

    A name that the user gave counts first. Otherwise the words of the description and the times (echo, repetition,
    inversion) must not contradict each other; one of them is enough. A T1 is a T1ce if its description says so, or if
    the header names a contrast agent and the description does not say that it was taken before.
    """
    if unfit := _unfit(series):
        return Reading(None, unfit)
    if series.named:
        return Reading(series.named, f"its file name ends in {series.named}")
    words = _REGISTERED.sub("", _words(series.description))
    if other := _OTHER.search(words):
        return Reading(None, f"not one of the four sequences, by '{other[0].strip()}' in its description")
    said, timed = _by_words(words), weighting_by_times(series.facts)
    if said and timed and said != timed:
        return Reading(None, f"not clear: its description says {said}, its times ({_times(series.facts)}) say {timed}")
    if said and _contradicts(said, series.facts):
        return Reading(None, f"not clear: its description says {said}, its times ({_times(series.facts)}) do not fit")
    if not (said or timed):
        return Reading(None, f"not clear: neither its description nor its times ({_times(series.facts)}) say it")
    why = " and ".join(
        [*(["its description"] if said else []), *([f"its times ({_times(series.facts)})"] if timed else [])]
    )
    if (said or timed) != "t1":
        return Reading(said or timed, why)
    return _contrast(words, series.facts, why)


def _contrast(words: str, facts: dict, why: str) -> Reading:
    before = _WITHOUT.search(words)
    after = _WITH.search(_DENIED.sub(" ", words))
    if before and after:
        return Reading(None, f"not clear: '{before[0].strip()}' and '{after[0].strip()}' in its description")
    if before:
        return Reading("t1", f"{why}; '{before[0].strip()}' in its description")
    if after:
        return Reading("t1ce", f"{why}; '{after[0].strip()}' in its description")
    agent = str(facts.get("ContrastBolusAgent") or facts.get("ContrastBolusIngredient") or "").strip()
    if not _NO_AGENT.search(_words(agent).strip()):
        return Reading("t1ce", f"{why}; a contrast agent in its header")
    return Reading("t1", f"{why}; nothing names a contrast agent", tells_contrast=False)


def _words(description: str) -> str:
    """Lower case, with one space instead of other separators; `+`, `*` and `/` stay, a `-` that denies is `minus`."""
    words = _C_MINUS.sub(r" \1 minus c ", _MINUS.sub(" minus ", description.lower()))
    return re.sub(r"[^a-z0-9+*/]+", " ", words)


def _by_words(words: str) -> str | None:
    if _T1.search(words):
        return "t1"  # also "t1 flair", which is T1-weighted
    if _FLAIR.search(words):
        return "flair"
    return "t2" if _T2.search(words) else None


def _contradicts(said: str, facts: dict) -> bool:
    """Whether the times rule out what the description says: STIR is no FLAIR, proton density no T2."""
    echo, inversion = number_of(facts.get("EchoTime")), number_of(facts.get("InversionTime"))
    return bool(inversion and inversion < 1.2) if said == "flair" else said == "t2" and bool(echo and echo < 0.06)


def weighting_by_times(facts: dict) -> str | None:
    """The weighting (t1, t2 or flair) that echo, repetition and inversion time (s) give; None if none or not known."""
    echo, repetition, inversion = (number_of(facts.get(f"{name}Time")) for name in ("Echo", "Repetition", "Inversion"))
    if echo is None:
        return None
    if echo >= 0.06 and inversion is not None and inversion >= 1.2:
        return "flair"
    if echo >= 0.06 and not inversion and (repetition or 0) >= 1.5:
        return "t2"
    short = repetition is not None and repetition <= 1.0
    prepared = inversion is not None and 0.3 <= inversion <= 1.3 and (repetition or 0) <= 3.5
    return "t1" if echo <= 0.035 and (short or prepared) else None


def _unfit(series: Series) -> str | None:
    """Why a scan can be none of the sequences, whatever it is called."""
    modality = series.facts.get("Modality", "MR")
    if modality != "MR":
        return f"no MR scan ({modality})"
    shape = [length for axis, length in enumerate(series.shape) if axis < 3 or length > 1]
    if len(shape) != 3:
        return f"has {'x'.join(map(str, series.shape))} voxels, not three axes"
    extents = [length * size for length, size in zip(shape, series.sizes)]
    if min(shape) < FEWEST_SLICES or min(extents) < LEAST_MM:
        return f"has {min(shape)} slices and extends {min(extents):.0f} mm along one axis: a localizer or a slab"
    kinds = {str(kind).upper() for kind in series.facts.get("ImageType") or ()}
    if derived := sorted(
        kinds & {"ADC", "TRACEW", "FA", "DIFFUSION", "PERFUSION", "SUBTRACTION", "PROJECTION IMAGE", "P", "PHASE"}
    ):
        return f"is {derived[0]} by its ImageType"
    return None


def number_of(value) -> float | None:
    """The value as a number, None if it is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _times(facts: dict) -> str:
    pairs = (("TE", "EchoTime"), ("TR", "RepetitionTime"), ("TI", "InversionTime"))
    known = [f"{name} {1000 * value:g} ms" for name, key in pairs if (value := number_of(facts.get(key))) is not None]
    return ", ".join(known) or "unknown"
