// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The lane's settlement function, pure (DESIGN section 2; the same in C and in tests/support/lane_model.py).
library Settlement {
    /// @dev Grains in one unit of the token.
    uint256 internal constant GRAINS_PER_UNIT = 1e6;

    /// @notice What a lane owes the pool, cumulatively.
    /// @param spent highest spent of a complete claim, grains
    /// @param refunded highest operator-signed refund, grains
    /// @param earned what the report says is earned, grains
    /// @param cap units
    /// @param vested what was credited to the pool before, grains
    /// @return pool grains, at least `vested`, at most cap * 10^6 if `vested` is
    /// @return owed grains that the lane's operator owes the pool when the lane is final
    function settle(uint96 spent, uint96 refunded, uint96 earned, uint64 cap, uint96 vested)
        internal
        pure
        returns (uint96 pool, uint96 owed)
    {
        uint96 net = netOf(spent, refunded, cap);
        pool = poolOf(spent, refunded, earned, cap, vested);
        uint96 claimable = earned < spent ? earned : spent;
        uint96 covered = vested > net ? vested : net;
        owed = claimable > covered ? claimable - covered : 0;
    }

    /// @notice max(vested, min(earned, net)).
    function poolOf(uint96 spent, uint96 refunded, uint96 earned, uint64 cap, uint96 vested)
        internal
        pure
        returns (uint96)
    {
        uint96 net = netOf(spent, refunded, cap);
        uint96 pool = earned < net ? earned : net;
        return pool < vested ? vested : pool;
    }

    /// @notice clamp(spent - refunded, 0, cap): what the payer signed and did not get back, at most its cap.
    function netOf(uint96 spent, uint96 refunded, uint64 cap) internal pure returns (uint96) {
        if (spent <= refunded) return 0;
        uint96 difference = spent - refunded;
        uint256 capGrains = uint256(cap) * GRAINS_PER_UNIT; // below 2^84
        return difference < capGrains ? difference : uint96(capGrains);
    }

    /// @notice Whole units that the pool gets: rounded down, in the payer's favour.
    function unitsFloor(uint96 grains) internal pure returns (uint64) {
        return uint64(grains / GRAINS_PER_UNIT); // only for grains <= cap * 10^6, so it fits
    }

    function isWhole(uint96 grains) internal pure returns (bool) {
        return grains % GRAINS_PER_UNIT == 0;
    }
}
