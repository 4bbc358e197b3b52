"""A thousand strings that mean harm to whatever shows them: terminals, spreadsheets, templates, mail, HTML, Prometheus. The same ones each time."""

import random

SEED = 20260042

#: What each is for is said by what it would do where nobody looks.
SEEDS = (
    # terminals: colours, titles, the clipboard, hyperlinks, C1, answers that are typed back
    "\x1b[31mrouge", "\x1b]0;titre\x07", "\x1b]52;c;Y21k\x07", "\x1b]8;;http://x.bj\x1b\\lien\x1b]8;;\x1b\\", "\x9b2J", "\x9d0;x\x9c",
    "\x1b[6n", "\x1bc",
    "\x1bP$q\x1b\\", "\x07\x07", "\x08\x08\x08", "a\rb", "a\nb", "a\r\nb", "\t", "\x0b\x0c", "\x7f", "\x85", "\x00", "\x1b",
    # text that turns round, or that does not show
    "\u202egnp.exe", "\u2066x\u2069", "\u200fx", "\u061cx", "\u2028x", "\u2029x", "\u200bx", "\ufeffx", "e\u0301" * 40, "Z\u0335\u0322" * 30,
    # spreadsheets
    "=cmd()", "=1+1", "+1+1", "-1+1", "@SUM(A1)", "=HYPERLINK(\"http://x.bj\")", "=cmd|'/C calc'!A0", "-2+3+cmd", "\t=1", "\r=1", "+33 1", "-",
    "@", "=",
    # templates and formats
    "{{7*7}}", "{{config}}", "{% raw %}", "{# x #}", "${7*7}", "#{7*7}", "%s%n", "%(x)s", "{0}", "{number.__class__}", "{", "}", "{{", "$(id)",
    "`id`", "\\N",
    # HTML and mail
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "'\"><svg onload=x>", "</td></tr>", "&lt;b&gt;", "<!--", "]]>",
    "x\r\nBcc: all@x.bj", "\r\n.\r\n",
    "=?utf-8?q?x?=", ".\nQUIT",
    # quotes, SQL, paths, Prometheus, JSON, YAML
    "'; DROP TABLE request; --", "\"", "'", "\\", "\\\\\"", "../../etc/passwd", "x\"} 1\ny{z=\"", "# HELP x", "a\\nb", "\"}]}", "- x: &a *a",
    "!!python/object:x", "\ud800",
    "NaN", "null", "true", "0x10", "1e9", "💥", "日本", "Adébáyọ̀", "ß" * 300, "%00", "\u0000", "￿",
)  # fmt: skip


def corpus(count: int = 1000) -> list[str]:
    """The seeds, and what becomes of them before, behind and around each other; the last one has ten megabytes."""
    randomly, found = random.Random(SEED), list(dict.fromkeys(SEEDS))
    while len(found) < count - 1:
        parts = [randomly.choice(SEEDS) for _ in range(randomly.randint(2, 3))]
        text = randomly.choice(["", " ", "x", "\n"]).join(parts)
        if text not in found:
            found.append(text)
    return [*found, "=\x1b[31m<b>{{7*7}}\r\n" * 600_000]
