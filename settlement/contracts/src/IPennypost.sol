// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPennypostTypes} from "./IPennypostTypes.sol";

/// @title The calls that the escrow's own code answers: money in and out, claims, reports, payouts.
/// @dev Of every call that changes something: who may make it, what it changes, what it reverts with, in this order of
///      checks. A test compares the last with the errors that exist.
interface IPennypostFront is IPennypostTypes {
    // ------------------------------------------------------------------------------------------------ payers

    /// @notice Locks `deposit` units and gives each lane its cap; needs the token's allowance.
    /// @dev Caller: config.payer.
    ///      Changes: the payer's nonce, the channel, the named lanes, the lane counts of their operators.
    ///      Reverts: NotPayer, ZeroAddress, ZeroAmount, WrongNonce, LengthMismatch, LanesNotAscending,
    ///      OperatorNotActive, CapNotRaised (a cap of 0), CapsExceedDeposit, TransferMismatch, the token's errors.
    function open(ChannelConfig calldata config, uint64 deposit, uint32[] calldata lanes, uint64[] calldata caps)
        external
        returns (bytes32 channelId);

    /// @notice Adds `amount` units and raises the named caps (none, if the lists are empty). Never cancels a close.
    /// @dev Caller: config.payer.
    ///      Changes: the channel's deposit, the named lanes' caps.
    ///      Reverts: NotPayer, ZeroAmount, ChannelNotOpen, LengthMismatch, LanesNotAscending, OperatorNotActive,
    ///      ThawPending, CapNotRaised, CapsExceedDeposit, TransferMismatch, the token's errors; Panic(0x11) if the deposit would
    ///      not fit 64 bits.
    function topUp(ChannelConfig calldata config, uint64 amount, uint32[] calldata lanes, uint64[] calldata caps)
        external;

    /// @notice Raises the named caps out of what is not allocated.
    /// @dev Caller: config.payer.
    ///      Changes: the named lanes' caps.
    ///      Reverts: NotPayer, ZeroAmount (no lane named), ChannelNotOpen, LengthMismatch, LanesNotAscending,
    ///      OperatorNotActive, ThawPending, CapNotRaised, CapsExceedDeposit.
    function allocate(ChannelConfig calldata config, uint32[] calldata lanes, uint64[] calldata caps) external;

    /// @notice Starts the way out: closes at once if every cap is ceil(vested / 10^6), else CLOSING.
    /// @dev Caller: config.payer.
    ///      Changes: the channel's state; pays the payer if it closes at once.
    ///      Reverts: NotPayer, ChannelNotOpen, the token's errors.
    function requestClose(ChannelConfig calldata config) external;

    /// @notice Ends a CLOSING channel: at once if every cap is ceil(vested / 10^6), else from `closableAt`.
    /// @dev Caller: anyone.
    ///      Changes: the channel is CLOSED for good; pays the payer what the pool did not get.
    ///      Reverts: ChannelNotClosing, CloseTooEarly, the token's errors.
    function finalizeClose(ChannelConfig calldata config) external;

    // ------------------------------------------------------------------------------------------------ lanes

    /// @notice Stores a higher voucher, with the refund that it needs (refund.signature.v = 0: none).
    /// @dev Caller: anyone.
    ///      Changes: the lane's spent, and its refunded if the refund given is higher.
    ///      Reverts: ChannelNotLive, NotHigher, InvalidSignature (refund), RefundMissing, InvalidSignature (voucher).
    function postVoucher(ChannelConfig calldata config, uint32 lane, Voucher calldata voucher, Refund calldata refund)
        external;

    /// @notice Stores a higher operator-signed refund.
    /// @dev Caller: anyone.
    ///      Changes: the lane's refunded.
    ///      Reverts: ChannelNotLive, NotHigher, InvalidSignature.
    function postRefund(ChannelConfig calldata config, uint32 lane, Refund calldata refund) external;

