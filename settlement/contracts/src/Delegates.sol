// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPayersAnnex} from "./IPennypost.sol";
import {Vouchers} from "./Vouchers.sol";

/// @title Keys that spend for a channel's signer: on one lane, up to a limit, until a time or until they are revoked.
/// @dev What a delegate signed in time may be posted for a challenge period longer; once posted it stays.
abstract contract Delegates is Vouchers, IPayersAnnex {
    /// @inheritdoc IPayersAnnex
    function postDelegatedVoucher(
        ChannelConfig calldata config,
        uint32 lane,
        Voucher calldata voucher,
        Refund calldata refund,
        Delegation calldata delegation
    ) external {
        (bytes32 channelId,) = _liveChannel(config);
        if (delegation.lane != lane) revert DelegateLaneMismatch(delegation.lane, lane);
        if (voucher.spent > delegation.maxSpent) revert DelegateLimitExceeded(delegation.maxSpent, voucher.spent);
        _requireInTime(channelId, delegation);
        _requireSigned(config.signer, _delegateDigest(channelId, delegation), delegation.signature);
        _postVoucher(channelId, lane, voucher, refund, delegation.key);
    }

    /// @inheritdoc IPayersAnnex
    function revokeDelegate(ChannelConfig calldata config, uint32 index) external {
        if (msg.sender != config.payer && msg.sender != config.signer) revert NotPayer(config.payer, msg.sender);
        (bytes32 channelId,) = _liveChannel(config);
        uint64 known = delegateUntil[channelId][index];
        if (known != 0) revert DelegateRevokedAlready(known);
        uint64 effectiveAt = _now() + timing.challenge;
        delegateUntil[channelId][index] = effectiveAt;
        emit DelegateRevoked(channelId, index, effectiveAt);
    }

    /// @inheritdoc IPayersAnnex
    function delegateRevokedAt(bytes32 channelId, uint32 index) external view returns (uint64) {
        return delegateUntil[channelId][index];
    }

    /// @dev CHAIN-082: until min(notAfter, revocation) + challenge, in 256 bits, for notAfter may be any number.
    function _requireInTime(bytes32 channelId, Delegation calldata delegation) private view {
        uint256 until = uint256(delegation.notAfter) + timing.challenge;
        uint64 revokedAt = delegateUntil[channelId][delegation.index];
        if (revokedAt != 0 && revokedAt < until) until = revokedAt;
        if (_now() > until) revert DelegateExpired(uint64(until), _now());
    }
}
