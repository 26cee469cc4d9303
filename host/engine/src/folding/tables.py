#!/usr/bin/env python3
"""Makes the two tables beside this file anew:

    tables.py UNICODE_SECURITY/src/tables.rs OPENCC/TSCharacters.txt

- `letters.txt`: letters of other scripts that look like a Latin one, after it in its line. From the Unicode Consortium's
  confusables.txt (UTS #39, version 18; Unicode License v3) as the crate `unicode-security` 0.1.3 carries it; and by
  their names the small capitals and letters with strokes, hooks and tails.
- `simplified.txt`: a traditional character and its simplified one, pairs without anything between them. From
  TSCharacters.txt of OpenCC 1.4.2 (Apache License 2.0), the first of several candidates and what becomes of it.
"""
import pathlib
import re
import sys
import unicodedata

# Words of Arabic, Thai and so on would gain nothing but an `o` or an `l` here and there.
SCRIPTS = ("LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU", "DESERET", "MODIFIER LETTER")


def prototypes(source):
    """What the characters of confusables.txt look like, those that look like one other."""
    table = source[source.index("const CONFUSABLES: &'static [(char") :]
    table = table[: table.index("];")]
    pairs = re.findall(r"\('\\u\{(\w+)\}',\s*&\[([^\]]*)\]\)", table)
    for char, looks in pairs:
        looks = [chr(int(code, 16)) for code in re.findall(r"\\u\{(\w+)\}", looks)]
        if len(looks) == 1:
            yield chr(int(char, 16)), looks[0]


def letters(source):
    """By letter, what looks like it: in lower case, decomposed, as `fold_letter` asks."""
    looks_like = {}
    # Lower case last, so that it decides: `н` alone is unlike anything, `Н` is an H.
    for char, looks in sorted(prototypes(source), key=lambda pair: pair[0] == pair[0].lower()):
        letter = looks.lower()
        if not ("a" <= letter <= "z") or char.isascii() or len(char.lower()) != 1:
            continue
        # What decomposes to a Latin letter needs no row.
        if unicodedata.name(char, "").startswith(SCRIPTS) and not unicodedata.normalize("NFKD", char)[0].isascii():
            looks_like[char.lower()] = letter
    for char in map(chr, range(0x80, 0x10000)):
        name = re.fullmatch("LATIN LETTER SMALL CAPITAL ([A-Z])|LATIN SMALL LETTER ([A-Z]) WITH .*", unicodedata.name(char, ""))
        if name and unicodedata.normalize("NFKD", char) == char:
            looks_like.setdefault(char, (name[1] or name[2]).lower())
    rows = {}
    for char, letter in sorted(looks_like.items()):
        rows.setdefault(letter, []).append(char)
    return "".join(f"{letter}{''.join(chars)}\n" for letter, chars in sorted(rows.items()))


def simplified(source):
    pairs = (line.split("\t") for line in source.splitlines() if line and not line.startswith("#"))
    pairs = {char: becomes.split()[0] for char, becomes in pairs}
    pairs = {char: becomes for char, becomes in pairs.items() if char != becomes}
    # What is simplified must stay as it is: 薴 is 苧, which is 苎.
    text = "".join(char + pairs.get(becomes, becomes) for char, becomes in pairs.items())
    lines = (text[at : at + 80] for at in range(0, len(text), 80))
    return "\n".join(lines) + "\n"


here = pathlib.Path(__file__).parent
security, opencc = (pathlib.Path(path).read_text(encoding="utf-8") for path in sys.argv[1:3])
(here / "letters.txt").write_text(letters(security), encoding="utf-8")
(here / "simplified.txt").write_text(simplified(opencc), encoding="utf-8")
