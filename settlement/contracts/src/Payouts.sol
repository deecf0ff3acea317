// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Claims} from "./Claims.sol";
import {IPennypostFront} from "./IPennypost.sol";

/// @title The pool: it pays only out of what it has received, cumulatively, by the newest vested report.
abstract contract Payouts is Claims {
    using SafeERC20 for IERC20;

    address public immutable override treasury;

    /// @inheritdoc IPennypostFront
    function claimPayout(
        EpochReport calldata report,
        uint32 nodeId,
        address payee,
        uint128 amount,
        SumProofStep[] calldata proof
    ) external nonReentrant {
        bytes32 reportHash = _requireNewestVested(report);
        address expected = _payeeOf(nodeId);
        if (payee != expected) revert PayeeMismatch(expected, payee);
        _checkSumProof(report, nodeId, payee, amount, proof);
        uint128 before = claimedBy[nodeId];
        if (amount <= before) revert NothingToClaim(before, amount);
        uint128 due = _limited(amount - before);
        amount = before + due;
        uint256 total = uint256(claimed) + due;
        if (total > received) revert PoolExceeded(total, received); // CHAIN-051

        claimed = uint128(total);
        claimedBy[nodeId] = amount;
        emit PayoutClaimed(nodeId, payee, reportHash, due, amount);
        IERC20(TOKEN).safeTransfer(payee, due);
    }

    /// @inheritdoc IPennypostFront
    function pool() external view returns (uint128, uint128) {
        return (received, claimed);
    }

    /// @inheritdoc IPennypostFront
    function payoutClaimed(uint32 nodeId) external view returns (uint128) {
        return claimedBy[nodeId];
    }

    /// @dev CHAIN-055: at most the limit in one epoch; the rest is paid by the same leaf, or a later one, in the next.
    function _limited(uint128 due) private returns (uint128) {
        uint64 limit = payoutLimit;
        if (limit == type(uint64).max) return due;
        uint64 length = timing.epoch;
        uint64 epoch = _now() / length;
        uint128 paid = window.epoch == epoch ? window.paid : 0;
        if (paid >= limit) revert PayoutBreakerOpen(limit, (epoch + 1) * length);
        if (due > limit - paid) due = limit - paid;
        window = Window(epoch, paid + due);
        return due;
    }

    /// @dev Where payouts of a node go; nodeId 0 is the treasury.
    function _payeeOf(uint32 nodeId) private view returns (address) {
        return nodeId == 0 ? treasury : operators[nodeId].payee;
    }

    /// @dev CHAIN-013. The sums on the way up are hashed in, so no leaf can take more than the total leaves for it.
    function _checkSumProof(
        EpochReport calldata report,
        uint32 nodeId,
        address payee,
        uint128 amount,
        SumProofStep[] calldata proof
    ) private pure {
        bytes32 hash = keccak256(abi.encodePacked(uint8(0), nodeId, payee, amount));
        uint128 sum = amount;
        for (uint256 i = 0; i < proof.length; i++) {
            SumProofStep calldata step = proof[i];
            hash = step.onLeft
                ? keccak256(abi.encodePacked(uint8(1), step.hash, step.sum, hash, sum))
                : keccak256(abi.encodePacked(uint8(1), hash, sum, step.hash, step.sum));
            sum += step.sum;
        }
        if (sum != report.payoutTotal) revert PayoutTotalMismatch(report.payoutTotal, sum);
        bytes32 root = keccak256(abi.encodePacked(uint8(2), hash, sum));
        if (root != report.payoutRoot) revert PayoutProofInvalid(report.payoutRoot, root);
    }
}
