// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {HandOn} from "./HandOn.sol";
import {Payouts} from "./Payouts.sol";
import {Timing} from "./Timing.sol";

/// @title Pennypost's escrow: payers' channels, the pool, and the operators' registry, for one token.
/// @notice No pause, no upgrade, no admin on any payer's money: the owner can only announce operators.
/// @dev The code is in three parts, since one contract may have 24,576 bytes: what is called often is here, the rest in
///      two annexes that are fixed at deployment and run on this contract's storage. All answer at this address.
contract Pennypost is Payouts, HandOn {
    uint8 private constant DECIMALS_LEAST = 6;
    uint8 private constant DECIMALS_MOST = 9;

    /// @dev Reverts with ZeroAddress, AnnexMismatch, ProtocolShareTooHigh, TokenDecimalsUnsupported, TimerOutOfRange,
    ///      TimersInconsistent, and what an operator's announcement reverts with.
    /// @param token_ 6 to 9 decimals, no fee on transfer
    /// @param treasury_ the payee of payout leaf 0
    /// @param parameters_ timers as CHAIN-060 wants them; basis points that the nodes put into leaf 0, which the contract
    ///        only publishes; units that may be paid out in one epoch, 2^64 - 1 for no limit
    /// @param initial the first set; it needs no delay, since nobody has paid in yet
    /// @param owner_ announces changes of the operator set
    /// @param annex a PayersAnnex for the same token
    constructor(
        address token_,
        address treasury_,
        ParameterSet memory parameters_,
        OperatorInit[] memory initial,
        address owner_,
        address annex
    ) Ownable(owner_) HandOn(token_, annex) {
        if (token_ == address(0)) revert ZeroAddress("token");
        if (treasury_ == address(0)) revert ZeroAddress("treasury");
        uint16 protocolShare_ = parameters_.protocolShare;
        if (protocolShare_ > Timing.BASIS_POINTS) revert ProtocolShareTooHigh(protocolShare_, Timing.BASIS_POINTS);
        if (parameters_.payoutLimit == 0) revert ZeroAmount("payoutLimit");
        uint8 decimals = IERC20Metadata(token_).decimals(); // CHAIN-001
        if (decimals < DECIMALS_LEAST || decimals > DECIMALS_MOST) {
            revert TokenDecimalsUnsupported(decimals, DECIMALS_LEAST, DECIMALS_MOST);
        }
        Timing.check(parameters_.timers);
        (TOKEN, treasury) = (token_, treasury_);
        (timing, share, payoutLimit) = (parameters_.timers, protocolShare_, parameters_.payoutLimit);
        for (uint256 i = 0; i < initial.length; i++) {
            _announce(initial[i].nodeId, initial[i].operatorKey, initial[i].payee, 0);
            _activate(initial[i].nodeId);
        }
        _recordSet();
    }
}
