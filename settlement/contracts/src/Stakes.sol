// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {Deposits} from "./Deposits.sol";
import {IOperatorsAnnex} from "./IPennypost.sol";
import {Quorum} from "./Quorum.sol";
import {Settlement} from "./Settlement.sol";

/// @title Operators' stakes: what they cover, and when they may leave.
/// @dev A stake covers what the operator owes the pool: earnings that it refunded away or released, once the lane is
///      final. It leaves when the operator is gone, its lanes are final, and a report on the last of them has had its time.
abstract contract Stakes is Deposits, Quorum, IOperatorsAnnex {
    using SafeERC20 for IERC20;
    using Checkpoints for Checkpoints.Trace208;

    /// @inheritdoc IOperatorsAnnex
    function depositStake(uint32 nodeId, uint64 amount) external nonReentrant {
        OperatorState state = operators[nodeId].state;
        if (state == OperatorState.NONE || state == OperatorState.REMOVED) revert OperatorNotActive(nodeId, state);
        if (amount == 0) revert ZeroAmount("amount");
        uint128 stake = stakeOf(nodeId) + amount;
        _setStake(nodeId, stake);
        emit StakeDeposited(nodeId, msg.sender, amount, stake);
        _pull(msg.sender, amount);
    }

    /// @inheritdoc IOperatorsAnnex
    function withdrawStake(uint32 nodeId) external nonReentrant {
        Operator storage operator = operators[nodeId];
        if (operator.state != OperatorState.REMOVED) revert OperatorStateUnexpected(nodeId, operator.state);
        if (operator.lanes != 0) revert StakeLanesOpen(nodeId, operator.lanes);
        uint64 until = stakeLockedUntil[nodeId];
        if (_now() < until) revert StakeLocked(until, _now());
        uint128 stake = stakeOf(nodeId);
        if (stake == 0) revert ZeroAmount("stake");
        _setStake(nodeId, 0);
        emit StakeWithdrawn(nodeId, operator.payee, stake);
        IERC20(TOKEN).safeTransfer(operator.payee, stake);
    }

    /// @inheritdoc IOperatorsAnnex
    function retireLanes(ChannelConfig calldata config, uint32[] calldata laneIds) external {
        bytes32 channelId = _channelIdOf(config);
        bool closed = _stateOf(channels[channelId]) == ChannelState.CLOSED;
        for (uint256 i = 0; i < laneIds.length; i++) {
            _retire(channelId, laneIds[i], closed);
        }
    }

    /// @inheritdoc IOperatorsAnnex
    function collectOwed(EpochReport calldata report, OwedClaim calldata claim) external {
        (bytes32 reportHash,) = _requireVested(report);
        bytes32 channelId = _channelIdOf(claim.config);
        bytes32 root = MerkleProof.processProofCalldata(claim.proof, _leafHash(channelId, claim.lane, claim.leaf));
        if (root != report.lanesRoot) revert LeafProofInvalid(report.lanesRoot, root);
        uint64 owed = _owedUnits(channelId, claim.lane, claim.leaf);
        uint64 before = owedCollected[channelId][claim.lane];
        uint32 nodeId = claim.lane >> 8;
        uint128 stake = stakeOf(nodeId);
        uint64 due = owed > before ? owed - before : 0;
        if (due > stake) due = uint64(stake);
        if (due == 0) revert NothingOwed(owed, before, stake);

        owedCollected[channelId][claim.lane] = before + due;
        if (drawnFrom[nodeId] == 0) drawnIds.push(nodeId);
        drawnFrom[nodeId] += due;
        _setStake(nodeId, stake - due);
        received += due;
        emit OwedCollected(channelId, claim.lane, reportHash, due, before + due);
    }

    /// @inheritdoc IOperatorsAnnex
    function stakeOf(uint32 nodeId) public view returns (uint128) {
        return uint128(stakes[nodeId].latest());
    }

    /// @inheritdoc IOperatorsAnnex
    function stakeAt(uint32 nodeId, uint48 blockNumber) external view returns (uint128) {
        return uint128(stakes[nodeId].upperLookupRecent(blockNumber));
    }

    /// @inheritdoc IOperatorsAnnex
    function owedCollectedOf(bytes32 channelId, uint32 lane) external view returns (uint64) {
        return owedCollected[channelId][lane];
    }

    /// @inheritdoc IOperatorsAnnex
    function stakesDrawn() external view returns (uint32[] memory nodeIds, uint128[] memory amounts) {
        nodeIds = drawnIds;
        amounts = new uint128[](nodeIds.length);
        for (uint256 i = 0; i < nodeIds.length; i++) {
            amounts[i] = drawnFrom[nodeIds[i]];
        }
    }

    /// @inheritdoc IOperatorsAnnex
    function stakeTermsOf(uint32 nodeId) external view returns (uint48 lanesOpen, uint64 lockedUntil) {
        return (operators[nodeId].lanes, stakeLockedUntil[nodeId]);
    }

    /// @dev CHAIN-102: the lane can earn nothing more; a removed operator gets no caps, so one that is all vested stays so.
    function _retire(bytes32 channelId, uint32 laneId, bool closed) private {
        Lane storage lane = lanes[channelId][laneId];
        Operator storage operator = operators[laneId >> 8];
        bool held = !lane.retired && (lane.cap != 0 || lane.seq != 0);
        if (!held) revert LaneNotHeld(laneId);
        bool spent = uint256(lane.cap) * Settlement.GRAINS_PER_UNIT - lane.vested < Settlement.GRAINS_PER_UNIT;
        if (!closed && !(operator.state == OperatorState.REMOVED && spent)) {
            revert LaneNotFinal(laneId, lane.cap, lane.vested);
        }
        lane.retired = true;
        operator.lanes--;
        _lockStake(laneId >> 8);
        emit LaneRetired(channelId, laneId, operator.lanes);
    }

    /// @dev CHAIN-103: S and E are the quorum's, R, cap and vested the contract's; at most what the quorum itself claims.
    function _owedUnits(bytes32 channelId, uint32 laneId, LaneLeaf calldata leaf) private view returns (uint64) {
        Lane storage lane = lanes[channelId][laneId];
        if (_stateOf(channels[channelId]) != ChannelState.CLOSED && !lane.retired) {
            revert LaneNotFinal(laneId, lane.cap, lane.vested);
        }
        (, uint96 owed) = Settlement.settle(leaf.spent, lane.refunded, leaf.earned, lane.cap, lane.vested);
        if (owed > leaf.owed) owed = leaf.owed;
        uint256 units = owed / Settlement.GRAINS_PER_UNIT;
        return units < type(uint64).max ? uint64(units) : type(uint64).max;
    }

    /// @dev A block's last value stays: the weight that reports of that block are computed with.
    function _setStake(uint32 nodeId, uint128 stake) private {
        stakes[nodeId].push(uint48(block.number), stake);
    }
}
