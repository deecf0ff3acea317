// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Store} from "./Store.sol";

/// @title How a voucher is stored, whoever signed it: the channel's signer or a delegate.
abstract contract Vouchers is Store {
    /// @dev CHAIN-030 to CHAIN-033.
    function _postVoucher(
        bytes32 channelId,
        uint32 lane,
        Voucher calldata voucher,
        Refund calldata refund,
        address signer
    ) internal {
        Lane storage state = lanes[channelId][lane];
        if (voucher.spent <= state.spent) revert NotHigher(state.spent, voucher.spent);
        uint96 refunded = state.refunded;
        if (refund.signature.v != 0 && refund.refunded > refunded) {
            _requireSigned(_operatorKeyOf(lane), _refundDigest(channelId, lane, refund), refund.signature);
            refunded = refund.refunded;
            emit RefundPosted(channelId, lane, refunded, refund.reasons);
        }
        if (voucher.refundAck > refunded) revert RefundMissing(voucher.refundAck, refunded);
        _requireSigned(signer, _voucherDigest(channelId, lane, voucher), voucher.signature);

        (state.spent, state.refunded) = (voucher.spent, refunded);
        emit VoucherPosted(channelId, lane, voucher.spent, voucher.refundAck, voucher.context);
    }
}
