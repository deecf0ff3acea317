// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IPennypost} from "./IPennypost.sol";
import {Registry} from "./Registry.sol";
import {Settlement} from "./Settlement.sol";
import {SignedTypes} from "./SignedTypes.sol";

/// @title Payers' escrow: opening, topping up, caps, and the way out.
/// @dev Invariants of every channel: the caps sum to `allocated`; credited + dustLanes <= allocated <= deposit; in
///      every lane vested <= cap * 10^6.
abstract contract Channels is SignedTypes, Registry, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @dev closableAt of a channel that is CLOSED; no clock reaches it.
    uint40 private constant CLOSED_FOR_GOOD = type(uint40).max;

    /// @dev CHAIN-003: one slot. deposit = 0: there is no such channel. dustLanes: lanes whose `vested` is not whole units.
    struct Channel {
        uint64 deposit;
        uint64 allocated;
        uint64 credited;
        uint24 dustLanes;
        uint40 closableAt;
    }

    /// @dev CHAIN-003: two slots. 112 bits of the second are free: room for a pending thaw (target u64, time u40).
    struct Lane {
        uint96 spent;
        uint96 refunded;
        uint64 cap;
        uint96 vested;
        uint48 seq;
    }

    mapping(bytes32 channelId => Channel) internal channels;
    mapping(bytes32 channelId => mapping(uint32 lane => Lane)) internal lanes;
    mapping(address payer => uint64) private nonces;

    // ------------------------------------------------------------------------------------------------ money in

    /// @inheritdoc IPennypost
    /// @dev Reverts with NotPayer, ZeroAddress, WrongNonce, ZeroAmount, LengthMismatch, LanesNotAscending,
    ///      OperatorNotActive, CapNotRaised (a cap of 0), CapsExceedDeposit, TransferMismatch and the token's errors.
    function open(
        ChannelConfig calldata config,
        uint64 deposit,
        uint32[] calldata laneIds,
        uint64[] calldata caps
    ) external nonReentrant returns (bytes32 channelId) {
        _requirePayer(config);
        if (config.signer == address(0)) revert ZeroAddress("signer");
        if (deposit == 0) revert ZeroAmount("deposit");
        uint64 nonce = nonces[config.payer];
        if (config.nonce != nonce) revert WrongNonce(nonce, config.nonce);

        nonces[config.payer] = nonce + 1;
        channelId = channelIdOf(config);
        emit ChannelOpened(channelId, config.payer, config.signer, nonce, deposit);
        uint64 allocated = _raiseCaps(channelId, 0, deposit, laneIds, caps);
        channels[channelId] =
            Channel({deposit: deposit, allocated: allocated, credited: 0, dustLanes: 0, closableAt: 0});
        _pull(config.payer, deposit);
    }

    /// @inheritdoc IPennypost
    /// @dev Reverts with NotPayer, ChannelNotOpen, ZeroAmount, what `allocate` reverts with, TransferMismatch and the
    ///      token's errors; with Panic(0x11) if the deposit would not fit 64 bits.
    function topUp(
        ChannelConfig calldata config,
        uint64 amount,
        uint32[] calldata laneIds,
        uint64[] calldata caps
    ) external nonReentrant {
        _requirePayer(config);
        if (amount == 0) revert ZeroAmount("amount");
        (bytes32 channelId, Channel storage channel) = _openChannel(config);
        uint64 deposit = channel.deposit + amount;
        emit ChannelToppedUp(channelId, amount, deposit);
        channel.deposit = deposit;
        channel.allocated = _raiseCaps(channelId, channel.allocated, deposit, laneIds, caps);
        _pull(config.payer, amount);
    }

    /// @inheritdoc IPennypost
    /// @dev Reverts with NotPayer, ChannelNotOpen, ZeroAmount (no lane named), LengthMismatch, LanesNotAscending,
    ///      OperatorNotActive, CapNotRaised and CapsExceedDeposit.
    function allocate(ChannelConfig calldata config, uint32[] calldata laneIds, uint64[] calldata caps) external {
        _requirePayer(config);
        if (laneIds.length == 0) revert ZeroAmount("lanes");
        (bytes32 channelId, Channel storage channel) = _openChannel(config);
        channel.allocated = _raiseCaps(channelId, channel.allocated, channel.deposit, laneIds, caps);
    }

    // ------------------------------------------------------------------------------------------------ money out

    /// @inheritdoc IPennypost
    /// @dev All or none. Reverts with ChannelNotLive, CapNotLowered, CapBelowVested, ReleaseStale and InvalidSignature.
    function release(ChannelConfig calldata config, LaneRelease[] calldata releases) external {
        (bytes32 channelId, Channel storage channel) = _liveChannel(config);
        uint64 freed = 0;
        for (uint256 i = 0; i < releases.length; i++) {
            freed += _release(channelId, releases[i]);
        }
        channel.allocated -= freed;
    }

    /// @inheritdoc IPennypost
    /// @dev Reverts with NotPayer and ChannelNotOpen.
    function requestClose(ChannelConfig calldata config) external nonReentrant {
        _requirePayer(config);
        (bytes32 channelId, Channel storage channel) = _openChannel(config);
        uint64 closableAt = _now() + CHALLENGE;
        emit CloseRequested(channelId, closableAt);
        if (_isSpent(channel)) _close(channelId, channel, config.payer);
        else channel.closableAt = uint40(closableAt);
    }

    /// @inheritdoc IPennypost
    /// @dev Reverts with ChannelNotClosing and CloseTooEarly.
    function finalizeClose(ChannelConfig calldata config) external nonReentrant {
        bytes32 channelId = channelIdOf(config);
        Channel storage channel = channels[channelId];
        ChannelState state = _stateOf(channel);
        if (state != ChannelState.CLOSING) revert ChannelNotClosing(channelId, state);
        if (_now() < channel.closableAt && !_isSpent(channel)) revert CloseTooEarly(channel.closableAt, _now());
        _close(channelId, channel, config.payer);
    }

    // ------------------------------------------------------------------------------------------------ views

    /// @inheritdoc IPennypost
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

    /// @inheritdoc IPennypost
    function laneOf(bytes32 channelId, uint32 lane) external view returns (LaneView memory) {
        Lane storage state = lanes[channelId][lane];
        return LaneView(state.spent, state.refunded, state.cap, state.vested, state.seq);
    }

    /// @inheritdoc IPennypost
    function nonceOf(address payer) external view returns (uint64) {
        return nonces[payer];
    }

    // ------------------------------------------------------------------------------------------------ inside

    function _stateOf(Channel storage channel) internal view returns (ChannelState) {
        if (channel.deposit == 0) return ChannelState.NONE;
        if (channel.closableAt == 0) return ChannelState.OPEN;
        return channel.closableAt == CLOSED_FOR_GOOD ? ChannelState.CLOSED : ChannelState.CLOSING;
    }

    /// @dev OPEN or CLOSING: claims count until the channel is closed.
    function _liveChannel(ChannelConfig calldata config)
        internal
        view
        returns (bytes32 channelId, Channel storage channel)
    {
        channelId = channelIdOf(config);
        channel = channels[channelId];
        ChannelState state = _stateOf(channel);
        if (state != ChannelState.OPEN && state != ChannelState.CLOSING) revert ChannelNotLive(channelId, state);
    }

    function _openChannel(ChannelConfig calldata config)
        private
        view
        returns (bytes32 channelId, Channel storage channel)
    {
        channelId = channelIdOf(config);
        channel = channels[channelId];
        ChannelState state = _stateOf(channel);
        if (state != ChannelState.OPEN) revert ChannelNotOpen(channelId, state);
    }

    function _requirePayer(ChannelConfig calldata config) private view {
        if (msg.sender != config.payer) revert NotPayer(config.payer, msg.sender);
    }

    /// @dev CHAIN-021: every cap is ceil(vested / 10^6); cap >= ceil(vested / 10^6) in each lane, so the sums decide.
    function _isSpent(Channel storage channel) private view returns (bool) {
        return channel.allocated == channel.credited + channel.dustLanes;
    }

    /// @dev Returns the new sum of the caps. A lane's first cap leaves seq at 0; every later change bumps it.
    function _raiseCaps(
        bytes32 channelId,
        uint64 allocated,
        uint64 deposit,
        uint32[] calldata laneIds,
        uint64[] calldata caps
    ) private returns (uint64) {
        if (laneIds.length != caps.length) revert LengthMismatch(laneIds.length, caps.length);
        uint256 sum = allocated; // 2^64 caps below 2^64 do not overflow
        for (uint256 i = 0; i < laneIds.length; i++) {
            uint32 laneId = laneIds[i];
            if (i > 0 && laneId <= laneIds[i - 1]) revert LanesNotAscending(laneIds[i - 1], laneId);
            _requireActive(laneId >> 8);
            Lane storage lane = lanes[channelId][laneId];
            uint64 oldCap = lane.cap;
            if (caps[i] <= oldCap) revert CapNotRaised(laneId, oldCap, caps[i]);
            sum += caps[i] - oldCap;
            lane.cap = caps[i];
            emit LaneCapChanged(channelId, laneId, oldCap, caps[i], _bumpSeq(lane, oldCap));
        }
        if (sum > deposit) revert CapsExceedDeposit(sum, deposit); // CHAIN-020
        return uint64(sum);
    }

    /// @dev A lane that never had a cap has no release to outdate, so its second slot stays untouched.
    function _bumpSeq(Lane storage lane, uint64 oldCap) private returns (uint64 seq) {
        seq = lane.seq;
        if (oldCap == 0 && seq == 0) return 0;
        lane.seq = uint48(++seq);
    }

    function _release(bytes32 channelId, LaneRelease calldata signed) private returns (uint64 freed) {
        Lane storage lane = lanes[channelId][signed.lane];
        uint64 cap = lane.cap;
        if (signed.oldCap != cap || signed.seq != lane.seq) {
            revert ReleaseStale(signed.lane, cap, signed.oldCap, lane.seq, signed.seq);
        }
        if (signed.newCap >= cap) revert CapNotLowered(signed.lane, cap, signed.newCap);
        uint256 newCapGrains = uint256(signed.newCap) * Settlement.GRAINS_PER_UNIT;
        if (newCapGrains < lane.vested) revert CapBelowVested(signed.lane, newCapGrains, lane.vested);
        _requireSigned(_operatorKeyOf(signed.lane), _releaseDigest(channelId, signed), signed.signature);

        uint64 newCap = uint64(signed.newCap); // below cap
        lane.cap = newCap;
        emit LaneCapChanged(channelId, signed.lane, cap, newCap, _bumpSeq(lane, cap));
        return cap - newCap;
    }

    /// @dev The payer is the residual claimant: what was not credited to the pool goes back.
    function _close(bytes32 channelId, Channel storage channel, address payer) private {
        uint64 toPool = channel.credited;
        uint64 toPayer = channel.deposit - toPool;
        channel.closableAt = CLOSED_FOR_GOOD;
        emit ChannelClosed(channelId, payer, toPool, toPayer);
        if (toPayer > 0) IERC20(token).safeTransfer(payer, toPayer);
    }

    /// @dev A token that takes a fee on transfer would leave the escrow short: refused.
    function _pull(address payer, uint64 amount) private {
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(payer, address(this), amount);
        uint256 received = IERC20(token).balanceOf(address(this)) - before;
        if (received != amount) revert TransferMismatch(amount, received);
    }
}
