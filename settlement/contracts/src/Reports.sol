// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPennypostFront} from "./IPennypost.sol";
import {Quorum} from "./Quorum.sol";
import {Timing} from "./Timing.sol";

/// @title Epoch reports: what a quorum of operators says was earned, and who receives it.
abstract contract Reports is Quorum, IPennypostFront {
    /// @inheritdoc IPennypostFront
    function postReport(
        EpochReport calldata report,
        uint32[] calldata nodeIds,
        address[] calldata operatorKeys,
        Signature[] calldata signatures
    ) external {
        Timers memory t = timing;
        _checkSuccession(report, t);
        _checkSet(report, nodeIds, operatorKeys, Timing.reportAge(t));
        bytes32 reportHash = _reportHashOf(report);
        uint256 signers = _countSigners(reportHash, operatorKeys, signatures);

        uint64 vestsAt = _now() + t.vesting;
        if (headHash != 0) reports[headHash].supersededAt = vestsAt;
        reports[reportHash] = Report({epoch: report.epoch, vestsAt: vestsAt, supersededAt: 0, revoked: false});
        headHash = reportHash;
        head = Head(report.epoch, report.blockNumber, report.endTime);
        emit ReportPosted(report.epoch, reportHash, report, vestsAt, signers);
    }

    /// @inheritdoc IPennypostFront
    function reportOf(bytes32 reportHash) external view returns (ReportView memory) {
        Report storage report = reports[reportHash];
        return ReportView(report.epoch, report.vestsAt, report.supersededAt);
    }

    /// @inheritdoc IPennypostFront
    function lastReport() external view returns (ReportHead memory) {
        return ReportHead(headHash, head.epoch, head.blockNumber, head.endTime);
    }

    /// @inheritdoc IPennypostFront
    function reportHashOf(EpochReport calldata report) external view returns (bytes32) {
        return _reportHashOf(report);
    }

    /// @dev For `claimPayout`: only the newest report past its window.
    function _requireNewestVested(EpochReport calldata report) internal view returns (bytes32 reportHash) {
        uint64 supersededAt;
        (reportHash, supersededAt) = _requireVested(report);
        if (supersededAt != 0 && _now() >= supersededAt) revert ReportSuperseded(supersededAt, _now());
    }

    /// @dev CHAIN-040, CHAIN-041, CHAIN-042: above every report ever posted, and after the last unrevoked one.
    function _checkSuccession(EpochReport calldata report, Timers memory t) private view {
        if (report.previous != headHash) revert ReportPreviousMismatch(headHash, report.previous);
        if (head.blockNumber != 0) {
            if (report.epoch <= head.epoch) revert ReportEpochNotNewer(head.epoch, report.epoch);
            if (report.blockNumber <= head.blockNumber) {
                revert ReportBlockNotNewer(head.blockNumber, report.blockNumber);
            }
            if (report.endTime <= head.endTime) revert ReportEndTimeNotNewer(head.endTime, report.endTime);
        }
        uint64 currentEpoch = _now() / t.epoch;
        if (report.epoch > currentEpoch) revert ReportEpochInFuture(currentEpoch, report.epoch);
        if (report.blockNumber >= block.number) {
            revert ReportBlockInFuture(uint64(block.number), report.blockNumber);
        }
        if (report.endTime > _now()) revert ReportEndTimeInFuture(_now(), report.endTime);
        uint64 age = Timing.reportAge(t);
        if (report.endTime + age < _now()) revert ReportTooOld(_now() - age, report.endTime);
    }

    /// @dev CHAIN-043, CHAIN-044: the set at the named block signs, and not long after it was replaced.
    function _checkSet(
        EpochReport calldata report,
        uint32[] calldata nodeIds,
        address[] calldata operatorKeys,
        uint64 age
    ) private view {
        (bytes32 setHash, uint64 replacedAt) = _operatorSetAt(report.blockNumber);
        if (report.operatorSet != setHash) revert OperatorSetMismatch(setHash, report.operatorSet);
        _requireSet(setHash, nodeIds, operatorKeys);
        if (replacedAt != 0 && replacedAt + age < _now()) revert OperatorSetRetired(replacedAt, _now());
    }
}
