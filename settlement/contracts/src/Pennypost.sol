// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IPennypostAnnex} from "./IPennypost.sol";
import {Payouts} from "./Payouts.sol";
import {Timing} from "./Timing.sol";

/// @title Pennypost's escrow: payers' channels, the pool, and the operators' registry, for one token.
/// @notice No pause, no upgrade, no admin on any payer's money: the owner can only announce operators.
/// @dev The code is in two parts, since one contract may have 24,576 bytes: what is called often is here, the rest in an
///      annex that is fixed at deployment and runs on this contract's storage. Both answer at this address.
contract Pennypost is Payouts {
    uint8 private constant DECIMALS_LEAST = 6;
    uint8 private constant DECIMALS_MOST = 9;

    address private immutable ANNEX;

    /// @dev Reverts with ZeroAddress, AnnexMismatch, ProtocolShareTooHigh, TokenDecimalsUnsupported, TimerOutOfRange,
    ///      TimersInconsistent, and what an operator's announcement reverts with.
    /// @param token_ 6 to 9 decimals, no fee on transfer
    /// @param treasury_ the payee of payout leaf 0
    /// @param protocolShare_ basis points that the nodes put into leaf 0; the contract only publishes it
    /// @param timers_ CHAIN-060
    /// @param initial the first set; it needs no delay, since nobody has paid in yet
    /// @param owner_ announces changes of the operator set
    /// @param annex a PennypostAnnex for the same token
    constructor(
        address token_,
        address treasury_,
        uint16 protocolShare_,
        Timers memory timers_,
        OperatorInit[] memory initial,
        address owner_,
        address annex
    ) Ownable(owner_) {
        if (token_ == address(0)) revert ZeroAddress("token");
        if (treasury_ == address(0)) revert ZeroAddress("treasury");
        if (annex.code.length == 0) revert ZeroAddress("annex");
        address annexToken = IPennypostAnnex(annex).annexToken();
        if (annexToken != token_) revert AnnexMismatch(token_, annexToken);
        if (protocolShare_ > Timing.BASIS_POINTS) revert ProtocolShareTooHigh(protocolShare_, Timing.BASIS_POINTS);
        uint8 decimals = IERC20Metadata(token_).decimals(); // CHAIN-001
        if (decimals < DECIMALS_LEAST || decimals > DECIMALS_MOST) {
            revert TokenDecimalsUnsupported(decimals, DECIMALS_LEAST, DECIMALS_MOST);
        }
        Timing.check(timers_);
        (TOKEN, treasury, ANNEX) = (token_, treasury_, annex);
        (timing, share) = (timers_, protocolShare_);
        for (uint256 i = 0; i < initial.length; i++) {
            _announce(initial[i].nodeId, initial[i].operatorKey, initial[i].payee, 0);
            _activate(initial[i].nodeId);
        }
        _recordSet();
    }

    /// @dev CHAIN-004: a call that is not of this part is the annex's, with the same sender and on this storage.
    fallback() external {
        address annex = ANNEX;
        assembly ("memory-safe") {
            let at := mload(0x40)
            calldatacopy(at, 0, calldatasize())
            let ok := delegatecall(gas(), annex, at, calldatasize(), 0, 0)
            returndatacopy(at, 0, returndatasize())
            if ok { return(at, returndatasize()) }
            revert(at, returndatasize())
        }
    }
}
