// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPennypostAnnex} from "./IPennypost.sol";
import {Store} from "./Store.sol";

/// @title The timers and the protocol's share.
abstract contract Parameters is Store, IPennypostAnnex {
    /// @inheritdoc IPennypostAnnex
    function timers() external view returns (Timers memory) {
        return timing;
    }

    /// @inheritdoc IPennypostAnnex
    function protocolShare() external view returns (uint16) {
        return share;
    }
}
