"""Answers settlement cases with the reference model: lines "s r e cap vested" in, "pool owed" out. 10^6 grains a unit."""
import sys

import lane_model

lane_model.GRAINS_PER_UNIT = 10**6


def main():
    out = []
    for line in sys.stdin:
        s, r, e, cap, vested = map(int, line.split())
        out.append('%d %d' % lane_model.settle(s, r, e, cap, vested))
    print('\n'.join(out))


main()
