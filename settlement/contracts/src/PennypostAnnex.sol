// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Authorizations} from "./Authorizations.sol";
import {Delegates} from "./Delegates.sol";
import {IPennypostAnnex} from "./IPennypost.sol";
import {Parameters} from "./Parameters.sol";
import {Registry} from "./Registry.sol";
import {Revocations} from "./Revocations.sol";
import {Thaws} from "./Thaws.sol";

/// @title The rare calls of the escrow: code only, which the escrow runs on its own storage by delegatecall.
/// @notice Deployed once, before the escrow, which names it for good. Its own storage holds no operator, no channel and
///         no report, so a call that is made to it directly has nothing to move.
contract PennypostAnnex is Registry, Parameters, Thaws, Delegates, Revocations, Authorizations {
    /// @dev Nobody owns the annex itself.
    constructor(address token_) Ownable(address(0xdead)) {
        TOKEN = token_;
    }

    /// @inheritdoc IPennypostAnnex
    function annexToken() external view returns (address) {
        return TOKEN;
    }
}
