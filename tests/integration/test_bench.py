#!/usr/bin/env python3
"""Goal: every measurement's code runs, so that nobody finds out a year later; its lines, its page and its plots can be read.
Method: pp_bench --quick on the sanitized build, which does everything once with tiny sizes. Left out: PostgreSQL, which only
./dev bench installs, and what needs a hundred thousand lanes and more."""
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BENCH = pathlib.Path(os.environ['PP_BUILD']) / 'pp_bench'
LEFT_OUT = ['postgres_single', 'postgres_batch', 'lane_idle_bytes']
SVG = '{http://www.w3.org/2000/svg}'
failures = 0


def check(name, fault):
    global failures
    failures += bool(fault)
    print(f'{"not ok" if fault else "ok"} {name}' + (f': {fault}' if fault else ''), flush=True)


def bench(*arguments, base):
    return subprocess.run([BENCH, '--dir', base, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=240)


def lines_of(output):
    return {line['name']: line for line in map(json.loads, (text for text in output.splitlines() if text.startswith('{')))}


def names_of_readme():
    text = (ROOT / 'bench/README.md').read_text()
    return re.findall(r'^\| `(\w+)` \|', text, re.M)


def plot_fault(path, points):
    """What is wrong with a plot of so many points."""
    svg = xml.parse(path).getroot()
    if svg.tag != SVG + 'svg':
        return 'no svg'
    _, _, width, height = map(float, svg.get('viewBox').split())
    lines = svg.findall(SVG + 'polyline')
    if [len(line.get('points').split()) for line in lines] != [points] * len(lines) or not lines:
        return f'{len(lines)} lines, not of {points} points'
    for line in lines:
        for pair in line.get('points').split():
            x, y = map(float, pair.split(','))
            if not (0 <= x <= width and 0 <= y <= height):
                return f'{pair} is outside'
    words = [text.text for text in svg.iter(SVG + 'text')]
    for word in ('stamps in a batch', 'stamps per second', 'pennypost', 'limit', 'Charges by batch size', '1', '1k'):
        if word not in words:
            return f'no "{word}" in {words}'
    return None


def main():
    with tempfile.TemporaryDirectory() as base, tempfile.TemporaryDirectory() as source:
        (pathlib.Path(source) / 'peer_mppx.mjs').symlink_to(ROOT / 'bench/peer_mppx.mjs')
        done = bench('--quick', '--skip', ','.join(LEFT_OUT), '--write-results', '--source', source, base=base)
        lines = lines_of(done.stdout)
        wanted = [name for name in names_of_readme() if name not in LEFT_OUT]
        check('quick__every_measurement__runs', list(lines) != wanted and f'{list(lines)}, not {wanted}\n{done.stderr}')
        check('quick__exit_status__zero', done.returncode and f'{done.returncode}: {done.stderr}')
        check('quick__its_lines__are_no_figures',
              [name for name, line in lines.items() if not line.get('quick') or 'reached' in line or line['value'] == 0])
        check('quick__its_table__says_so', '\nQUICK: ' not in done.stdout and done.stdout)
        check('folder__afterwards__empty', os.listdir(base))

        page = (pathlib.Path(source) / 'RESULTS.md').read_text()
        missing = [part for part in ('| processor |', '| memory |', '| kernel |', '| file system |', '| compiler |',
                                     'libsecp256k1', 'QUICK', 'Not measured: `lane_idle_bytes`') if part not in page]
        check('results__the_machine__is_described', missing)
        check('results__names_of_hosts_and_paths__not_in_it',
              [word for word in (socket.gethostname(), base, source, str(ROOT)) if len(word) > 3 and word in page])
        points = len(lines['curve_batch']['points'])
        check('results__plot__can_be_read', plot_fault(pathlib.Path(source) / 'plots/curve_batch.svg', points))
        check('results__links__lead_somewhere',
              [link for link in re.findall(r'\((plots/[^)]*)\)', page) if not (pathlib.Path(source) / link).is_file()])

        done = bench('--quick', '--only', 'mppx_http,journal_append', '--source', '/nonexistent', '--json', base=base)
        lines = lines_of(done.stdout)
        check('failure__of_one__the_others_run_and_the_status_says_so',
              (done.returncode != 1 or not lines['mppx_http'].get('failed') or 'value' not in lines['journal_append'] or
               'name ' in done.stdout or os.listdir(base)) and f'{done.returncode}: {done.stdout}')
        done = bench('--quick', '--only', 'rewards', '--skip', 'payout_proofs', '--json', base=base)
        check('group__its_name__runs_all_of_it_but_what_is_skipped',
              sorted(lines_of(done.stdout)) != ['audit_1e6_lanes_s', 'epoch_1e6_lanes_mib', 'epoch_1e6_lanes_s'] and done.stdout)
        done = bench('--only', 'single_durable,no_such', base=base)
        check('name__unknown__refused', (done.returncode != 2 or 'no_such' not in done.stderr) and done.stderr)
        done = bench('--help', base=base)
        check('help__names_all', done.returncode or [name for name in names_of_readme() if name not in done.stdout])
    sys.exit(1 if failures else 0)


main()
