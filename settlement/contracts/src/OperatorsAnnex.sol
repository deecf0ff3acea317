// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IOperatorsAnnex} from "./IPennypost.sol";
import {Parameters} from "./Parameters.sol";
import {Registry} from "./Registry.sol";
import {Revocations} from "./Revocations.sol";
import {Stakes} from "./Stakes.sol";

/// @title The escrow's calls of the owner and of operators: code only, which runs on the escrow's storage.
/// @notice Deployed before the escrow. Its own storage holds no operator, no channel and no report, and nobody owns it, so
///         a call that is made to it directly has nothing to move.
contract OperatorsAnnex is Registry, Parameters, Revocations, Stakes {
    constructor(address token_) Ownable(address(0xdead)) {
        TOKEN = token_;
    }

    /// @inheritdoc IOperatorsAnnex
    function annexToken() external view returns (address) {
        return TOKEN;
    }
}
