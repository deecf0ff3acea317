// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Deposits} from "./Deposits.sol";
import {IPayersAnnex} from "./IPennypost.sol";

/// @dev EIP-3009, as dollar tokens have it: only `to` may carry it out, so nobody else can take the money elsewhere.
interface IReceiveWithAuthorization {
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;
}

/// @title Opening and topping up without gas: the payer signs the token's authorization, anyone sends it.
/// @dev CHAIN-091: the authorization's nonce is a hash of every parameter of the call, so the payer's signature over it is
///      one over the call, and the token itself refuses it a second time.
abstract contract Authorizations is Deposits, IPayersAnnex {
    bytes32 private constant OPEN_TAG = keccak256("Pennypost.openWithAuthorization");
    bytes32 private constant TOP_UP_TAG = keccak256("Pennypost.topUpWithAuthorization");

    /// @inheritdoc IPayersAnnex
    function openWithAuthorization(
        ChannelConfig calldata config,
        uint64 deposit,
        uint32[] calldata laneIds,
        uint64[] calldata caps,
        Authorization calldata authorization
    ) external nonReentrant returns (bytes32 channelId) {
        channelId = _open(config, deposit, laneIds, caps);
        bytes32 nonce = _nonce(OPEN_TAG, channelId, deposit, laneIds, caps, authorization.salt);
        _receive(config.payer, deposit, nonce, authorization);
    }

    /// @inheritdoc IPayersAnnex
    function topUpWithAuthorization(
        ChannelConfig calldata config,
        uint64 amount,
        uint32[] calldata laneIds,
        uint64[] calldata caps,
        Authorization calldata authorization
    ) external nonReentrant {
        bytes32 channelId = _topUp(config, amount, laneIds, caps);
        bytes32 nonce = _nonce(TOP_UP_TAG, channelId, amount, laneIds, caps, authorization.salt);
        _receive(config.payer, amount, nonce, authorization);
    }

    /// @dev The channel's id names chain, contract, payer, signer and the channel's nonce.
    function _nonce(
        bytes32 tag,
        bytes32 channelId,
        uint64 amount,
        uint32[] calldata laneIds,
        uint64[] calldata caps,
        bytes32 salt
    ) private pure returns (bytes32) {
        return keccak256(abi.encode(tag, channelId, amount, laneIds, caps, salt));
    }

    function _receive(address payer, uint64 amount, bytes32 nonce, Authorization calldata authorization) private {
        uint256 before = IERC20(TOKEN).balanceOf(address(this));
        IReceiveWithAuthorization(TOKEN).receiveWithAuthorization(
            payer,
            address(this),
            amount,
            authorization.validAfter,
            authorization.validBefore,
            nonce,
            authorization.signature.v,
            authorization.signature.r,
            authorization.signature.s
        );
        _requireArrived(before, amount);
    }
}
