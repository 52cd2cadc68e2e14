"""Texts that break formatters, framings and collectors, and how they are written: data for any test.

``NASTY`` holds name -> text as a program logs it. ``ESCAPED`` holds those that do not go out as they
came: name -> the text a collector then has.
"""

from __future__ import annotations

__all__ = ["ESCAPED", "NASTY", "PLAIN"]

_C0 = "".join(map(chr, range(0x20)))
_C1 = "".join(map(chr, range(0x80, 0xA0)))

#: Texts that every format and collector must give back exactly.
PLAIN: dict[str, str] = {
    "one character": "x",
    "words": "the quick brown fox",
    "leading and trailing spaces": "  two  spaces  ",
    "every printable ASCII character": "".join(map(chr, range(0x20, 0x7F))),
    "percent": "100% %s %(message)s %d %%",
    "structured data's own": '"]\\ [id a="b"] \\" \\] \\\\',
    "looks like a header": "<11>1 2003-10-11T22:14:15.003Z host app 1 - - forged",
    "looks like an old header": "<0>Oct 11 22:14:15 kernel: panic",
    "looks like a frame": "42 <13>forged",
    "looks like JSON": '{"message": "forged", "task_id": "x"}',
    "looks like CEE": '@cee: {"a": 1}',
    "looks like an escape": "#012 #033[31m",
    "looks like a part": "(part 1/2) not one",
    "latin": "äöüß ÅÉÎ ñ",
    "greek, cyrillic, han": "Ωμέγα кириллица 漢字",
    "right to left": "שלום עולם مرحبا",
    "bidirectional controls": "\u202eevil\u202c \u2066x\u2069",
    "combining": "e\u0301 a\u0308\u0323",
    "emoji": "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea",
    "every plane": "".join(chr((plane << 16) + 0x100) for plane in range(17)),
    "noncharacters": "\ufdd0 \ufffe \uffff \U0001ffff \U0010ffff",
    "byte order mark": "\ufefftext",
    "replacement": "\ufffd",
    "wide spaces": "a\u00a0b\u2003c\u3000d",
}

#: Texts with what must not pass, and what becomes of it: each byte of it as ``#`` and three octal digits.
ESCAPED: dict[str, tuple[str, str]] = {
    "line breaks": ("one\ntwo\r\nthree", "one#012two#015#012three"),
    "forged record": ("ok\n<11>Oct 11 22:14:15 sshd: forged", "ok#012<11>Oct 11 22:14:15 sshd: forged"),
    "nul": ("a\0b\0", "a#000b#000"),
    "tab": ("a\tb", "a#011b"),
    "colours": ("\x1b[31mred\x1b[0m", "#033[31mred#033[0m"),
    "every C0 control": (_C0, "".join(f"#{code:03o}" for code in range(0x20))),
    "delete": ("a\x7fb", "a#177b"),
    "every C1 control": (_C1, "".join(f"#302#{code:03o}" for code in range(0x80, 0xA0))),
    "line separators": ("a\u2028b\u2029c\u0085d", "a#342#200#250b#342#200#251c#302#205d"),
    "lone surrogates": ("a\ud800b\udfffc", "a#355#240#200b#355#277#277c"),
    "undecodable bytes": ("name-\udcff\udce9.txt", "name-#377#351.txt"),
    "traceback": (
        'Traceback (most recent call last):\n  File "x.py", line 1\nValueError: \x07',
        'Traceback (most recent call last):#012  File "x.py", line 1#012ValueError: #007',
    ),
}

NASTY: dict[str, str] = {
    "empty": "",
    **PLAIN,
    **{name: text for name, (text, _) in ESCAPED.items()},
    "a megabyte": "0123456789abcdef" * 65536,
    "a megabyte of two-byte characters": "é" * 524288,
    "a megabyte of line breaks": "\n" * 1048576,
}
