// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPennypostTypes} from "./IPennypostTypes.sol";

/// @title The timers' rules: their ranges and the inequality that lets an honest operator collect.
library Timing {
    uint16 internal constant BASIS_POINTS = 10_000;
    uint16 private constant SHARE_STEP_MOST = 500;
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

    /// @dev CHAIN-110, CHAIN-111. The epoch's length numbers the epochs, so it stays.
    function checkStep(IPennypostTypes.Timers memory old, IPennypostTypes.Timers memory next) internal pure {
        if (next.epoch != old.epoch) revert IPennypostTypes.ParameterStepTooLarge("epoch", old.epoch, next.epoch);
        _checkFactor("freshness", old.freshness, next.freshness);
        _checkFactor("replication", old.replication, next.replication);
        _checkFactor("missedEpochs", old.missedEpochs, next.missedEpochs);
        _checkFactor("signing", old.signing, next.signing);
        _checkFactor("vesting", old.vesting, next.vesting);
        _checkFactor("claimMargin", old.claimMargin, next.claimMargin);
        _checkFactor("challenge", old.challenge, next.challenge);
        checkSum(
            IPennypostTypes.Timers({
                freshness: _higher(old.freshness, next.freshness),
                replication: _higher(old.replication, next.replication),
                epoch: old.epoch,
                missedEpochs: _higher(old.missedEpochs, next.missedEpochs),
                signing: _higher(old.signing, next.signing),
                vesting: _higher(old.vesting, next.vesting),
                claimMargin: _higher(old.claimMargin, next.claimMargin),
                challenge: old.challenge < next.challenge ? old.challenge : next.challenge
            })
        );
    }

    /// @dev The share may fall at will, and rise by five parts in a hundred at most.
    function checkShareStep(uint16 old, uint16 next) internal pure {
        if (next > old + SHARE_STEP_MOST) revert IPennypostTypes.ParameterStepTooLarge("protocolShare", old, next);
    }

    function checkLimitStep(uint64 old, uint64 next) internal pure {
        if (next == 0) revert IPennypostTypes.ZeroAmount("payoutLimit");
        _checkFactor("payoutLimit", old, next);
    }

    function _checkFactor(bytes32 what, uint256 old, uint256 next) private pure {
        if (next > 2 * old || 2 * next < old) revert IPennypostTypes.ParameterStepTooLarge(what, old, next);
    }

    function _higher(uint32 a, uint32 b) private pure returns (uint32) {
        return a > b ? a : b;
    }

    /// @dev (1 + k) epoch + signing: how old a report, or the set that signs it, may be when it is posted.
    function reportAge(IPennypostTypes.Timers memory t) internal pure returns (uint64) {
        return (1 + uint64(t.missedEpochs)) * t.epoch + t.signing;
    }

    function _checkRange(bytes32 what, uint256 actual, uint256 most) private pure {
        if (actual < 1 || actual > most) revert IPennypostTypes.TimerOutOfRange(what, actual, 1, most);
    }
}
