// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Store} from "./Store.sol";

/// @title How money comes in: what opening and topping up have in common, whoever sends the transaction.
abstract contract Deposits is Store {
    using SafeERC20 for IERC20;

    /// @dev The one token, fixed at deployment (CHAIN-002).
    address internal immutable TOKEN;

    /// @dev All of `open` but the transfer.
    function _open(ChannelConfig calldata config, uint64 deposit, uint32[] calldata laneIds, uint64[] calldata caps)
        internal
        returns (bytes32 channelId)
    {
        if (config.signer == address(0)) revert ZeroAddress("signer");
        if (deposit == 0) revert ZeroAmount("deposit");
        uint64 nonce = nonces[config.payer];
        if (config.nonce != nonce) revert WrongNonce(nonce, config.nonce);

        nonces[config.payer] = nonce + 1;
        channelId = _channelIdOf(config);
        emit ChannelOpened(channelId, config.payer, config.signer, nonce, deposit);
        uint64 allocated = _firstCaps(channelId, deposit, laneIds, caps);
        channels[channelId] =
            Channel({deposit: deposit, allocated: allocated, credited: 0, dustLanes: 0, closableAt: 0});
    }

    /// @dev All of `topUp` but the transfer.
    function _topUp(ChannelConfig calldata config, uint64 amount, uint32[] calldata laneIds, uint64[] calldata caps)
        internal
        returns (bytes32)
    {
        if (amount == 0) revert ZeroAmount("amount");
        (bytes32 channelId, Channel storage channel) = _openChannel(config);
        uint64 deposit = channel.deposit + amount;
        emit ChannelToppedUp(channelId, amount, deposit);
        channel.deposit = deposit;
        channel.allocated = _raiseCaps(channelId, channel.allocated, deposit, laneIds, caps);
        return channelId;
    }

    /// @dev The caps of a channel that is opened: none of its slots has to be read. Returns their sum.
    function _firstCaps(bytes32 channelId, uint64 deposit, uint32[] calldata laneIds, uint64[] calldata caps)
        private
        returns (uint64)
    {
        if (laneIds.length != caps.length) revert LengthMismatch(laneIds.length, caps.length);
        uint256 sum = 0;
        for (uint256 i = 0; i < laneIds.length; i++) {
            uint32 laneId = laneIds[i];
            if (i > 0 && laneId <= laneIds[i - 1]) revert LanesNotAscending(laneIds[i - 1], laneId);
            _countLane(laneId >> 8, true);
            if (caps[i] == 0) revert CapNotRaised(laneId, 0, 0);
            sum += caps[i];
            lanes[channelId][laneId].cap = caps[i];
            emit LaneCapChanged(channelId, laneId, 0, caps[i], 0);
        }
        if (sum > deposit) revert CapsExceedDeposit(sum, deposit); // CHAIN-020
        return uint64(sum);
    }

    /// @dev Returns the new sum of the caps. A lane's first cap leaves seq at 0; every later change bumps it.
    function _raiseCaps(
        bytes32 channelId,
        uint64 allocated,
        uint64 deposit,
        uint32[] calldata laneIds,
        uint64[] calldata caps
    ) internal returns (uint64) {
        if (laneIds.length != caps.length) revert LengthMismatch(laneIds.length, caps.length);
        uint256 sum = allocated; // 2^64 caps below 2^64 do not overflow
        for (uint256 i = 0; i < laneIds.length; i++) {
            uint32 laneId = laneIds[i];
            if (i > 0 && laneId <= laneIds[i - 1]) revert LanesNotAscending(laneIds[i - 1], laneId);
            Lane storage lane = lanes[channelId][laneId];
            uint64 oldCap = lane.cap;
            uint64 seq = lane.seq;
            _countLane(laneId >> 8, oldCap == 0 && seq == 0);
            if (lane.thawAt != 0) revert ThawPending(laneId, lane.thawAt);
            if (caps[i] <= oldCap) revert CapNotRaised(laneId, oldCap, caps[i]);
            sum += caps[i] - oldCap;
            lane.cap = caps[i];
            // A lane that never had a cap has no release to outdate, so its second slot stays untouched.
            if (oldCap != 0 || seq != 0) lane.seq = uint48(++seq);
            emit LaneCapChanged(channelId, laneId, oldCap, caps[i], seq);
        }
        if (sum > deposit) revert CapsExceedDeposit(sum, deposit); // CHAIN-020
        return uint64(sum);
    }

    /// @dev CHAIN-025; a lane's first cap makes it one of those that its operator's stake answers for.
    function _countLane(uint32 nodeId, bool first) private {
        Operator storage operator = operators[nodeId];
        OperatorState state = operator.state;
        if (state != OperatorState.ACTIVE) revert OperatorNotActive(nodeId, state);
        if (first) operator.lanes++;
    }

    /// @dev A token that takes a fee on transfer would leave the escrow short: refused.
    function _pull(address payer, uint64 amount) internal {
        uint256 before = IERC20(TOKEN).balanceOf(address(this));
        IERC20(TOKEN).safeTransferFrom(payer, address(this), amount);
        _requireArrived(before, amount);
    }

    function _requireArrived(uint256 before, uint64 amount) internal view {
        uint256 arrived = IERC20(TOKEN).balanceOf(address(this)) - before;
        if (arrived != amount) revert TransferMismatch(amount, arrived);
    }
}
