// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Settlement} from "../Settlement.sol";

/// @title Runs the pure settlement function over many cases in one eth_call, for the differential test.
contract SettlementHarness {
    uint256 private constant CASE_BYTES = 56;

    error RaggedInput(uint256 length);

    /// @param cases packed: spent u96, refunded u96, earned u96, cap u64, vested u96, big-endian; 56 bytes a case
    /// @return results packed: pool u96, owed u96; 24 bytes a case
    function settleMany(bytes calldata cases) external pure returns (bytes memory results) {
        if (cases.length % CASE_BYTES != 0) revert RaggedInput(cases.length);
        uint256 count = cases.length / CASE_BYTES;
        results = new bytes(count * 24);
        for (uint256 i = 0; i < count; i++) {
            bytes calldata c = cases[i * CASE_BYTES:(i + 1) * CASE_BYTES];
            (uint96 pool, uint96 owed) = Settlement.settle(
                uint96(bytes12(c[0:12])),
                uint96(bytes12(c[12:24])),
                uint96(bytes12(c[24:36])),
                uint64(bytes8(c[36:44])),
                uint96(bytes12(c[44:56]))
            );
            bytes32 packed = bytes32((uint256(pool) << 160) | (uint256(owed) << 64));
            assembly ("memory-safe") {
                // 24 bytes into place; the 8 bytes after them stay as they are
                let at := add(add(results, 32), mul(i, 24))
                let keep := and(mload(at), 0xffffffffffffffff)
                mstore(at, or(packed, keep))
            }
        }
    }
}