    /// @notice Lowers caps as their operators signed, at once; all or none.
    /// @dev Caller: anyone.
    ///      Changes: the named lanes' caps and seqs.
    ///      Reverts: ChannelNotLive, ReleaseStale, CapNotLowered, CapBelowVested, InvalidSignature.
    function release(ChannelConfig calldata config, LaneRelease[] calldata releases) external;

    /// @notice Credits the pool with what a vested report says that lanes earned. A bad claim is left out with
    ///         ClaimSkipped, and holds nothing up.
    /// @dev Caller: anyone.
    ///      Changes: spent, refunded and vested of the lanes, their channels' sums, what the pool received.
    ///      Reverts: ReportIsRevoked, ReportUnknown, ReportNotVested; without data on calldata that encodes no arguments.
    function settle(EpochReport calldata report, LaneClaim[] calldata claims) external;

    /// @notice `settle` with one proof for all leaves, which costs each of a hundred lanes a seventh of its path. Whoever
    ///         sends it made the proof; nobody else can spoil it, and a claim that is bad for another reason is left out.
    /// @dev Caller: anyone.
    ///      Changes: as `settle`.
    ///      Reverts: ReportIsRevoked, ReportUnknown, ReportNotVested, BatchProofInvalid, MerkleProofInvalidMultiproof.
    /// @param claims in the order of their leaves from the tree's end: what @openzeppelin/merkle-tree's multiproof gives
    function settleBatch(
        EpochReport calldata report,
        BatchClaim[] calldata claims,
        bytes32[] calldata proof,
        bool[] calldata flags
    ) external;

    // ------------------------------------------------------------------------------------------------ reports, payouts

    /// @notice Posts a report signed by more than 2/3 of the set at `report.blockNumber`.
    /// @dev Caller: anyone.
    ///      Changes: the newest report, and when the one before it stops to count for payouts.
    ///      Reverts: ReportPreviousMismatch, ReportEpochNotNewer, ReportBlockNotNewer, ReportEndTimeNotNewer,
    ///      ReportEpochInFuture, ReportBlockInFuture, ReportEndTimeInFuture, ReportTooOld, LengthMismatch,
    ///      OperatorSetMismatch, OperatorSetRetired, InvalidSignature, QuorumMissing.
    /// @param nodeIds the whole set, ascending; with `operatorKeys` it hashes to `report.operatorSet`
    /// @param signatures one per operator, in the same order; v = 0 for those that did not sign
    function postReport(
        EpochReport calldata report,
        uint32[] calldata nodeIds,
        address[] calldata operatorKeys,
        Signature[] calldata signatures
    ) external;

    /// @notice Pays what `nodeId` may take by the newest vested report and has not taken; the money goes to `payee`. Where
    ///         payouts have a limit, as much as the running epoch leaves; the rest in the next.
    /// @dev Caller: anyone.
    ///      Changes: what was claimed, by this node and in all.
    ///      Reverts: ReportIsRevoked, ReportUnknown, ReportNotVested, ReportSuperseded, PayeeMismatch,
    ///      PayoutTotalMismatch, PayoutProofInvalid, NothingToClaim, PayoutBreakerOpen, PoolExceeded, the token's errors; Panic(0x11) if the proof's sums
    ///      exceed 128 bits.
    /// @param amount cumulative units, as in the leaf
    function claimPayout(
        EpochReport calldata report,
        uint32 nodeId,
        address payee,
        uint128 amount,
        SumProofStep[] calldata proof
    ) external;

    // ------------------------------------------------------------------------------------------------ views

    function channelIdOf(ChannelConfig calldata config) external view returns (bytes32);
    function channelOf(bytes32 channelId) external view returns (ChannelView memory);
    function laneOf(bytes32 channelId, uint32 lane) external view returns (LaneView memory);
    function nonceOf(address payer) external view returns (uint64);
    function reportHashOf(EpochReport calldata report) external view returns (bytes32);
    function reportOf(bytes32 reportHash) external view returns (ReportView memory);
    function lastReport() external view returns (ReportHead memory);
    function pool() external view returns (uint128 received, uint128 claimed);
    function payoutClaimed(uint32 nodeId) external view returns (uint128);
    function token() external view returns (address);
    function treasury() external view returns (address);
}

