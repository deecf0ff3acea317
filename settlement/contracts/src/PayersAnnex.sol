// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Authorizations} from "./Authorizations.sol";
import {Delegates} from "./Delegates.sol";
import {HandOn} from "./HandOn.sol";
import {Thaws} from "./Thaws.sol";

/// @title The escrow's rarer calls of payers: code only, which runs on the escrow's storage.
/// @notice Deployed before the escrow, after the operators' annex, to which it hands on what it does not know. As that, it
///         has nothing of its own to move.
contract PayersAnnex is Thaws, Delegates, Authorizations, HandOn {
    constructor(address token_, address next) Ownable(address(0xdead)) HandOn(token_, next) {
        TOKEN = token_;
    }

    /// @dev For whoever is deployed on top of this one.
    function annexToken() external view returns (address) {
        return TOKEN;
    }
}
