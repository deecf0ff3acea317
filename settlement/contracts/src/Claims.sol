// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Channels} from "./Channels.sol";
import {IPennypostFront} from "./IPennypost.sol";
import {Reports} from "./Reports.sol";
import {Settlement} from "./Settlement.sol";
import {Vouchers} from "./Vouchers.sol";

/// @title What lanes owe: vouchers, refunds, and their settlement by a report.
/// @dev Spent and refunded merge by maximum; `vested` never falls. A voucher is stored only together with the refund
///      that it acknowledges; its `refundAck` is a condition and never becomes a refund itself.
abstract contract Claims is Channels, Reports, Vouchers {
    /// @inheritdoc IPennypostFront
    function postVoucher(
        ChannelConfig calldata config,
        uint32 lane,
        Voucher calldata voucher,
        Refund calldata refund
    ) external {
        (bytes32 channelId,) = _liveChannel(config);
        _postVoucher(channelId, lane, voucher, refund, config.signer);
    }

    /// @inheritdoc IPennypostFront
    function postRefund(ChannelConfig calldata config, uint32 lane, Refund calldata refund) external {
        (bytes32 channelId,) = _liveChannel(config);
        Lane storage state = lanes[channelId][lane];
        if (refund.refunded <= state.refunded) revert NotHigher(state.refunded, refund.refunded);
        _requireSigned(_operatorKeyOf(lane), _refundDigest(channelId, lane, refund), refund.signature);

        state.refunded = refund.refunded;
        emit RefundPosted(channelId, lane, refund.refunded, refund.reasons);
    }

    /// @inheritdoc IPennypostFront
    function settle(EpochReport calldata report, LaneClaim[] calldata claims) external {
        (bytes32 reportHash,) = _requireVested(report);
        uint256 credit = 0;
        for (uint256 i = 0; i < claims.length; i++) {
            credit += _settleClaim(reportHash, report.lanesRoot, i, claims[i]);
        }
        if (credit > 0) received += uint128(credit);
    }

    /// @dev Changes the lane and its channel, or skips with an event and changes nothing.
    function _settleClaim(bytes32 reportHash, bytes32 lanesRoot, uint256 index, LaneClaim calldata claim)
        private
        returns (uint64 credit)
    {
        bytes32 channelId = _channelIdOf(claim.config);
        Lane memory lane = lanes[channelId][claim.lane];
        (SkipReason reason, bytes32 expected, bytes32 actual) = _mergeClaim(channelId, lanesRoot, claim, lane);
        if (reason == SkipReason.NONE) {
            (uint96 vested,) =
                Settlement.settle(lane.spent, lane.refunded, claim.leaf.earned, lane.cap, lane.vested);
            bool changed;
            (changed, credit) = _store(channelId, claim.lane, lane, vested);
            if (changed) {
                _emitSettled(reportHash, channelId, claim, lane, vested, credit);
                return credit;
            }
            (reason, expected, actual) =
                (SkipReason.NO_CHANGE, bytes32(uint256(lane.vested)), bytes32(uint256(vested)));
        }
        emit ClaimSkipped(channelId, claim.lane, index, reason, expected, actual);
    }

    /// @dev Verifies a claim and merges its counters into `lane` (memory). CHAIN-030 to CHAIN-034, in this order.
    function _mergeClaim(bytes32 channelId, bytes32 lanesRoot, LaneClaim calldata claim, Lane memory lane)
        private
        view
        returns (SkipReason reason, bytes32 expected, bytes32 actual)
    {
        ChannelState state = _stateOf(channels[channelId]);
        if (state == ChannelState.NONE) {
            return (SkipReason.CHANNEL_UNKNOWN, _word(uint8(ChannelState.OPEN)), _word(uint8(state)));
        }
        if (state == ChannelState.CLOSED) {
            return (SkipReason.CHANNEL_CLOSED, _word(uint8(ChannelState.OPEN)), _word(uint8(state)));
        }
        bytes32 root = MerkleProof.processProofCalldata(claim.proof, _leafHash(channelId, claim.lane, claim.leaf));
        if (root != lanesRoot) return (SkipReason.BAD_PROOF, lanesRoot, root);

        if (claim.refund.refunded > lane.refunded && claim.refund.signature.v != 0) {
            address key = _operatorKeyOf(claim.lane);
            address signer = _recover(_refundDigest(channelId, claim.lane, claim.refund), claim.refund.signature);
            if (!_isBy(signer, key)) return (SkipReason.REFUND_SIGNATURE, _word(uint160(key)), _word(uint160(signer)));
            lane.refunded = claim.refund.refunded;
        }
        if (claim.voucher.spent > lane.spent && claim.voucher.signature.v != 0) {
            if (claim.voucher.refundAck > lane.refunded) {
                return (SkipReason.REFUND_MISSING, _word(claim.voucher.refundAck), _word(lane.refunded));
            }
            address signer = _recover(_voucherDigest(channelId, claim.lane, claim.voucher), claim.voucher.signature);
            if (!_isBy(signer, claim.config.signer)) {
                return (SkipReason.VOUCHER_SIGNATURE, _word(uint160(claim.config.signer)), _word(uint160(signer)));
            }
            lane.spent = claim.voucher.spent;
        }
    }

    /// @dev Writes what differs, and keeps the channel's sums. `lane.vested` is still the old value.
    function _store(bytes32 channelId, uint32 laneId, Lane memory lane, uint96 vested)
        private
        returns (bool changed, uint64 credit)
    {
        Lane storage stored = lanes[channelId][laneId];
        if (stored.spent != lane.spent || stored.refunded != lane.refunded) {
            (stored.spent, stored.refunded) = (lane.spent, lane.refunded);
            changed = true;
        }
        if (vested == lane.vested) return (changed, 0);

        stored.vested = vested;
        Channel memory channel = channels[channelId];
        credit = Settlement.unitsFloor(vested) - Settlement.unitsFloor(lane.vested);
        channel.credited += credit;
        if (!Settlement.isWhole(vested)) channel.dustLanes++;
        if (!Settlement.isWhole(lane.vested)) channel.dustLanes--;
        channels[channelId] = channel;
        changed = true;
    }

    function _emitSettled(
        bytes32 reportHash,
        bytes32 channelId,
        LaneClaim calldata claim,
        Lane memory lane,
        uint96 vested,
        uint64 credit
    ) private {
        emit LaneSettled(
            channelId, claim.lane, reportHash, lane.spent, lane.refunded, claim.leaf.earned, vested, credit
        );
    }

    function _word(uint256 value) private pure returns (bytes32) {
        return bytes32(value);
    }
}
