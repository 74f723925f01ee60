#!/usr/bin/env python3
"""Our JSON reader and writer beside Python's json, on texts from a seed: json_python.py PROGRAM

Both must take or refuse each text, keep the text of every number and every string, and write the same bytes. Python is stricter nowhere, and
laxer where the table LAXER says so.
"""
import json
import random
import subprocess
import sys

TEXTS = 12000
COMPACT, SORTED, SPACED = 0, 2, 8  # enum json_style


class Laxer(Exception):
    """What Python takes and RFC 8259, or a limit of ours, does not."""


class Number(str):
    """The text of a number: Python would calculate with it."""


def unique(pairs):
    if len({key for key, _ in pairs}) < len(pairs):
        raise Laxer("a key twice")
    return dict(pairs)


def constant(name):
    raise Laxer(name)


def whole(value):
    """No halves of surrogate pairs, which Python keeps."""
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, list):
        for item in value:
            whole(item)
    elif isinstance(value, dict):
        whole(list(value))
        whole(list(value.values()))


def python_reads(text):
    """(True, value) or (False, None)."""
    try:
        value = json.loads(text.decode(), parse_int=Number, parse_float=Number, parse_constant=constant, object_pairs_hook=unique)
        whole(value)
        return True, value
    except (ValueError, UnicodeError, Laxer):
        return False, None


def python_writes(value, style):
    separators = (", ", ": ") if style & SPACED else (",", ":")
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, list):
        return "[" + separators[0].join(python_writes(item, style) for item in value) + "]"
    if isinstance(value, dict):
        members = sorted(value.items(), key=lambda m: m[0].encode()) if style & SORTED else value.items()
        return "{" + separators[0].join(json.dumps(key, ensure_ascii=False) + separators[1] + python_writes(item, style) for key, item in members) + "}"
    return json.dumps(value, ensure_ascii=False)


class Source:
    """Texts from a seed: JSON in every spelling, and JSON that was damaged."""

    STRINGS = ["a", "Z", "0", " ", "/", "\\/", '\\"', "\\\\", "\\b", "\\f", "\\n", "\\r", "\\t", "\\u0041", "\\u0000", "\\u001f", "\\u007f", "\\u00E9", "\\u20ac", "\\ud83d\\ude00", "\\uD800\\uDC00",
               "é", "€", "😀", "\x7f", "\u2028", "\ufeff", "'", "{", "]", ",", ":", "<&>"]
    NUMBERS = ["0", "-0", "1", "0.1", "1.50", "1e3", "1E+3", "-2.5e-7", "1" * 50, "9223372036854775808", "1e400", "0.0000", "-1.0e+00"]
    DAMAGE = list(b"\"\\{}[],:+-.eE0123456789tfnudD'/*#aNI \n\t\x01\x1f\x7f\x80\xc3\xe2\xed\xf0\xff")

    def __init__(self, seed):
        self.random = random.Random(seed)

    def string(self):
        return '"' + "".join(self.random.choices(self.STRINGS, k=self.random.randrange(8))) + '"'

    def value(self, depth):
        kind = self.random.randrange(7 if depth else 4)
        if kind == 0:
            text = self.random.choice(["true", "false", "null"])
        elif kind == 1:
            text = self.random.choice(self.NUMBERS + [str(self.random.randrange(-10**9, 10**9)), repr(self.random.uniform(-1e6, 1e6))])
        elif kind < 4:
            text = self.string()
        elif kind == 4:
            text = "[" + ",".join(self.value(depth - 1) for _ in range(self.random.randrange(5))) + "]"
        else:
            text = "{" + ",".join(self.blank() + self.string() + self.blank() + ":" + self.value(depth - 1) for _ in range(self.random.randrange(5))) + "}"
        return self.blank() + text + self.blank()

    def blank(self):
        return self.random.choice(["", "", "", " ", "\n", "\t", "\r\n"])

    def text(self):
        text = bytearray(self.value(5).encode())
        if self.random.randrange(2):
            for _ in range(self.random.randrange(1, 3)):
                at = self.random.randrange(len(text) + 1)
                text[at:at + self.random.randrange(2)] = bytes(self.random.choices(self.DAMAGE, k=self.random.randrange(2)))
        return bytes(text)


FIXED = [b"", b" ", b"nul", b"NaN", b"[Infinity]", b"-Infinity", b"\xef\xbb\xbf1", b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\ud800\\u0041"', b'{"a":1,"a":1}', b'{"a":1,"\\u0061":1}', b"[" * 200 + b"]" * 200,
         b"[" * 201 + b"]" * 201, b"01", b"1.", b".1", b"+1", b"--1", b"1e", b"1e+", b"0x1", b"1_0", b'"\x00"', b'"\x1f"', b'"a\nb"', b"\x00", b"1\x00", b"[1]\x0b", b"\x0c1", b"\xc2\xa01", b"'a'", b'"\\x41"', b'"\\v"',
         b'"\\u 041"', b'"\\u+041"', b'"\\u0_41"', b"{,}", b"[,]", b"[1,,2]", b'{"a":1 "b":2}', b'{"a" 1}', b'{"a",1}', b"{1:2}", b"[1]]", b"tRUE", b"/**/1", b"1//", b"1" * 5000, b'"' + b"x" * 100000 + b'"']
DEEPEST = 200


def depth(value):
    return 1 + max((depth(item) for item in (value.values() if isinstance(value, dict) else value)), default=0) if isinstance(value, (dict, list)) else 0


def we_read(program, texts, style):
    """[(value as bytes, None) or (None, (line, column))]"""
    done = subprocess.run([program, str(style)], input=b"".join(b"%d\n%s" % (len(text), text) for text in texts), stdout=subprocess.PIPE, check=True)
    answers, out, at = [], done.stdout, 0
    while at < len(out):
        end = out.index(b"\n", at)
        first, second = out[at:end].split(b" ")
        at = end + 1
        if first == b"ok":
            answers.append((out[at:at + int(second)], None))
            at += int(second)
        else:
            answers.append((None, (int(first), int(second))))
    return answers


def main():
    source = Source(7)
    texts = FIXED + [source.text() for _ in range(TEXTS)]
    theirs = [python_reads(text) for text in texts]
    theirs = [(taken and depth(value) <= DEEPEST, value) for taken, value in theirs]
    wrong = 0
    for style in (COMPACT, SORTED, SPACED):
        ours = we_read(sys.argv[1], texts, style)
        assert len(ours) == len(texts), f"{len(ours)} answers to {len(texts)} texts"
        for text, (taken, value), (written, place) in zip(texts, theirs, ours):
            want = python_writes(value, style).encode() if taken else None
            if written != want or (not taken and 0 in place):
                wrong += 1
                if wrong <= 10:
                    print(f"{text[:200]!r}\n  Python {want and want[:200]!r}\n  we     {written and written[:200]!r} {place}")
    taken = sum(taken for taken, _ in theirs)
    print(f"{len(texts)} texts, {taken} of them JSON, {wrong} differences")
    assert TEXTS // 4 < taken < TEXTS * 3 // 4, "the texts are too much alike"
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
