// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SignedTypes} from "./SignedTypes.sol";

/// @title All that is stored, in one place: the escrow and its annex run on the same slots.
/// @dev Nothing below Store may have storage, and both parts inherit from it first, so the layouts cannot differ.
///      Invariants of every channel: the caps sum to `allocated`; credited + dustLanes <= allocated <= deposit; in
///      every lane vested <= cap * 10^6.
abstract contract Store is SignedTypes, Ownable2Step, ReentrancyGuardTransient {
    /// @dev closableAt of a channel that is CLOSED; no clock reaches it.
    uint40 internal constant CLOSED_FOR_GOOD = type(uint40).max;

    /// @dev CHAIN-003: one slot. deposit = 0: there is no such channel. dustLanes: lanes whose `vested` is not whole units.
    struct Channel {
        uint64 deposit;
        uint64 allocated;
        uint64 credited;
        uint24 dustLanes;
        uint40 closableAt;
    }

    /// @dev CHAIN-003: two slots. thawAt = 0: no thaw is pending.
    struct Lane {
        uint96 spent;
        uint96 refunded;
        uint64 cap;
        uint96 vested;
        uint48 seq;
        uint64 thawTarget;
        uint40 thawAt;
        bool retired;
    }

    struct Operator {
        address operatorKey;
        OperatorState state;
        uint40 changeAt;
        uint48 lanes; // that ever got a cap and are not retired
        address payee;
    }

    /// @dev The set from `fromBlock` on, until the next record.
    struct SetRecord {
        uint64 fromBlock;
        uint64 fromTime;
        bytes32 setHash;
    }

    /// @dev One slot.
    struct Report {
        uint64 epoch;
        uint64 vestsAt; // 0: never posted
        uint64 supersededAt; // when its successor vests; 0: there is none
        bool revoked; // for good; vestsAt is 0 then
    }

    /// @dev Of every report that was ever posted, revoked ones too.
    struct Head {
        uint64 epoch;
        uint64 blockNumber;
        uint64 endTime;
    }

    /// @dev What was paid out in the epoch that is running by the chain's time; kept only where there is a limit.
    struct Window {
        uint64 epoch;
        uint128 paid;
    }

    Timers internal timing; // one slot
    uint16 internal share; // the protocol's, basis points
    uint64 internal payoutLimit; // units in one epoch; 2^64 - 1: none
    uint64 internal parametersAt; // when parametersNext may be applied; 0: nothing is pending
    ParameterSet internal parametersNext;

    mapping(bytes32 channelId => Channel) internal channels;
    mapping(bytes32 channelId => mapping(uint32 lane => Lane)) internal lanes;
    mapping(address payer => uint64) internal nonces;
    mapping(bytes32 channelId => mapping(uint32 index => uint64)) internal delegateUntil; // 0: not revoked

    mapping(uint32 nodeId => Operator) internal operators;
    mapping(address operatorKey => uint32 nodeId) internal nodeOfKey;
    uint32[] internal activeIds; // ascending
    SetRecord[] internal sets; // fromBlock strictly ascending

    mapping(bytes32 reportHash => Report) internal reports;
    bytes32 internal headHash; // the last that is not revoked
    Head internal head;

    uint128 internal received; // units, ever credited to the pool
    uint128 internal claimed; // units, ever paid out
    mapping(uint32 nodeId => uint128) internal claimedBy;
    Window internal window;

    mapping(uint32 nodeId => Checkpoints.Trace208) internal stakes; // units, by block
    mapping(uint32 nodeId => uint64) internal stakeLockedUntil;
    mapping(bytes32 channelId => mapping(uint32 lane => uint64)) internal owedCollected; // units
    uint32[] internal drawnIds; // whose stakes were ever drawn from, in that order
    mapping(uint32 nodeId => uint128) internal drawnFrom; // units, in all

    function _now() internal view returns (uint64) {
        return uint64(block.timestamp);
    }

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
        channelId = _channelIdOf(config);
        channel = channels[channelId];
        ChannelState state = _stateOf(channel);
        if (state != ChannelState.OPEN && state != ChannelState.CLOSING) revert ChannelNotLive(channelId, state);
    }

    function _openChannel(ChannelConfig calldata config)
        internal
        view
        returns (bytes32 channelId, Channel storage channel)
    {
        channelId = _channelIdOf(config);
        channel = channels[channelId];
        ChannelState state = _stateOf(channel);
        if (state != ChannelState.OPEN) revert ChannelNotOpen(channelId, state);
    }

    function _requirePayer(ChannelConfig calldata config) internal view {
        if (msg.sender != config.payer) revert NotPayer(config.payer, msg.sender);
    }

    /// @dev CHAIN-101: from the operator's removal, and from the end of its last lane, a report on it has time to vest.
    function _lockStake(uint32 nodeId) internal {
        Timers memory t = timing;
        stakeLockedUntil[nodeId] = _now() + t.challenge + t.vesting;
    }

    /// @dev The key that signs refunds and releases of the lane; a removed operator's still counts. Zero: no such node.
    function _operatorKeyOf(uint32 lane) internal view returns (address) {
        return operators[lane >> 8].operatorKey;
    }
}