/// @title The rarer calls of payers, in an annex.
interface IPayersAnnex is IPennypostTypes {
    // ------------------------------------------------------------------------------------------------ without gas

    /// @notice `open` by the payer's EIP-3009 authorization of the token, whose nonce is the hash of all parameters.
    /// @dev Caller: anyone.
    ///      Changes: as `open`; the token's authorization is used up.
    ///      Reverts: ZeroAddress, ZeroAmount, WrongNonce, LengthMismatch, LanesNotAscending, OperatorNotActive,
    ///      CapNotRaised, CapsExceedDeposit, the token's errors, TransferMismatch.
    function openWithAuthorization(
        ChannelConfig calldata config,
        uint64 deposit,
        uint32[] calldata lanes,
        uint64[] calldata caps,
        Authorization calldata authorization
    ) external returns (bytes32 channelId);

    /// @notice `topUp` by the payer's EIP-3009 authorization of the token, whose nonce is the hash of all parameters.
    /// @dev Caller: anyone.
    ///      Changes: as `topUp`; the token's authorization is used up.
    ///      Reverts: ZeroAmount, ChannelNotOpen, LengthMismatch, LanesNotAscending, OperatorNotActive, ThawPending,
    ///      CapNotRaised, CapsExceedDeposit, the token's errors, TransferMismatch.
    function topUpWithAuthorization(
        ChannelConfig calldata config,
        uint64 amount,
        uint32[] calldata lanes,
        uint64[] calldata caps,
        Authorization calldata authorization
    ) external;

    // ------------------------------------------------------------------------------------------------ payers

    /// @notice Asks for a lower cap. Until it is finalized or cancelled, the node admits up to min(cap, target), the
    ///         lane's cap cannot be raised, and a LaneRelease names min(cap, target) as the old cap.
    /// @dev Caller: config.payer.
    ///      Changes: the lane's pending thaw, and its seq.
    ///      Reverts: NotPayer, ChannelNotOpen, ThawPending, CapNotLowered.
    /// @param target units
    function requestThaw(ChannelConfig calldata config, uint32 lane, uint64 target) external;

    /// @notice Takes a pending thaw back.
    /// @dev Caller: config.payer.
    ///      Changes: the lane's pending thaw, and its seq.
    ///      Reverts: NotPayer, ChannelNotOpen, ThawNotPending.
    function cancelThaw(ChannelConfig calldata config, uint32 lane) external;

    /// @notice Lowers the cap after the challenge period: to the target, but never below what vested, nor below what is
    ///         claimed by then (spent - refunded).
    /// @dev Caller: anyone.
    ///      Changes: the lane's cap, seq and pending thaw.
    ///      Reverts: ChannelNotLive, ThawNotPending, ThawTooEarly.
    function finalizeThaw(ChannelConfig calldata config, uint32 lane) external;

    /// @notice Takes a requested close back: the channel is OPEN again, as if it had never been requested.
    /// @dev Caller: config.payer.
    ///      Changes: the channel's state.
    ///      Reverts: NotPayer, ChannelNotClosing.
    function cancelClose(ChannelConfig calldata config) external;

    // ------------------------------------------------------------------------------------------------ delegates

    /// @notice Stores a higher voucher that a delegate signed, with the refund that it needs (signature.v = 0: none).
    /// @dev Caller: anyone.
    ///      Changes: the lane's spent, and its refunded if the refund given is higher.
    ///      Reverts: ChannelNotLive, DelegateLaneMismatch, DelegateLimitExceeded, DelegateExpired, InvalidSignature
    ///      (delegation), NotHigher, InvalidSignature (refund), RefundMissing, InvalidSignature (voucher).
    function postDelegatedVoucher(
        ChannelConfig calldata config,
        uint32 lane,
        Voucher calldata voucher,
        Refund calldata refund,
        Delegation calldata delegation
    ) external;

