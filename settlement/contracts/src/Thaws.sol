// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPayersAnnex} from "./IPennypost.sol";
import {Settlement} from "./Settlement.sol";
import {Store} from "./Store.sol";

/// @title A payer's ways to lower a cap without its operator, and to take a close back.
/// @dev Both a request and its withdrawal bump seq: a watcher that follows the highest final seq knows what the node
///      may admit, and a LaneRelease signed before is of a state that is no more.
abstract contract Thaws is Store, IPayersAnnex {
    /// @inheritdoc IPayersAnnex
    function requestThaw(ChannelConfig calldata config, uint32 laneId, uint64 target) external {
        _requirePayer(config);
        (bytes32 channelId,) = _openChannel(config);
        Lane storage lane = lanes[channelId][laneId];
        if (lane.thawAt != 0) revert ThawPending(laneId, lane.thawAt);
        if (target >= lane.cap) revert CapNotLowered(laneId, lane.cap, target);

        uint64 thawAt = _now() + timing.challenge;
        uint48 seq = lane.seq + 1;
        (lane.thawTarget, lane.thawAt, lane.seq) = (target, uint40(thawAt), seq);
        emit ThawRequested(channelId, laneId, target, thawAt, seq);
    }

    /// @inheritdoc IPayersAnnex
    function cancelThaw(ChannelConfig calldata config, uint32 laneId) external {
        _requirePayer(config);
        (bytes32 channelId,) = _openChannel(config);
        Lane storage lane = lanes[channelId][laneId];
        if (lane.thawAt == 0) revert ThawNotPending(laneId);

        uint48 seq = lane.seq + 1;
        (lane.thawTarget, lane.thawAt, lane.seq) = (0, 0, seq);
        emit ThawCancelled(channelId, laneId, lane.cap, seq);
    }

    /// @inheritdoc IPayersAnnex
    function finalizeThaw(ChannelConfig calldata config, uint32 laneId) external {
        (bytes32 channelId, Channel storage channel) = _liveChannel(config);
        Lane storage lane = lanes[channelId][laneId];
        if (lane.thawAt == 0) revert ThawNotPending(laneId);
        if (_now() < lane.thawAt) revert ThawTooEarly(lane.thawAt, _now());

        (uint64 oldCap, uint48 seq) = (lane.cap, lane.seq + 1);
        uint64 newCap = _thawedCap(lane, oldCap);
        (lane.thawTarget, lane.thawAt, lane.seq) = (0, 0, seq);
        lane.cap = newCap;
        channel.allocated -= oldCap - newCap;
        emit LaneCapChanged(channelId, laneId, oldCap, newCap, seq);
    }

    /// @inheritdoc IPayersAnnex
    function cancelClose(ChannelConfig calldata config) external {
        _requirePayer(config);
        bytes32 channelId = _channelIdOf(config);
        Channel storage channel = channels[channelId];
        ChannelState state = _stateOf(channel);
        if (state != ChannelState.CLOSING) revert ChannelNotClosing(channelId, state);
        channel.closableAt = 0;
        emit CloseCancelled(channelId);
    }

    /// @inheritdoc IPayersAnnex
    function thawOf(bytes32 channelId, uint32 laneId) external view returns (uint64 target, uint64 thawAt) {
        Lane storage lane = lanes[channelId][laneId];
        return (lane.thawTarget, lane.thawAt);
    }

    /// @dev CHAIN-072: min(cap, max(target, ceil(max(vested, net) / 10^6))); both are at most cap * 10^6.
    function _thawedCap(Lane storage lane, uint64 cap) private view returns (uint64) {
        uint96 held = Settlement.netOf(lane.spent, lane.refunded, cap);
        if (held < lane.vested) held = lane.vested;
        uint64 least = Settlement.unitsFloor(held) + (Settlement.isWhole(held) ? 0 : 1);
        uint64 target = lane.thawTarget > least ? lane.thawTarget : least;
        return target < cap ? target : cap;
    }
}
