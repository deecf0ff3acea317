// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IOperatorsAnnex} from "./IPennypost.sol";
import {Store} from "./Store.sol";
import {Timing} from "./Timing.sol";

/// @title The timers, the protocol's share and the payouts' limit, and their bounded, delayed changes.
/// @dev Closes, thaws and reports keep the time that was set when they began, so old and new parameters are in force
///      together for a while: the inequality holds for every mix of the two.
abstract contract Parameters is Store, IOperatorsAnnex {
    /// @inheritdoc IOperatorsAnnex
    function scheduleParameters(ParameterSet calldata next) external onlyOwner {
        if (parametersAt != 0) revert ParametersPending(parametersAt);
        Timers memory t = timing;
        Timing.check(next.timers);
        Timing.checkStep(t, next.timers);
        if (next.protocolShare > Timing.BASIS_POINTS) {
            revert ProtocolShareTooHigh(next.protocolShare, Timing.BASIS_POINTS);
        }
        Timing.checkShareStep(share, next.protocolShare);
        Timing.checkLimitStep(payoutLimit, next.payoutLimit);

        uint32 longest = t.challenge > next.timers.challenge ? t.challenge : next.timers.challenge;
        uint64 changeAt = _now() + longest + t.epoch; // CHAIN-112
        (parametersNext, parametersAt) = (next, changeAt);
        emit ParametersScheduled(next, changeAt);
    }

    /// @inheritdoc IOperatorsAnnex
    function cancelParameters() external onlyOwner {
        if (parametersAt == 0) revert ParametersNotPending();
        parametersAt = 0;
        emit ParametersCancelled();
    }

    /// @inheritdoc IOperatorsAnnex
    function applyParameters() external {
        if (parametersAt == 0) revert ParametersNotPending();
        if (_now() < parametersAt) revert ParametersTooEarly(parametersAt, _now());
        ParameterSet memory next = parametersNext;
        (timing, share, payoutLimit, parametersAt) = (next.timers, next.protocolShare, next.payoutLimit, 0);
        emit ParametersApplied(next);
    }

    /// @inheritdoc IOperatorsAnnex
    function timers() external view returns (Timers memory) {
        return timing;
    }

    /// @inheritdoc IOperatorsAnnex
    function protocolShare() external view returns (uint16) {
        return share;
    }

    /// @inheritdoc IOperatorsAnnex
    function parameters() external view returns (ParameterSet memory) {
        return ParameterSet(timing, share, payoutLimit);
    }

    /// @inheritdoc IOperatorsAnnex
    function pendingParameters() external view returns (ParameterSet memory, uint64 changeAt) {
        return (parametersNext, parametersAt);
    }
}
