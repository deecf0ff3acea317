// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPennypostTypes} from "./IPennypostTypes.sol";

/// @title The timers' rules: their ranges and the inequality that lets an honest operator collect.
library Timing {
    uint16 internal constant BASIS_POINTS = 10_000;
    /// @dev Long enough for any network, short enough that sums of eight stay far below 2^40.
    uint256 private constant TIMER_MOST = 366 days;
    uint256 private constant MISSED_EPOCHS_MOST = 100;

    /// @dev CHAIN-060: an honest operator can always collect what it earned until a close was requested.
    function check(IPennypostTypes.Timers memory t) internal pure {
        _checkRange("freshness", t.freshness, TIMER_MOST);
        _checkRange("replication", t.replication, TIMER_MOST);
        _checkRange("epoch", t.epoch, TIMER_MOST);
        _checkRange("missedEpochs", t.missedEpochs, MISSED_EPOCHS_MOST);
        _checkRange("signing", t.signing, TIMER_MOST);
        _checkRange("vesting", t.vesting, TIMER_MOST);
        _checkRange("claimMargin", t.claimMargin, TIMER_MOST);
        _checkRange("challenge", t.challenge, TIMER_MOST);
        checkSum(t);
    }

    function checkSum(IPennypostTypes.Timers memory t) internal pure {
        uint256 needed = uint256(t.freshness) + t.replication + reportAge(t) + t.vesting + t.claimMargin;
        if (needed > t.challenge) revert IPennypostTypes.TimersInconsistent(needed, t.challenge);
    }

    /// @dev (1 + k) epoch + signing: how old a report, or the set that signs it, may be when it is posted.
    function reportAge(IPennypostTypes.Timers memory t) internal pure returns (uint64) {
        return (1 + uint64(t.missedEpochs)) * t.epoch + t.signing;
    }

    function _checkRange(bytes32 what, uint256 actual, uint256 most) private pure {
        if (actual < 1 || actual > most) revert IPennypostTypes.TimerOutOfRange(what, actual, 1, most);
    }
}
