#!/usr/bin/env python3
"""tests/support/errors_table.py: writes the table of base/error.def into specs/errors.md, after a new error."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ROW = re.compile(r'^X\((\w+), (\d+), (\w+), "([^"]*)", "([^"]*)"\)$')


def rows():
    for line in (ROOT / 'base/error.def').read_text().splitlines():
        match = ROW.match(line)
        if match:
            name, number, kind, sentence, then = match.groups()
            yield f'| {number} | `{name}` | {kind} | {sentence} | {then} |'


def main():
    page = ROOT / 'specs/errors.md'
    text = page.read_text()
    head, rest = text.split('| number | name |', 1)
    tail = rest.split('\n\n', 1)[1] if '\n\n' in rest else ''
    table = ['| number | name | class | sentence | next |', '|---|---|---|---|---|', *rows()]
    page.write_text(head + '\n'.join(table) + '\n' + ('\n' + tail if tail else ''))


main()