    /// @notice Revokes the delegation with this index; its vouchers may be posted for a challenge period more.
    /// @dev Caller: config.payer or config.signer.
    ///      Changes: until when that delegate's vouchers are taken.
    ///      Reverts: NotPayer, ChannelNotLive, DelegateRevokedAlready.
    function revokeDelegate(ChannelConfig calldata config, uint32 index) external;

    // ------------------------------------------------------------------------------------------------ views

    /// @return target units; with `thawAt` 0 there is no pending thaw
    function thawOf(bytes32 channelId, uint32 lane) external view returns (uint64 target, uint64 thawAt);
    /// @return effectiveAt until when its vouchers are taken; 0: not revoked
    function delegateRevokedAt(bytes32 channelId, uint32 index) external view returns (uint64 effectiveAt);
}

/// @title The calls of the owner and of operators, in a second annex.
interface IOperatorsAnnex is IPennypostTypes {
    // ------------------------------------------------------------------------------------------------ reports

    /// @notice Takes back a report that has not vested, and with it every later one. They never count again.
    /// @dev Caller: anyone.
    ///      Changes: the named reports are revoked; the one before them is the last again.
    ///      Reverts: ReportNotLast (none named), ReportIsRevoked, ReportUnknown, ReportVestedAlready, LengthMismatch,
    ///      OperatorSetMismatch, InvalidSignature, QuorumMissing, ReportPreviousMismatch, ReportNotLast.
    /// @param voided the report, and all that were posted after it, in their order
    /// @param nodeIds the set that signed the first of them
    /// @param signatures over RevokeReport of the first; one per operator, v = 0 for those that did not sign
    function revokeReport(
        EpochReport[] calldata voided,
        uint32[] calldata nodeIds,
        address[] calldata operatorKeys,
        Signature[] calldata signatures
    ) external;

    // ------------------------------------------------------------------------------------------------ stakes

    /// @notice Adds to an operator's stake; needs the token's allowance.
    /// @dev Caller: anyone.
    ///      Changes: the operator's stake.
    ///      Reverts: OperatorNotActive (NONE or REMOVED), ZeroAmount, TransferMismatch, the token's errors.
    function depositStake(uint32 nodeId, uint64 amount) external;

    /// @notice Pays a removed operator's whole stake to its payee: after its last lane is retired, and challenge + vesting
    ///         after that and after its removal.
    /// @dev Caller: anyone.
    ///      Changes: the operator's stake is 0.
    ///      Reverts: OperatorStateUnexpected, StakeLanesOpen, StakeLocked, ZeroAmount, the token's errors.
    function withdrawStake(uint32 nodeId) external;

    /// @notice Says that lanes are final: their channel is CLOSED, or their operator is removed and all of their cap has
    ///         vested (an operator brings that about by releasing the rest).
    /// @dev Caller: anyone.
    ///      Changes: the lanes no longer hold their operators' stakes, which are locked for challenge + vesting from now.
    ///      Reverts: LaneNotHeld, LaneNotFinal.
    function retireLanes(ChannelConfig calldata config, uint32[] calldata lanes) external;

    /// @notice Draws what a final lane's operator owes the pool from its stake, as far as that goes.
    /// @dev Caller: anyone.
    ///      Changes: the operator's stake, what the pool received, what was collected of this lane.
    ///      Reverts: ReportIsRevoked, ReportUnknown, ReportNotVested, LeafProofInvalid, LaneNotFinal, NothingOwed.
    function collectOwed(EpochReport calldata report, OwedClaim calldata claim) external;

    // ------------------------------------------------------------------------------------------------ parameters

    /// @notice Announces other parameters. Timers and the payouts' limit at most double or halve, the epoch's length
    ///         stays, the protocol's share rises by 500 basis points at most; the timers' inequality must hold for every
    ///         mix of old and new. They may be applied after the longer challenge period and an epoch.
    /// @dev Caller: the owner.
    ///      Changes: the pending parameters.
    ///      Reverts: OwnableUnauthorizedAccount, ParametersPending, TimerOutOfRange, TimersInconsistent,
    ///      ParameterStepTooLarge, TimersInconsistent (mixed), ProtocolShareTooHigh, ZeroAmount.
    function scheduleParameters(ParameterSet calldata next) external;

