// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Parameters} from "./Parameters.sol";
import {Payouts} from "./Payouts.sol";
import {Registry} from "./Registry.sol";

/// @title Pennypost's escrow: payers' channels, the pool, and the operators' registry, for one token.
/// @notice No pause, no upgrade, no admin on any payer's money: the owner can only announce operators.
contract Pennypost is Payouts {
    /// @param token_ 6 to 9 decimals, no fee on transfer
    /// @param treasury_ the payee of payout leaf 0
    /// @param protocolShare_ basis points that the nodes put into leaf 0; the contract only publishes it
    /// @param timers_ CHAIN-060
    /// @param operators the first set; it needs no delay, since nobody has paid in yet
    /// @param owner_ announces changes of the operator set
    constructor(
        address token_,
        address treasury_,
        uint16 protocolShare_,
        Timers memory timers_,
        OperatorInit[] memory operators,
        address owner_
    ) Parameters(token_, treasury_, protocolShare_, timers_) Registry(operators, owner_) {}
}
