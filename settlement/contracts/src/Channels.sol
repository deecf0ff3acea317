// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Deposits} from "./Deposits.sol";
import {IPennypostFront} from "./IPennypost.sol";
import {Settlement} from "./Settlement.sol";

/// @title Payers' escrow: opening, topping up, caps, and the way out.
abstract contract Channels is Deposits, IPennypostFront {
    using SafeERC20 for IERC20;

    // ------------------------------------------------------------------------------------------------ money in

    /// @inheritdoc IPennypostFront
    function open(
        ChannelConfig calldata config,
        uint64 deposit,
        uint32[] calldata laneIds,
        uint64[] calldata caps
    ) external nonReentrant returns (bytes32 channelId) {
        _requirePayer(config);
        channelId = _open(config, deposit, laneIds, caps);
        _pull(config.payer, deposit);
    }

    /// @inheritdoc IPennypostFront
    function topUp(
        ChannelConfig calldata config,
        uint64 amount,
        uint32[] calldata laneIds,
        uint64[] calldata caps
    ) external nonReentrant {
        _requirePayer(config);
        _topUp(config, amount, laneIds, caps);
        _pull(config.payer, amount);
    }

    /// @inheritdoc IPennypostFront
    function allocate(ChannelConfig calldata config, uint32[] calldata laneIds, uint64[] calldata caps) external {
        _requirePayer(config);
        if (laneIds.length == 0) revert ZeroAmount("lanes");
        (bytes32 channelId, Channel storage channel) = _openChannel(config);
        channel.allocated = _raiseCaps(channelId, channel.allocated, channel.deposit, laneIds, caps);
    }

    // ------------------------------------------------------------------------------------------------ money out

    /// @inheritdoc IPennypostFront
    function release(ChannelConfig calldata config, LaneRelease[] calldata releases) external {
        (bytes32 channelId, Channel storage channel) = _liveChannel(config);
        uint64 freed = 0;
        for (uint256 i = 0; i < releases.length; i++) {
            freed += _release(channelId, releases[i]);
        }
        channel.allocated -= freed;
    }

    /// @inheritdoc IPennypostFront
    function requestClose(ChannelConfig calldata config) external nonReentrant {
        _requirePayer(config);
        (bytes32 channelId, Channel storage channel) = _openChannel(config);
        uint64 closableAt = _now() + timing.challenge;
        emit CloseRequested(channelId, closableAt);
        if (_isSpent(channel)) _close(channelId, channel, config.payer);
        else channel.closableAt = uint40(closableAt);
    }

    /// @inheritdoc IPennypostFront
    function finalizeClose(ChannelConfig calldata config) external nonReentrant {
        bytes32 channelId = _channelIdOf(config);
        Channel storage channel = channels[channelId];
        ChannelState state = _stateOf(channel);
        if (state != ChannelState.CLOSING) revert ChannelNotClosing(channelId, state);
        if (_now() < channel.closableAt && !_isSpent(channel)) revert CloseTooEarly(channel.closableAt, _now());
        _close(channelId, channel, config.payer);
    }

    // ------------------------------------------------------------------------------------------------ views

    /// @inheritdoc IPennypostFront
    function channelOf(bytes32 channelId) external view returns (ChannelView memory) {
        Channel storage channel = channels[channelId];
        ChannelState state = _stateOf(channel);
        return ChannelView({
            state: state,
            deposit: channel.deposit,
            allocated: channel.allocated,
            credited: channel.credited,
            vestedCeil: channel.credited + channel.dustLanes,
            closableAt: state == ChannelState.CLOSING ? channel.closableAt : 0
        });
    }

    /// @inheritdoc IPennypostFront
    function laneOf(bytes32 channelId, uint32 lane) external view returns (LaneView memory) {
        Lane storage state = lanes[channelId][lane];
        return LaneView(state.spent, state.refunded, state.cap, state.vested, state.seq);
    }

    /// @inheritdoc IPennypostFront
    function nonceOf(address payer) external view returns (uint64) {
        return nonces[payer];
    }

    /// @inheritdoc IPennypostFront
    function channelIdOf(ChannelConfig calldata config) external view returns (bytes32) {
        return _channelIdOf(config);
    }

    /// @inheritdoc IPennypostFront
    function token() external view returns (address) {
        return TOKEN;
    }

    // ------------------------------------------------------------------------------------------------ inside

    /// @dev CHAIN-021: every cap is ceil(vested / 10^6); cap >= ceil(vested / 10^6) in each lane, so the sums decide.
    function _isSpent(Channel storage channel) private view returns (bool) {
        return channel.allocated == channel.credited + channel.dustLanes;
    }

    /// @dev CHAIN-024. While a thaw is pending, what may be admitted is what the release lowers.
    function _release(bytes32 channelId, LaneRelease calldata signed) private returns (uint64 freed) {
        Lane storage lane = lanes[channelId][signed.lane];
        (uint64 cap, uint64 seq) = (lane.cap, lane.seq);
        uint64 admitted = lane.thawAt != 0 && lane.thawTarget < cap ? lane.thawTarget : cap;
        if (signed.oldCap != admitted || signed.seq != seq) {
            revert ReleaseStale(signed.lane, admitted, signed.oldCap, seq, signed.seq);
        }
        if (signed.newCap >= admitted) revert CapNotLowered(signed.lane, admitted, signed.newCap);
        uint256 newCapGrains = uint256(signed.newCap) * Settlement.GRAINS_PER_UNIT;
        if (newCapGrains < lane.vested) revert CapBelowVested(signed.lane, newCapGrains, lane.vested);
        _requireSigned(_operatorKeyOf(signed.lane), _releaseDigest(channelId, signed), signed.signature);

        uint64 newCap = uint64(signed.newCap); // below cap
        lane.cap = newCap;
        lane.seq = uint48(++seq);
        emit LaneCapChanged(channelId, signed.lane, cap, newCap, seq);
        return cap - newCap;
    }

    /// @dev The payer is the residual claimant: what was not credited to the pool goes back.
    function _close(bytes32 channelId, Channel storage channel, address payer) private {
        uint64 toPool = channel.credited;
        uint64 toPayer = channel.deposit - toPool;
        channel.closableAt = CLOSED_FOR_GOOD;
        emit ChannelClosed(channelId, payer, toPool, toPayer);
        if (toPayer > 0) IERC20(TOKEN).safeTransfer(payer, toPayer);
    }
}
