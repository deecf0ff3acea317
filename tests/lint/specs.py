#!/usr/bin/env python3
"""tests/lint/specs.py: whether the specifications, the code and the tests cite each other rightly.

A rule is a line "- NAME-000 ..." of a page in specs/, with a MUST. Citations are NAME-000 anywhere in code or tests;
"NAME-001 ... NAME-004" and "NAME-001 to NAME-004" cite whatever rules there are in between. Each run first shows, on
planted faults, that every check sees what it is for.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
RULE = re.compile(r'^- ([A-Z]+-\d{3}) (.*)$')
CITATION = re.compile(r'(?<![\w-])([A-Z]{2,}-\d{3})(?![\w-])')
RANGE = re.compile(r'(?<![\w-])([A-Z]{2,})-(\d{3}) (?:\.\.\.|to) \1-(\d{3})(?!\w)')
NOT_RULES = {'EIP', 'ERC', 'FIPS', 'RFC', 'SHA', 'CVE', 'ISO', 'AES'}
CODE = ('.c', '.h', '.def', '.sol', '.mjs', '.py', '.sh')
TAG = re.compile(r'"(pp\.[a-z0-9]+\.v\d+)"')
LEDGER = ('base/', 'channels/', 'fees/', 'rewards/', 'settlement/')
FLOAT = re.compile(r'\b(float|double|strtod|atof|<math\.h>)\b')
COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)


def cited(text, rules):
    """The rules that a text names. Of a range, those that exist; its first number if there is none."""
    found = set(CITATION.findall(RANGE.sub('', text)))
    for name, first, last in RANGE.findall(text):
        within = [f'{name}-{number:03}' for number in range(int(first), int(last) + 1)]
        found |= rules.keys() & within or {within[0]}
    return {rule for rule in found if rule.split('-')[0] not in NOT_RULES}


def is_test(path):
    return path.startswith('tests/') or path.endswith('.t.sol') or '/test/' in path


def check(files):
    """Faults of a tree, given as {path: text}."""
    faults, rules = [], {}
    for path, text in sorted(files.items()):
        if not (path.startswith('specs/') and path.endswith('.md')):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            match = RULE.match(line)
            if not match:
                continue
            rule, sentence = match.groups()
            if rule in rules:
                faults.append(f'{path}:{number}: {rule} exists already in {rules[rule]}')
            if len(re.findall(r'\bMUST\b', sentence)) != 1:
                faults.append(f'{path}:{number}: {rule} must have one MUST')
            rules[rule] = f'{path}:{number}'

    tested = set()
    for path, text in sorted(files.items()):
        if not path.endswith(CODE + ('.md',)):
            continue
        names = cited(text, rules)
        if path.startswith('tests/lint/'): # names made up for its own tests
            names &= rules.keys()
        for rule in sorted(names - rules.keys()):
            faults.append(f'{path}: cites {rule}, which does not exist')
        if is_test(path):
            tested |= names
    faults += [f'{rules[rule]}: {rule} is cited in no test' for rule in sorted(rules.keys() - tested)]

    glossary = files.get('specs/README.md', '')
    listed = set(re.findall(r'^\| `(pp\.[a-z0-9]+\.v\d+)` \|', glossary, re.M))
    used = {}
    for path, text in files.items():
        if path.endswith(('.c', '.h')) and not path.startswith('tests/'):
            for tag in TAG.findall(text):
                used.setdefault(tag, path)
    faults += [f'{used[tag]}: the hash tag {tag} is not listed in specs/README.md' for tag in sorted(used.keys() - listed)]
    faults += [f'specs/README.md: the hash tag {tag} is used nowhere' for tag in sorted(listed - used.keys())]

    for path in re.findall(r'^\| \[[^]]*\]\(([^)]*)\) \|', glossary, re.M):
        if f'specs/{path}' not in files:
            faults.append(f'specs/README.md: the page {path} does not exist')
    for path in sorted(files):
        if re.fullmatch(r'specs/[\w-]+\.md', path) and path != 'specs/README.md':
            if f']({path[6:]})' not in glossary:
                faults.append(f'{path}: not listed in specs/README.md')

    for path, names in re.findall(r'^\| \[[^]]*\]\(([^)]*)\) \| ([A-Z, ]*) ?\|', glossary, re.M):
        kinds = {rule.split('-')[0] for rule, place in rules.items() if place.startswith(f'specs/{path}:')}
        if f'specs/{path}' in files and kinds != set(re.findall('[A-Z]+', names)):
            faults.append(f'specs/README.md: {path} has the rules {", ".join(sorted(kinds))}')

    # MONEY-018
    for path, text in sorted(files.items()):
        if path.startswith(LEDGER) and path.endswith(('.c', '.h')):
            match = FLOAT.search(COMMENT.sub('', text))
            if match:
                faults.append(f'{path}: floating point where money is known: {match.group(0)}')
    return faults


def self_test():
    """Each check must see the fault that it is for."""
    good = {
        'specs/README.md': '| [a.md](a.md) | AB | x |\n| `pp.leaf.v1` | x |\n',
        'specs/a.md': '- AB-001 It MUST.\n- AB-002 It MUST.\n- AB-003 It MUST.\n',
        'base/a.c': '/* AB-001, EIP-712, no double */ "pp.leaf.v1"',
        'tests/unit/test_a.c': '/* AB-001 ... AB-003 */',
    }
    planted = [
        ('nothing', {}, None),
        ('unknown rule cited', {'base/b.c': '/* AB-009 */'}, 'does not exist'),
        ('unknown rule cited in a test', {'tests/unit/test_b.c': 'AB-004'}, 'does not exist'),
        ('unknown rule cited in a page', {'specs/a.md': good['specs/a.md'] + 'see AC-001'}, 'does not exist'),
        ('range of no rule', {'base/b.c': '/* AB-010 to AB-019 */'}, 'does not exist'),
        ('nothing in a range with gaps', {'base/b.c': '/* AB-002 to AB-019 */'}, None),
        ('untested rule', {'specs/a.md': good['specs/a.md'] + '- AB-004 It MUST.\n'}, 'in no test'),
        ('rule cited in code only', {'tests/unit/test_a.c': 'AB-001 AB-002', 'base/b.c': 'AB-003'}, 'in no test'),
        ('rule twice', {'specs/a.md': good['specs/a.md'] + '- AB-001 It MUST.\n'}, 'exists already'),
        ('rule without MUST', {'specs/a.md': good['specs/a.md'].replace('It MUST', 'It may', 1)}, 'one MUST'),
        ('rule with two MUSTs', {'specs/a.md': good['specs/a.md'].replace('MUST.', 'MUST and MUST.', 1)}, 'one MUST'),
        ('tag not listed', {'base/b.c': '"pp.node.v1"'}, 'not listed'),
        ('tag not used', {'base/a.c': ''}, 'used nowhere'),
        ('rules of a page not listed', {'specs/README.md': good['specs/README.md'].replace('| AB |', '| AC |')}, 'has the rules'),
        ('page not listed', {'specs/b.md': ''}, 'not listed'),
        ('page missing', {'specs/README.md': good['specs/README.md'] + '| [c.md](c.md) | C | x |\n'}, 'does not exist'),
        ('floating point', {'base/b.c': 'double x;'}, 'floating point'),
    ]
    for name, change, expected in planted:
        faults = check({**good, **change})
        seen = not faults if expected is None else any(expected in fault for fault in faults)
        print(f'{"ok" if seen else "not ok"} specs.py sees: {name}' + ('' if seen else f': {faults}'))
        if not seen:
            yield name


def main():
    missed = list(self_test())
    listing = subprocess.run(['git', 'ls-files', '--cached', '--others', '--exclude-standard'], cwd=ROOT, check=True,
                             capture_output=True, text=True).stdout.split('\n')
    files = {}
    for path in listing:
        if path.endswith(CODE + ('.md',)) and (ROOT / path).is_file():
            files[path] = (ROOT / path).read_text(errors='replace')
    faults = check(files)
    for fault in faults:
        print(f'not ok {fault}')
    if not faults:
        print('ok every rule is tested, every citation and tag exists')
    return 1 if faults or missed else 0


sys.exit(main())
