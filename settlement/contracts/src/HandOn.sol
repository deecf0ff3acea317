// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IOperatorsAnnex} from "./IPennypost.sol";
import {IPennypostTypes} from "./IPennypostTypes.sol";

/// @title Hands a call that is not of this part of the code to the next part, with the same sender and storage.
/// @dev CHAIN-004. One contract may have 24,576 bytes. The next part is fixed at deployment.
abstract contract HandOn is IPennypostTypes {
    address private immutable NEXT;

    constructor(address token, address next) {
        if (next.code.length == 0) revert ZeroAddress("annex");
        address annexToken = IOperatorsAnnex(next).annexToken();
        if (annexToken != token) revert AnnexMismatch(token, annexToken);
        NEXT = next;
    }

    fallback() external {
        address next = NEXT;
        assembly ("memory-safe") {
            let from := mload(0x40)
            calldatacopy(from, 0, calldatasize())
            let ok := delegatecall(gas(), next, from, calldatasize(), 0, 0)
            returndatacopy(from, 0, returndatasize())
            if ok { return(from, returndatasize()) }
            revert(from, returndatasize())
        }
    }
}
