#!/usr/bin/env python3
"""Writes UnicodeNormalization.txt, the tables of UnicodeNormalization.cs, from Python's unicodedata (Unicode 14.0).

The data are the Unicode Character Database's, copyright Unicode, Inc., under the Unicode License v3
(https://www.unicode.org/license.txt).
"""

import sys
import unicodedata
from pathlib import Path


def lines():
    hexed = lambda text: " ".join(f"{ord(c):X}" for c in text)
    classes = []
    for code in range(sys.maxunicode + 1):
        c = chr(code)
        if 0xD800 <= code <= 0xDFFF or 0xAC00 <= code < 0xAC00 + 11172:  # surrogates; Hangul is computed
            continue
        canonical, compatible = unicodedata.normalize("NFD", c), unicodedata.normalize("NFKD", c)
        pair = unicodedata.decomposition(c).split()
        if len(pair) == 2 and not pair[0].startswith("<"):
            a, b = (chr(int(p, 16)) for p in pair)
            if unicodedata.normalize("NFC", a + b) == c:
                yield f"+{code:X} {hexed(a)} {hexed(b)}"
        if canonical != c:
            yield f"={code:X} {hexed(canonical)}"
        if compatible != canonical:
            yield f"~{code:X} {hexed(compatible)}"
        if (number := unicodedata.combining(c)):
            if classes and classes[-1][1] == code - 1 and classes[-1][2] == number:
                classes[-1][1] = code
            else:
                classes.append([code, code, number])
    for first, last, number in classes:
        yield f"#{first:X} {last:X} {number:X}"


if __name__ == "__main__":
    assert unicodedata.unidata_version == "14.0.0", unicodedata.unidata_version
    Path(__file__).with_suffix(".txt").write_text("".join(line + "\n" for line in lines()))
