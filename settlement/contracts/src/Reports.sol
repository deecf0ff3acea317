// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPennypost} from "./IPennypost.sol";
import {Registry} from "./Registry.sol";
import {SignedTypes} from "./SignedTypes.sol";

/// @title Epoch reports: what a quorum of operators says was earned, and who receives it.
abstract contract Reports is SignedTypes, Registry {
    /// @dev One slot; 64 bits are free: room for a revocation.
    struct Report {
        uint64 epoch;
        uint64 vestsAt; // 0: never posted
        uint64 supersededAt; // when its successor vests; 0: there is none
    }

    struct Head {
        uint64 epoch;
        uint64 blockNumber;
        uint64 endTime;
    }

    mapping(bytes32 reportHash => Report) private reports;
    bytes32 private headHash;
    Head private head;

    /// @inheritdoc IPennypost
    /// @dev Reverts, in this order, with ReportPreviousMismatch, ReportEpochNotNewer, ReportBlockNotNewer,
    ///      ReportEndTimeNotNewer, ReportEpochInFuture, ReportBlockInFuture, ReportEndTimeInFuture, ReportTooOld,
    ///      LengthMismatch, OperatorSetMismatch, OperatorSetRetired, InvalidSignature and QuorumMissing.
    function postReport(
        EpochReport calldata report,
        uint32[] calldata nodeIds,
        address[] calldata operatorKeys,
        Signature[] calldata signatures
    ) external {
        _checkSuccession(report);
        _checkSet(report, nodeIds, operatorKeys);
        bytes32 reportHash = reportHashOf(report);
        uint256 signers = _countSigners(reportHash, operatorKeys, signatures);

        uint64 vestsAt = _now() + VESTING;
        if (headHash != 0) reports[headHash].supersededAt = vestsAt;
        reports[reportHash] = Report({epoch: report.epoch, vestsAt: vestsAt, supersededAt: 0});
        headHash = reportHash;
        head = Head(report.epoch, report.blockNumber, report.endTime);
        emit ReportPosted(report.epoch, reportHash, report, vestsAt, signers);
    }

    /// @inheritdoc IPennypost
    function reportOf(bytes32 reportHash) external view returns (ReportView memory) {
        Report storage report = reports[reportHash];
        return ReportView(report.epoch, report.vestsAt, report.supersededAt);
    }

    /// @inheritdoc IPennypost
    function lastReport() external view returns (ReportHead memory) {
        return ReportHead(headHash, head.epoch, head.blockNumber, head.endTime);
    }

    /// @dev For `settle`: any report past its window. What lanes earned only grows, so an older one is harmless.
    function _requireVested(EpochReport calldata report)
        internal
        view
        returns (bytes32 reportHash, uint64 supersededAt)
    {
        reportHash = reportHashOf(report);
        Report storage known = reports[reportHash];
        if (known.vestsAt == 0) revert ReportUnknown(reportHash);
        if (_now() < known.vestsAt) revert ReportNotVested(known.vestsAt, _now());
        supersededAt = known.supersededAt;
    }

    /// @dev For `claimPayout`: only the newest report past its window.
    function _requireNewestVested(EpochReport calldata report) internal view returns (bytes32 reportHash) {
        uint64 supersededAt;
        (reportHash, supersededAt) = _requireVested(report);
        if (supersededAt != 0 && _now() >= supersededAt) revert ReportSuperseded(supersededAt, _now());
    }

    /// @dev CHAIN-040, CHAIN-041, CHAIN-042.
    function _checkSuccession(EpochReport calldata report) private view {
        if (report.previous != headHash) revert ReportPreviousMismatch(headHash, report.previous);
        if (headHash != 0) {
            if (report.epoch <= head.epoch) revert ReportEpochNotNewer(head.epoch, report.epoch);
            if (report.blockNumber <= head.blockNumber) {
                revert ReportBlockNotNewer(head.blockNumber, report.blockNumber);
            }
            if (report.endTime <= head.endTime) revert ReportEndTimeNotNewer(head.endTime, report.endTime);
        }
        uint64 currentEpoch = _now() / EPOCH;
        if (report.epoch > currentEpoch) revert ReportEpochInFuture(currentEpoch, report.epoch);
        if (report.blockNumber >= block.number) {
            revert ReportBlockInFuture(uint64(block.number), report.blockNumber);
        }
        if (report.endTime > _now()) revert ReportEndTimeInFuture(_now(), report.endTime);
        if (report.endTime + REPORT_AGE < _now()) revert ReportTooOld(_now() - REPORT_AGE, report.endTime);
    }

    /// @dev CHAIN-043, CHAIN-044: the set at the named block signs, and not long after it was replaced.
    function _checkSet(EpochReport calldata report, uint32[] calldata nodeIds, address[] calldata operatorKeys)
        private
        view
    {
        if (nodeIds.length != operatorKeys.length) revert LengthMismatch(nodeIds.length, operatorKeys.length);
        (bytes32 setHash, uint64 replacedAt) = operatorSetAt(report.blockNumber);
        if (report.operatorSet != setHash) revert OperatorSetMismatch(setHash, report.operatorSet);
        bytes32 given = keccak256(abi.encode(nodeIds, operatorKeys));
        if (given != setHash) revert OperatorSetMismatch(setHash, given);
        if (replacedAt != 0 && replacedAt + REPORT_AGE < _now()) revert OperatorSetRetired(replacedAt, _now());
    }

    /// @dev CHAIN-045: more than 2/3 by count; one place per operator, so no signature counts twice.
    function _countSigners(bytes32 reportHash, address[] calldata operatorKeys, Signature[] calldata signatures)
        private
        pure
        returns (uint256 signers)
    {
        uint256 count = operatorKeys.length;
        if (signatures.length != count) revert LengthMismatch(count, signatures.length);
        for (uint256 i = 0; i < count; i++) {
            if (signatures[i].v == 0) continue;
            _requireSigned(operatorKeys[i], reportHash, signatures[i]);
            signers++;
        }
        uint256 needed = 2 * count / 3 + 1;
        if (signers < needed) revert QuorumMissing(needed, signers, count);
    }
}
