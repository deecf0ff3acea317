// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Store} from "./Store.sol";

/// @title A channel's and a lane's slots as words: what `settle` reads and writes of a hundred lanes.
/// @dev Field by field each would be read and written several times. The places are those of the structs in Store; a test
///      compares what is written here with what the structs read.
library Slots {
    uint256 private constant COUNTERS = (1 << 192) - 1;
    uint256 private constant VESTED = (1 << 96) - 1;
    uint256 private constant DUST_ONE = 1 << 192;

    function read(Store.Channel storage channel) internal view returns (uint256 word) {
        assembly ("memory-safe") {
            word := sload(channel.slot)
        }
    }

    function write(Store.Channel storage channel, uint256 word) internal {
        assembly ("memory-safe") {
            sstore(channel.slot, word)
        }
    }

    function read(Store.Lane storage lane) internal view returns (uint256 counters, uint256 rest) {
        assembly ("memory-safe") {
            counters := sload(lane.slot)
            rest := sload(add(lane.slot, 1))
        }
    }

    function writeCounters(Store.Lane storage lane, uint256 counters) internal {
        assembly ("memory-safe") {
            sstore(lane.slot, counters)
        }
    }

    function writeRest(Store.Lane storage lane, uint256 rest) internal {
        assembly ("memory-safe") {
            sstore(add(lane.slot, 1), rest)
        }
    }

    function depositOf(uint256 channelWord) internal pure returns (uint64) {
        return uint64(channelWord);
    }

    function closableAtOf(uint256 channelWord) internal pure returns (uint40) {
        return uint40(channelWord >> 216);
    }

    function withCounters(uint256 counters, uint96 spent, uint96 refunded) internal pure returns (uint256) {
        return (counters & ~COUNTERS) | uint256(refunded) << 96 | spent;
    }

    function withVested(uint256 rest, uint96 vested) internal pure returns (uint256) {
        return (rest & ~VESTED) | vested;
    }

    /// @dev credited + credit <= allocated, and there are at most as many dust lanes as lanes: neither sum overflows.
    function withCredit(uint256 channelWord, uint64 credit, bool wasWhole, bool isWhole) internal pure returns (uint256) {
        unchecked {
            channelWord += uint256(credit) << 128;
            if (!isWhole) channelWord += DUST_ONE;
            if (!wasWhole) channelWord -= DUST_ONE;
        }
        return channelWord;
    }
}
