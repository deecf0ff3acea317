// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IOperatorsAnnex} from "./IPennypost.sol";
import {Quorum} from "./Quorum.sol";

/// @title A quorum's way to take back what it posted, before it counts.
abstract contract Revocations is Quorum, IOperatorsAnnex {
    /// @inheritdoc IOperatorsAnnex
    function revokeReport(
        EpochReport[] calldata voided,
        uint32[] calldata nodeIds,
        address[] calldata operatorKeys,
        Signature[] calldata signatures
    ) external {
        if (voided.length == 0) revert ReportNotLast(headHash, 0);
        bytes32 hash = _reportHashOf(voided[0]);
        Report storage first = reports[hash];
        if (first.revoked) revert ReportIsRevoked(hash);
        if (first.vestsAt == 0) revert ReportUnknown(hash);
        if (_now() >= first.vestsAt) revert ReportVestedAlready(first.vestsAt, _now());
        _requireSet(voided[0].operatorSet, nodeIds, operatorKeys);
        uint256 signers = _countSigners(_revokeDigest(voided[0].epoch, hash), operatorKeys, signatures);
        _void(voided, hash, signers);
    }

    /// @dev CHAIN-046. The reports hash each other, so the whole row from the first to the head is what was posted.
    function _void(EpochReport[] calldata voided, bytes32 hash, uint256 signers) private {
        bytes32 restored = voided[0].previous;
        for (uint256 i = 0; i < voided.length; i++) {
            if (i > 0) {
                if (voided[i].previous != hash) revert ReportPreviousMismatch(hash, voided[i].previous);
                hash = _reportHashOf(voided[i]);
            }
            (reports[hash].vestsAt, reports[hash].revoked) = (0, true);
            emit ReportRevoked(voided[i].epoch, hash, restored, signers);
        }
        if (hash != headHash) revert ReportNotLast(headHash, hash);
        headHash = restored;
        if (restored != 0) reports[restored].supersededAt = 0;
    }
}
