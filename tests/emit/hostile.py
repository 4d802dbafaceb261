"""Names that data may bring: code, quotes, line ends, look-alikes, words with a meaning."""

from __future__ import annotations

import random

HOSTILE = (
    *("", " ", "x y", "x-1", "x.y", "1x", "_x", "__class__", "x\n", "\nimport os", "x\ry", "x\0"),
    *('"', "'", '"""', "'''", '"""\nimport os\n"""', "\\", "x\\", "#", "x # y", "x;import os"),
    *("{{ x }}", "{% for k in x %}", "{x}", "%s", "${x}", "__import__('os').system('true')"),
    *("import", "lambda", "None", "True", "def", "match", "type", "_", "class", "async"),
    *("print", "range", "len", "eval", "exec", "open", "int", "float", "max", "__builtins__"),
    *("np", "math", "njit", "numba", "numpy", "workspace", "scipy", "special", "self"),
    *(
        "\ufb01",
        "\U0001d431",
        "\uff58",
        "x\u0304",
        "\xaax",
        "\u017f",
        "\u0445",
        "x\u200b",
        "\u202ex",
        "é",
    ),
    *("a" * 65, "x" * 10_000, "ς\u0300", "ϑ", "∇", "∂x", "∑", "名前", "🦆", "\ud800", "\x1b[31m"),
)
_PARTS = (*HOSTILE[:60], "x", "y", "_2", "θ", "0", " ", "(", ")", ",", "=", "\u2028", "\u0085")


def hostile_name(rng: random.Random) -> str:
    """Return a hostile name: one of the list, or pieces of some put together."""
    while True:
        if rng.random() < 0.3:
            return rng.choice(HOSTILE)
        name = "".join(rng.choice(_PARTS) for _ in range(rng.randint(1, 5)))
        if not _is_plain(name):
            return name


def _is_plain(name: str) -> bool:
    """Tell whether a name could be shown: letters of ASCII and of Greek, digits, underscores."""
    return all((c.isascii() and c.isalnum()) or c == "_" or "α" <= c <= "ω" for c in name)
