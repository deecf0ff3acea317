// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Channels} from "./Channels.sol";
import {IPennypostFront} from "./IPennypost.sol";
import {Reports} from "./Reports.sol";
import {Settlement} from "./Settlement.sol";
import {Slots} from "./Slots.sol";
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
            LaneClaim calldata claim = claims[i];
            bytes32 channelId = _channelIdOf(claim.config);
            Found memory found = Found(reportHash, channelId, claim.lane, claim.config.signer, i);
            bytes32 root = MerkleProof.processProofCalldata(claim.proof, _leafHash(channelId, claim.lane, claim.leaf));
            if (root != report.lanesRoot) {
                SkipReason reason = _stateSkip(Slots.read(channels[channelId]), SkipReason.BAD_PROOF);
                _skip(found, reason, report.lanesRoot, root);
            } else {
                credit += _settleLane(found, claim.voucher, claim.refund, claim.leaf);
            }
        }
        if (credit > 0) received += uint128(credit);
    }

    /// @inheritdoc IPennypostFront
    function settleBatch(
        EpochReport calldata report,
        BatchClaim[] calldata claims,
        bytes32[] calldata proof,
        bool[] calldata flags
    ) external {
        (bytes32 reportHash,) = _requireVested(report);
        bytes32[] memory ids = _requireLeaves(report.lanesRoot, claims, proof, flags);
        uint256 credit = 0;
        for (uint256 i = 0; i < claims.length; i++) {
            BatchClaim calldata claim = claims[i];
            Found memory found = Found(reportHash, ids[i], claim.lane, claim.config.signer, i);
            credit += _settleLane(found, claim.voucher, claim.refund, claim.leaf);
        }
        if (credit > 0) received += uint128(credit);
    }

    /// @dev What is known of a claim before its signatures.
    struct Found {
        bytes32 reportHash;
        bytes32 channelId;
        uint32 lane;
        address signer;
        uint256 index;
    }

    /// @dev CHAIN-038. Returns the channels' ids, for they are hashed on the way.
    function _requireLeaves(
        bytes32 lanesRoot,
        BatchClaim[] calldata claims,
        bytes32[] calldata proof,
        bool[] calldata flags
    ) private view returns (bytes32[] memory ids) {
        ids = new bytes32[](claims.length);
        bytes32[] memory leaves = new bytes32[](claims.length);
        for (uint256 i = 0; i < claims.length; i++) {
            ids[i] = _channelIdOf(claims[i].config);
            leaves[i] = _leafHash(ids[i], claims[i].lane, claims[i].leaf);
        }
        bytes32 root = MerkleProof.processMultiProofCalldata(proof, flags, leaves);
        if (root != lanesRoot) revert BatchProofInvalid(lanesRoot, root);
    }

    /// @dev Changes the lane and its channel, or skips with an event and changes nothing. Each slot is read once and, if it
    ///      changes, written once.
    function _settleLane(Found memory found, Voucher calldata voucher, Refund calldata refund, LaneLeaf calldata leaf)
        private
        returns (uint64 credit)
    {
        Channel storage channel = channels[found.channelId];
        uint256 channelWord = Slots.read(channel);
        SkipReason reason = _stateSkip(channelWord, SkipReason.NONE);
        if (reason != SkipReason.NONE) {
            _skip(found, reason, 0, 0);
            return 0;
        }
        Lane storage lane = lanes[found.channelId][found.lane];
        (uint256 counters, uint256 rest) = Slots.read(lane);
        Merged memory merged = _merge(found, voucher, refund, uint96(counters), uint96(counters >> 96));
        if (merged.reason != SkipReason.NONE) {
            _skip(found, merged.reason, merged.expected, merged.actual);
            return 0;
        }
        uint96 known = uint96(rest);
        uint96 earned = leaf.earned;
        uint96 vested = Settlement.poolOf(merged.spent, merged.refunded, earned, uint64(counters >> 192), known);
        uint256 merger = Slots.withCounters(counters, merged.spent, merged.refunded);
        if (vested == known && merger == counters) {
            _skip(found, SkipReason.NO_CHANGE, bytes32(uint256(known)), bytes32(uint256(vested)));
            return 0;
        }
        if (merger != counters) Slots.writeCounters(lane, merger);
        if (vested != known) {
            Slots.writeRest(lane, Slots.withVested(rest, vested));
            credit = Settlement.unitsFloor(vested) - Settlement.unitsFloor(known);
            Slots.write(channel, Slots.withCredit(channelWord, credit, Settlement.isWhole(known), Settlement.isWhole(vested)));
        }
        emit LaneSettled(
            found.channelId,
            found.lane,
            found.reportHash,
            merged.spent,
            merged.refunded,
            earned,
            vested,
            credit
        );
    }

    /// @dev A claim of no live channel is told as that, whatever else is wrong with it.
    function _stateSkip(uint256 channelWord, SkipReason otherwise) private pure returns (SkipReason) {
        if (Slots.depositOf(channelWord) == 0) return SkipReason.CHANNEL_UNKNOWN;
        return Slots.closableAtOf(channelWord) == CLOSED_FOR_GOOD ? SkipReason.CHANNEL_CLOSED : otherwise;
    }

    function _skip(Found memory found, SkipReason reason, bytes32 expected, bytes32 actual) private {
        if (reason == SkipReason.CHANNEL_UNKNOWN || reason == SkipReason.CHANNEL_CLOSED) {
            bool closed = reason == SkipReason.CHANNEL_CLOSED;
            expected = _word(uint8(ChannelState.OPEN));
            actual = _word(uint8(closed ? ChannelState.CLOSED : ChannelState.NONE));
        }
        emit ClaimSkipped(found.channelId, found.lane, found.index, reason, expected, actual);
    }

    struct Merged {
        SkipReason reason;
        bytes32 expected;
        bytes32 actual;
        uint96 spent;
        uint96 refunded;
    }

    /// @dev Verifies a claim's signatures and merges its counters. CHAIN-030 to CHAIN-034, in this order.
    function _merge(
        Found memory found,
        Voucher calldata voucher,
        Refund calldata refund,
        uint96 spent,
        uint96 refunded
    ) private view returns (Merged memory m) {
        (m.spent, m.refunded) = (spent, refunded);
        if (refund.refunded > refunded && refund.signature.v != 0) {
            address key = _operatorKeyOf(found.lane);
            address by = _recover(_refundDigest(found.channelId, found.lane, refund), refund.signature);
            if (!_isBy(by, key)) return _refused(m, SkipReason.REFUND_SIGNATURE, uint160(key), uint160(by));
            m.refunded = refund.refunded;
        }
        if (voucher.spent > spent && voucher.signature.v != 0) {
            if (voucher.refundAck > m.refunded) {
                return _refused(m, SkipReason.REFUND_MISSING, voucher.refundAck, m.refunded);
            }
            address by = _recover(_voucherDigest(found.channelId, found.lane, voucher), voucher.signature);
            if (!_isBy(by, found.signer)) {
                return _refused(m, SkipReason.VOUCHER_SIGNATURE, uint160(found.signer), uint160(by));
            }
            m.spent = voucher.spent;
        }
    }

    function _refused(Merged memory m, SkipReason reason, uint256 expected, uint256 actual)
        private
        pure
        returns (Merged memory)
    {
        (m.reason, m.expected, m.actual) = (reason, bytes32(expected), bytes32(actual));
        return m;
    }

    function _word(uint256 value) private pure returns (bytes32) {
        return bytes32(value);
    }
}