    /// @notice Takes the announced parameters back.
    /// @dev Caller: the owner.
    ///      Changes: nothing is pending.
    ///      Reverts: OwnableUnauthorizedAccount, ParametersNotPending.
    function cancelParameters() external;

    /// @notice Puts the announced parameters into force. What has begun keeps its time.
    /// @dev Caller: anyone.
    ///      Changes: the parameters.
    ///      Reverts: ParametersNotPending, ParametersTooEarly.
    function applyParameters() external;

    // ------------------------------------------------------------------------------------------------ registry

    /// @notice Announces a new operator; it may be applied after challenge + one epoch.
    /// @dev Caller: the owner.
    ///      Changes: the operator is ADDING.
    ///      Reverts: OwnableUnauthorizedAccount, NodeIdOutOfRange, ZeroAddress, OperatorStateUnexpected,
    ///      OperatorKeyUsed.
    function scheduleOperatorAdd(uint32 nodeId, address operatorKey, address payee) external;

    /// @notice Announces that an operator leaves the set; from here on it gets no new caps, but signs until it is gone.
    /// @dev Caller: the owner.
    ///      Changes: the operator is REMOVING.
    ///      Reverts: OwnableUnauthorizedAccount, OperatorStateUnexpected.
    function scheduleOperatorRemove(uint32 nodeId) external;

    /// @notice Takes an announced change back. An id whose addition is cancelled was never in use, so it is free again.
    /// @dev Caller: the owner.
    ///      Changes: the operator is NONE, or ACTIVE, again.
    ///      Reverts: OwnableUnauthorizedAccount, OperatorStateUnexpected.
    function cancelOperatorChange(uint32 nodeId) external;

    /// @notice Carries out an announced change whose time has come.
    /// @dev Caller: anyone.
    ///      Changes: the operator is ACTIVE or REMOVED; the set.
    ///      Reverts: OperatorStateUnexpected, OperatorChangeTooEarly, TooManyOperators.
    function applyOperatorChange(uint32 nodeId) external;

    // ------------------------------------------------------------------------------------------------ views

    function operatorOf(uint32 nodeId) external view returns (OperatorView memory);
    function operatorSet()
        external
        view
        returns (bytes32 setHash, uint32[] memory nodeIds, address[] memory operatorKeys);
    function operatorSetAt(uint64 blockNumber) external view returns (bytes32 setHash, uint64 replacedAt);
    /// @return units
    function stakeOf(uint32 nodeId) external view returns (uint128);
    /// @return the stake at the end of that block: what reports of the block weigh the operator with
    function stakeAt(uint32 nodeId, uint48 blockNumber) external view returns (uint128);
    function stakeTermsOf(uint32 nodeId) external view returns (uint48 lanesOpen, uint64 lockedUntil);
    /// @return units that collectOwed drew for this lane, in all
    function owedCollectedOf(bytes32 channelId, uint32 lane) external view returns (uint64);
    /// @notice What collectOwed drew from each stake, in all: reports take it off what the operator owes.
    /// @return nodeIds whose stakes were ever drawn from, in no order
    /// @return amounts units, in the order of nodeIds
    function stakesDrawn() external view returns (uint32[] memory nodeIds, uint128[] memory amounts);
    function parameters() external view returns (ParameterSet memory);
    function pendingParameters() external view returns (ParameterSet memory next, uint64 changeAt);
    function timers() external view returns (Timers memory);
    function protocolShare() external view returns (uint16 basisPoints);
    /// @notice The token for which an annex was made.
    function annexToken() external view returns (address);
}

/// @title All calls of the escrow, at its one address.
interface IPennypost is IPennypostFront, IPayersAnnex, IOperatorsAnnex {}
