// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {TestDollar} from "../../src/testing/TestDollar.sol";

/// @dev Keeps one unit of every transfer.
contract FeeDollar is TestDollar {
    function _update(address from, address to, uint256 value) internal override {
        if (from == address(0)) return super._update(from, to, value);
        super._update(from, to, value - 1);
        super._update(from, address(this), 1);
    }
}

/// @dev Says no without reverting.
contract GreedyDollar is TestDollar {
    function transferFrom(address, address, uint256) public pure override returns (bool) {
        return false;
    }
}

/// @dev Calls somebody before it pays.
contract ReentrantDollar is TestDollar {
    address private target;
    bytes private data;

    function arm(address target_, bytes calldata data_) external {
        (target, data) = (target_, data_);
    }

    function transfer(address to, uint256 value) public override returns (bool) {
        if (target != address(0)) {
            (bool ok, bytes memory reason) = target.call(data);
            if (!ok) {
                assembly ("memory-safe") {
                    revert(add(reason, 32), mload(reason))
                }
            }
        }
        return super.transfer(to, value);
    }
}

contract WideDollar is TestDollar {
    uint8 private immutable places;

    constructor(uint8 places_) {
        places = places_;
    }

    function decimals() public view override returns (uint8) {
        return places;
    }
}
