// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IPennypostTypes} from "./IPennypostTypes.sol";

/// @title The EIP-712 types that the contract verifies, and their digests (specs/vectors/eip712.json).
abstract contract SignedTypes is EIP712, IPennypostTypes {
    bytes32 internal constant CHANNEL_TYPE = keccak256("Channel(address payer,address signer,uint64 nonce)");
    bytes32 internal constant VOUCHER_TYPE =
        keccak256("Voucher(bytes32 channelId,uint32 lane,uint96 spent,uint96 refundAck,bytes32 context)");
    bytes32 internal constant REFUND_TYPE =
        keccak256("Refund(bytes32 channelId,uint32 lane,uint96 refunded,bytes32 reasons)");
    bytes32 internal constant RELEASE_TYPE =
        keccak256("LaneRelease(bytes32 channelId,uint32 lane,uint96 oldCap,uint96 newCap,uint64 seq)");
    bytes32 internal constant REPORT_TYPE = keccak256(
        "EpochReport(uint64 epoch,bytes32 previous,uint64 blockNumber,bytes32 lanesRoot,bytes32 payoutRoot,uint128 payoutTotal,bytes32 operatorSet,uint64 endTime)"
    );

    bytes32 internal constant DELEGATE_TYPE = keccak256(
        "Delegate(bytes32 channelId,address key,uint96 maxSpent,uint32 lane,uint64 notAfter,uint32 index)"
    );
    bytes32 internal constant REVOKE_TYPE = keccak256("RevokeReport(uint64 epoch,bytes32 report)");

    constructor() EIP712("Pennypost", "1") {}

    function _channelIdOf(ChannelConfig calldata config) internal view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(CHANNEL_TYPE, config.payer, config.signer, config.nonce)));
    }

    function _reportHashOf(EpochReport calldata report) internal view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(REPORT_TYPE, report)));
    }

    function _voucherDigest(bytes32 channelId, uint32 lane, Voucher calldata voucher) internal view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(VOUCHER_TYPE, channelId, lane, voucher.spent, voucher.refundAck, voucher.context)
            )
        );
    }

    function _refundDigest(bytes32 channelId, uint32 lane, Refund calldata refund) internal view returns (bytes32) {
        return
            _hashTypedDataV4(keccak256(abi.encode(REFUND_TYPE, channelId, lane, refund.refunded, refund.reasons)));
    }

    function _releaseDigest(bytes32 channelId, LaneRelease calldata signed) internal view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(RELEASE_TYPE, channelId, signed.lane, signed.oldCap, signed.newCap, signed.seq)
            )
        );
    }

    function _delegateDigest(bytes32 channelId, Delegation calldata signed) internal view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(
                    DELEGATE_TYPE,
                    channelId,
                    signed.key,
                    signed.maxSpent,
                    signed.lane,
                    signed.notAfter,
                    signed.index
                )
            )
        );
    }

    function _revokeDigest(uint64 epoch, bytes32 reportHash) internal view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(REVOKE_TYPE, epoch, reportHash)));
    }

    /// @dev CHAIN-015. Zero for a signature that is malformed, high-s or absent.
    function _recover(bytes32 digest, Signature calldata signature) internal pure returns (address signer) {
        (signer,,) = ECDSA.tryRecover(digest, signature.v, signature.r, signature.s);
    }

    /// @dev Zero never signed: a lane without an operator has the zero key, and a bad signature recovers it.
    function _isBy(address signer, address expected) internal pure returns (bool) {
        return signer == expected && signer != address(0);
    }

    function _requireSigned(address expected, bytes32 digest, Signature calldata signature) internal pure {
        address signer = _recover(digest, signature);
        if (!_isBy(signer, expected)) revert InvalidSignature(expected, signer);
    }
}
