// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {OperatorSets} from "./OperatorSets.sol";

/// @title What a quorum is, and when a report counts.
abstract contract Quorum is OperatorSets {
    /// @dev For `settle`: any report past its window. What lanes earned only grows, so an older one is harmless.
    function _requireVested(EpochReport calldata report)
        internal
        view
        returns (bytes32 reportHash, uint64 supersededAt)
    {
        reportHash = _reportHashOf(report);
        Report storage known = reports[reportHash];
        if (known.revoked) revert ReportIsRevoked(reportHash);
        if (known.vestsAt == 0) revert ReportUnknown(reportHash);
        if (_now() < known.vestsAt) revert ReportNotVested(known.vestsAt, _now());
        supersededAt = known.supersededAt;
    }

    /// @dev The set in the calldata is the one with that hash.
    function _requireSet(bytes32 setHash, uint32[] calldata nodeIds, address[] calldata operatorKeys) internal pure {
        if (nodeIds.length != operatorKeys.length) revert LengthMismatch(nodeIds.length, operatorKeys.length);
        bytes32 given = keccak256(abi.encode(nodeIds, operatorKeys));
        if (given != setHash) revert OperatorSetMismatch(setHash, given);
    }

    /// @dev CHAIN-045: more than 2/3 by count; one place per operator, so no signature counts twice.
    function _countSigners(bytes32 reportHash, address[] calldata operatorKeys, Signature[] calldata signatures)
        internal
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
