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

    // The structs that `settle` hashes lie in calldata as they are hashed, so they are copied whole, behind the free memory.
    // Bits above a field's width would be hashed too: such a field names nothing that exists, and reading it reverts.

    function _channelIdOf(ChannelConfig calldata config) internal view returns (bytes32) {
        bytes32 typeHash = CHANNEL_TYPE;
        bytes32 structHash;
        assembly ("memory-safe") {
            let to := mload(0x40)
            mstore(to, typeHash)
            calldatacopy(add(to, 0x20), config, 0x60) // payer, signer, nonce
            structHash := keccak256(to, 0x80)
        }
        return _hashTypedDataV4(structHash);
    }

    /// @dev CHAIN-012: hashed twice, as @openzeppelin/merkle-tree does, so no inner node is a leaf.
    function _leafHash(bytes32 channelId, uint32 lane, LaneLeaf calldata leaf) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            let to := mload(0x40)
            mstore(to, channelId)
            mstore(add(to, 0x20), lane)
            calldatacopy(add(to, 0x40), leaf, 0xa0) // spent, refunded, earned, forfeited, owed
            mstore(0, keccak256(to, 0xe0))
            hash := keccak256(0, 0x20)
        }
    }

    function _reportHashOf(EpochReport calldata report) internal view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(REPORT_TYPE, report)));
    }

    function _voucherDigest(bytes32 channelId, uint32 lane, Voucher calldata voucher) internal view returns (bytes32) {
        bytes32 typeHash = VOUCHER_TYPE;
        bytes32 structHash;
        assembly ("memory-safe") {
            let to := mload(0x40)
            mstore(to, typeHash)
            mstore(add(to, 0x20), channelId)
            mstore(add(to, 0x40), lane)
            calldatacopy(add(to, 0x60), voucher, 0x60) // spent, refundAck, context
            structHash := keccak256(to, 0xc0)
        }
        return _hashTypedDataV4(structHash);
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
