// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @dev The part of forge's cheat codes that these tests use.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function warp(uint256 time) external;
    function roll(uint256 blockNumber) external;
    function chainId(uint256 id) external;
    function addr(uint256 key) external pure returns (address);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function prank(address sender) external;
    function assume(bool condition) external pure;
    function expectRevert(bytes calldata data) external;
    function expectPartialRevert(bytes4 selector) external;
    function expectEmit(bool topic1, bool topic2, bool topic3, bool data, address emitter) external;
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
    function load(address target, bytes32 slot) external view returns (bytes32);
    function record() external;
    function accesses(address target) external returns (bytes32[] memory reads, bytes32[] memory writes);
    function envString(string calldata name) external view returns (string memory);
    function readFile(string calldata path) external view returns (string memory);
    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory);
    function getBlockNumber() external view returns (uint256);
    function getBlockTimestamp() external view returns (uint256);
}

/// @dev Assertions revert with both values, so a failure needs no second run.
abstract contract Base {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    bool public constant IS_TEST = true;

    error Differs(string what, uint256 expected, uint256 actual);
    error DiffersBytes(string what, bytes32 expected, bytes32 actual);
    error Fails(string what);

    function assertEq(uint256 actual, uint256 expected, string memory what) internal pure {
        if (actual != expected) revert Differs(what, expected, actual);
    }

    function assertEq(bytes32 actual, bytes32 expected, string memory what) internal pure {
        if (actual != expected) revert DiffersBytes(what, expected, actual);
    }

    function assertEq(address actual, address expected, string memory what) internal pure {
        if (actual != expected) revert Differs(what, uint160(expected), uint160(actual));
    }

    function assertTrue(bool condition, string memory what) internal pure {
        if (!condition) revert Fails(what);
    }

    function bound(uint256 x, uint256 least, uint256 most) internal pure returns (uint256) {
        if (x >= least && x <= most) return x;
        uint256 range = most - least + 1;
        return range == 0 ? x : least + x % range;
    }

    function toArray(uint32 a) internal pure returns (uint32[] memory out) {
        out = new uint32[](1);
        out[0] = a;
    }

    function toArray(uint32 a, uint32 b) internal pure returns (uint32[] memory out) {
        out = new uint32[](2);
        (out[0], out[1]) = (a, b);
    }

    function toUnits(uint64 a) internal pure returns (uint64[] memory out) {
        out = new uint64[](1);
        out[0] = a;
    }

    function toUnits(uint64 a, uint64 b) internal pure returns (uint64[] memory out) {
        out = new uint64[](2);
        (out[0], out[1]) = (a, b);
    }
}
