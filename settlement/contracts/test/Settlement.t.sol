// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Settlement} from "../src/Settlement.sol";
import {Base} from "./support/Base.sol";

/// @dev Goal: the pure function keeps its promises for every input. Method: fuzzing of the laws; the numbers themselves
///      are compared with C and Python in tests/chain/settlement_differential.mjs.
contract SettlementTest is Base {
    function capGrains(uint64 cap) private pure returns (uint256) {
        return uint256(cap) * 1e6;
    }

    function testFuzz_pool__any_input__lies_between_its_bounds(uint96 s, uint96 r, uint96 e, uint64 cap, uint96 vested)
        public
        pure
    {
        (uint96 pool,) = Settlement.settle(s, r, e, cap, vested);
        assertTrue(pool >= vested, "pool never falls");
        if (pool > vested) {
            assertTrue(pool <= e, "no more than attested");
            assertTrue(s > r && pool <= s - r, "no more than signed, net of refunds");
            assertTrue(pool <= capGrains(cap), "no more than the cap");
        }
    }

    function testFuzz_settle__twice__changes_nothing(uint96 s, uint96 r, uint96 e, uint64 cap, uint96 vested)
        public
        pure
    {
        (uint96 once,) = Settlement.settle(s, r, e, cap, vested);
        (uint96 twice,) = Settlement.settle(s, r, e, cap, once);
        assertEq(twice, once, "idempotent");
    }

    function testFuzz_owed__honest_operator__is_zero(uint96 s, uint96 r, uint96 e, uint64 cap) public pure {
        s = uint96(bound(s, 0, capGrains(cap) > type(uint96).max ? type(uint96).max : capGrains(cap)));
        r = uint96(bound(r, 0, s));
        e = uint96(bound(e, 0, s - r));
        (uint96 pool, uint96 owed) = Settlement.settle(s, r, e, cap, 0);
        assertEq(pool, e, "all that was earned");
        assertEq(owed, 0, "nothing owed");
    }

    function testFuzz_units__below_the_cap__round_in_favour_of_the_payer(uint64 cap, uint96 grains) public pure {
        grains = uint96(bound(grains, 0, capGrains(cap)));
        uint64 units = Settlement.unitsFloor(grains);
        assertTrue(units <= cap, "fits the cap");
        assertTrue(uint256(units) * 1e6 <= grains && grains < (uint256(units) + 1) * 1e6, "floor");
        assertTrue(Settlement.isWhole(grains) == (uint256(units) * 1e6 == grains), "whole");
    }

    function test_settle__worked_example__gives_the_numbers_of_the_design() public pure {
        (uint96 pool, uint96 owed) = Settlement.settle(100e6, 30e6, 80e6, 50, 0);
        assertEq(pool, 50e6, "clamped to the cap"); // net = min(70, 50)
        assertEq(owed, 30e6, "earned 80, covered 50");
        (pool, owed) = Settlement.settle(100e6, 60e6, 80e6, 100, 70e6);
        assertEq(pool, 70e6, "what has vested stays");
        assertEq(owed, 10e6, "earned 80, covered by 70");
    }
}
