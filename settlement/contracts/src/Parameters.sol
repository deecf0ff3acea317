// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {IPennypost} from "./IPennypost.sol";

/// @title What is fixed at deployment: the token, the treasury, the protocol's share and the timers.
/// @dev The timers do not change in this version, so closes and reports keep theirs by construction.
abstract contract Parameters is IPennypost {
    uint8 private constant DECIMALS_LEAST = 6;
    uint8 private constant DECIMALS_MOST = 9;
    uint16 private constant BASIS_POINTS = 10_000;
    /// @dev Long enough for any network, short enough that sums of eight stay far below 2^40.
    uint256 private constant TIMER_MOST = 366 days;
    uint256 private constant MISSED_EPOCHS_MOST = 100;

    address public immutable override token;
    address public immutable override treasury;
    uint16 public immutable override protocolShare;

    uint32 private immutable freshness;
    uint32 private immutable replication;
    uint32 private immutable missedEpochs;
    uint32 private immutable signing;
    uint32 private immutable claimMargin;
    uint32 internal immutable EPOCH;
    uint32 internal immutable VESTING;
    uint32 internal immutable CHALLENGE;
    /// @dev (1 + k) epoch + signing: how old a report, or the set that signs it, may be when it is posted.
    uint64 internal immutable REPORT_AGE;

    /// @dev Reverts with ZeroAddress, TokenDecimalsUnsupported, ProtocolShareTooHigh, TimerOutOfRange and
    ///      TimersInconsistent.
    constructor(address token_, address treasury_, uint16 protocolShare_, Timers memory t) {
        if (token_ == address(0)) revert ZeroAddress("token");
        if (treasury_ == address(0)) revert ZeroAddress("treasury");
        if (protocolShare_ > BASIS_POINTS) revert ProtocolShareTooHigh(protocolShare_, BASIS_POINTS);
        uint8 decimals = IERC20Metadata(token_).decimals(); // CHAIN-001
        if (decimals < DECIMALS_LEAST || decimals > DECIMALS_MOST) {
            revert TokenDecimalsUnsupported(decimals, DECIMALS_LEAST, DECIMALS_MOST);
        }
        _checkTimers(t);
        token = token_;
        treasury = treasury_;
        protocolShare = protocolShare_;
        freshness = t.freshness;
        replication = t.replication;
        missedEpochs = t.missedEpochs;
        signing = t.signing;
        claimMargin = t.claimMargin;
        EPOCH = t.epoch;
        VESTING = t.vesting;
        CHALLENGE = t.challenge;
        REPORT_AGE = (1 + uint64(t.missedEpochs)) * t.epoch + t.signing;
    }

    /// @inheritdoc IPennypost
    function timers() external view returns (Timers memory) {
        return Timers({
            freshness: freshness,
            replication: replication,
            epoch: EPOCH,
            missedEpochs: missedEpochs,
            signing: signing,
            vesting: VESTING,
            claimMargin: claimMargin,
            challenge: CHALLENGE
        });
    }

    /// @dev CHAIN-060: an honest operator can always collect what it earned until a close was requested.
    function _checkTimers(Timers memory t) private pure {
        _checkRange("freshness", t.freshness, 1, TIMER_MOST);
        _checkRange("replication", t.replication, 1, TIMER_MOST);
        _checkRange("epoch", t.epoch, 1, TIMER_MOST);
        _checkRange("missedEpochs", t.missedEpochs, 1, MISSED_EPOCHS_MOST);
        _checkRange("signing", t.signing, 1, TIMER_MOST);
        _checkRange("vesting", t.vesting, 1, TIMER_MOST);
        _checkRange("claimMargin", t.claimMargin, 1, TIMER_MOST);
        _checkRange("challenge", t.challenge, 1, TIMER_MOST);
        uint256 needed = uint256(t.freshness) + t.replication + (1 + uint256(t.missedEpochs)) * t.epoch + t.signing
            + t.vesting + t.claimMargin;
        if (needed > t.challenge) revert TimersInconsistent(needed, t.challenge);
    }

    function _checkRange(bytes32 what, uint256 actual, uint256 least, uint256 most) private pure {
        if (actual < least || actual > most) revert TimerOutOfRange(what, actual, least, most);
    }

    function _now() internal view returns (uint64) {
        return uint64(block.timestamp);
    }
}
