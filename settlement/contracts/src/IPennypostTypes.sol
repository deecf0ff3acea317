// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The escrow's shapes, events and errors.
/// @notice Text: specs/chain.md. Amounts named `spent`, `refunded`, `earned`, `vested`, `owed` are grains (10^-6 of the
///         token's base unit); `deposit`, `cap`, `credit`, `amount`, `stake` are whole base units. Times are unix seconds.
///         A signature travels as (r, s, v), low s only, v 27 or 28; v = 0 means that none is given.
interface IPennypostTypes {
    // ------------------------------------------------------------------------------------------------ shapes

    enum ChannelState {
        NONE,
        OPEN,
        CLOSING,
        CLOSED
    }

    enum OperatorState {
        NONE,
        ADDING,
        ACTIVE,
        REMOVING,
        REMOVED
    }

    /// @dev Why `settle` left a claim out. `expected` and `actual` of ClaimSkipped are given in brackets.
    enum SkipReason {
        NONE,
        CHANNEL_UNKNOWN, // no such channel under this contract (OPEN, NONE)
        CHANNEL_CLOSED, // the lane is final (OPEN, CLOSED)
        BAD_PROOF, // the leaf is not under the report's lanesRoot (root, computed root)
        REFUND_SIGNATURE, // not signed by the lane's operator (operator key, recovered)
        REFUND_MISSING, // the voucher's refundAck is above the known refund (refundAck, known)
        VOUCHER_SIGNATURE, // not signed by the channel's signer (signer, recovered)
        NO_CHANGE // nothing in the claim moves this lane (vested, vested)
    }

    struct Signature {
        bytes32 r;
        bytes32 s;
        uint8 v;
    }

    struct ChannelConfig {
        address payer;
        address signer;
        uint64 nonce;
    }

    /// @dev EIP-3009's terms. With `salt` the same call can be authorized twice.
    struct Authorization {
        uint256 validAfter;
        uint256 validBefore;
        bytes32 salt;
        Signature signature;
    }

    struct Voucher {
        uint96 spent;
        uint96 refundAck;
        bytes32 context;
        Signature signature;
    }

    struct Refund {
        uint96 refunded;
        bytes32 reasons;
        Signature signature;
    }

    struct LaneLeaf {
        uint96 spent;
        uint96 refunded;
        uint96 earned;
        uint96 forfeited;
        uint96 owed;
    }

    struct LaneClaim {
        ChannelConfig config;
        uint32 lane;
        Voucher voucher;
        Refund refund;
        LaneLeaf leaf;
        bytes32[] proof;
    }

    /// @dev A LaneClaim whose proof is shared with the others of its batch.
    struct BatchClaim {
        ChannelConfig config;
        uint32 lane;
        Voucher voucher;
        Refund refund;
        LaneLeaf leaf;
    }

    struct LaneRelease {
        uint32 lane;
        uint96 oldCap;
        uint96 newCap;
        uint64 seq;
        Signature signature;
    }

    /// @dev The channel is the call's.
    struct Delegation {
        address key;
        uint96 maxSpent;
        uint32 lane;
        uint64 notAfter;
        uint32 index;
        Signature signature;
    }

    struct EpochReport {
        uint64 epoch;
        bytes32 previous;
        uint64 blockNumber;
        bytes32 lanesRoot;
        bytes32 payoutRoot;
        uint128 payoutTotal;
        bytes32 operatorSet;
        uint64 endTime;
    }

    /// @dev One step from a payout leaf to the root: the neighbour's hash and sum, and whether it is on the left.
    struct SumProofStep {
        bytes32 hash;
        uint128 sum;
        bool onLeft;
    }

    /// @dev All in seconds, except missedEpochs (k).
    struct Timers {
        uint32 freshness;
        uint32 replication;
        uint32 epoch;
        uint32 missedEpochs;
        uint32 signing;
        uint32 vesting;
        uint32 claimMargin;
        uint32 challenge;
    }

    struct ParameterSet {
        Timers timers;
        uint16 protocolShare; // basis points
        uint64 payoutLimit; // units in one epoch; 2^64 - 1: none
    }

    /// @dev What a final lane's operator owes the pool, by a report's leaf.
    struct OwedClaim {
        ChannelConfig config;
        uint32 lane;
        LaneLeaf leaf;
        bytes32[] proof;
    }

    struct OperatorInit {
        uint32 nodeId;
        address operatorKey;
        address payee;
    }

    struct ChannelView {
        ChannelState state;
        uint64 deposit;
        uint64 allocated; // sum of the caps
        uint64 credited; // sum of floor(vested / 10^6) over the lanes
        uint64 vestedCeil; // sum of ceil(vested / 10^6) over the lanes
        uint64 closableAt; // 0 unless CLOSING
    }

    struct LaneView {
        uint96 spent;
        uint96 refunded;
        uint64 cap;
        uint96 vested;
        uint64 seq;
    }

    struct OperatorView {
        OperatorState state;
        address operatorKey;
        address payee;
        uint64 changeAt; // when a scheduled change may be applied; 0 if none
    }

    struct ReportView {
        uint64 epoch; // vestsAt 0: unknown or revoked
        uint64 vestsAt;
        uint64 supersededAt; // when the next report vests; 0 if there is none
    }

    struct ReportHead {
        bytes32 reportHash; // the last that is not revoked; 0: none
        uint64 epoch; // from here on, of the highest ever posted
        uint64 blockNumber;
        uint64 endTime;
    }

    // ------------------------------------------------------------------------------------------------ events

    event ChannelOpened(
        bytes32 indexed channelId, address indexed payer, address indexed signer, uint64 nonce, uint64 deposit
    );
    event ChannelToppedUp(bytes32 indexed channelId, uint64 amount, uint64 deposit);
    event LaneCapChanged(
        bytes32 indexed channelId, uint32 indexed lane, uint64 oldCap, uint64 newCap, uint64 seq
    );
    event ThawRequested(
        bytes32 indexed channelId, uint32 indexed lane, uint64 target, uint64 thawAt, uint64 seq
    );
    event ThawCancelled(bytes32 indexed channelId, uint32 indexed lane, uint64 cap, uint64 seq);
    event VoucherPosted(
        bytes32 indexed channelId, uint32 indexed lane, uint96 spent, uint96 refundAck, bytes32 context
    );
    event DelegateRevoked(bytes32 indexed channelId, uint32 indexed index, uint64 effectiveAt);
    event RefundPosted(bytes32 indexed channelId, uint32 indexed lane, uint96 refunded, bytes32 reasons);
    event LaneSettled(
        bytes32 indexed channelId,
        uint32 indexed lane,
        bytes32 indexed reportHash,
        uint96 spent,
        uint96 refunded,
        uint96 earned,
        uint96 vested,
        uint64 credit
    );
    event ClaimSkipped(
        bytes32 indexed channelId,
        uint32 indexed lane,
        uint256 indexed index,
        SkipReason reason,
        bytes32 expected,
        bytes32 actual
    );
    event CloseRequested(bytes32 indexed channelId, uint64 closableAt);
    event CloseCancelled(bytes32 indexed channelId);
    event ChannelClosed(bytes32 indexed channelId, address indexed payer, uint64 toPool, uint64 toPayer);
    event ReportPosted(
        uint64 indexed epoch, bytes32 indexed reportHash, EpochReport report, uint64 vestsAt, uint256 signers
    );
    event ReportRevoked(uint64 indexed epoch, bytes32 indexed reportHash, bytes32 headHash, uint256 signers);
    event PayoutClaimed(
        uint32 indexed nodeId, address indexed payee, bytes32 indexed reportHash, uint128 amount, uint128 cumulative
    );
    event StakeDeposited(uint32 indexed nodeId, address indexed from, uint64 amount, uint128 stake);
    event StakeWithdrawn(uint32 indexed nodeId, address indexed payee, uint128 amount);
    event LaneRetired(bytes32 indexed channelId, uint32 indexed lane, uint48 lanesOpen);
    event OwedCollected(
        bytes32 indexed channelId, uint32 indexed lane, bytes32 indexed reportHash, uint64 amount, uint64 cumulative
    );
    event ParametersScheduled(ParameterSet next, uint64 changeAt);
    event ParametersCancelled();
    event ParametersApplied(ParameterSet parameters);
    event OperatorChangeScheduled(
        uint32 indexed nodeId, OperatorState state, address operatorKey, address payee, uint64 changeAt
    );
    event OperatorChangeCancelled(uint32 indexed nodeId, OperatorState state);
    event OperatorAdded(uint32 indexed nodeId, address operatorKey, address payee);
    event OperatorRemoved(uint32 indexed nodeId);
    event OperatorSetChanged(bytes32 indexed setHash, uint64 blockNumber, uint256 count);

    // ------------------------------------------------------------------------------------------------ errors

    error ZeroAddress(bytes32 what);
    error ZeroAmount(bytes32 what);
    error TokenDecimalsUnsupported(uint8 actual, uint8 least, uint8 most);
    error TimerOutOfRange(bytes32 what, uint256 actual, uint256 least, uint256 most);
    error TimersInconsistent(uint256 needed, uint256 challenge);
    error AnnexMismatch(address expected, address actual);
    error ProtocolShareTooHigh(uint16 actual, uint16 most);

    error NotPayer(address expected, address actual);
    error WrongNonce(uint64 expected, uint64 actual);
    error LengthMismatch(uint256 expected, uint256 actual);
    error LanesNotAscending(uint32 previous, uint32 actual);
    error CapNotRaised(uint32 lane, uint64 oldCap, uint64 newCap);
    error CapNotLowered(uint32 lane, uint64 oldCap, uint96 newCap);
    error CapBelowVested(uint32 lane, uint256 newCapGrains, uint96 vested);
    error CapsExceedDeposit(uint256 caps, uint256 deposit);
    error TransferMismatch(uint256 expected, uint256 actual);
    error ChannelNotOpen(bytes32 channelId, ChannelState actual);
    error ChannelNotClosing(bytes32 channelId, ChannelState actual);
    error ChannelNotLive(bytes32 channelId, ChannelState actual);
    error CloseTooEarly(uint64 closableAt, uint64 currentTime);

    error ThawPending(uint32 lane, uint64 thawAt);
    error ThawNotPending(uint32 lane);
    error ThawTooEarly(uint64 thawAt, uint64 currentTime);

    error InvalidSignature(address expected, address actual);
    error NotHigher(uint96 known, uint96 offered);
    error RefundMissing(uint96 needed, uint96 known);
    error ReleaseStale(uint32 lane, uint64 expectedCap, uint96 actualCap, uint64 expectedSeq, uint64 actualSeq);

    error DelegateLaneMismatch(uint32 expected, uint32 actual);
    error DelegateLimitExceeded(uint96 most, uint96 actual);
    error DelegateExpired(uint64 until, uint64 currentTime);
    error DelegateRevokedAlready(uint64 effectiveAt);

    error BatchProofInvalid(bytes32 expected, bytes32 actual);
    error ReportIsRevoked(bytes32 reportHash);
    error ReportVestedAlready(uint64 vestsAt, uint64 currentTime);
    error ReportNotLast(bytes32 expected, bytes32 actual);
    error ReportUnknown(bytes32 reportHash);
    error ReportNotVested(uint64 vestsAt, uint64 currentTime);
    error ReportSuperseded(uint64 supersededAt, uint64 currentTime);
    error ReportPreviousMismatch(bytes32 expected, bytes32 actual);
    error ReportEpochNotNewer(uint64 last, uint64 actual);
    error ReportEpochInFuture(uint64 current, uint64 actual);
    error ReportBlockNotNewer(uint64 last, uint64 actual);
    error ReportBlockInFuture(uint64 current, uint64 actual);
    error ReportEndTimeNotNewer(uint64 last, uint64 actual);
    error ReportEndTimeInFuture(uint64 current, uint64 actual);
    error ReportTooOld(uint64 oldest, uint64 actual);
    error OperatorSetRetired(uint64 replacedAt, uint64 currentTime);
    error OperatorSetMismatch(bytes32 expected, bytes32 actual);
    error QuorumMissing(uint256 needed, uint256 actual, uint256 operators);

    error PayoutBreakerOpen(uint64 limit, uint64 reopensAt);
    error PayeeMismatch(address expected, address actual);
    error PayoutTotalMismatch(uint128 expected, uint128 actual);
    error PayoutProofInvalid(bytes32 expected, bytes32 actual);
    error NothingToClaim(uint128 claimed, uint128 amount);
    error PoolExceeded(uint256 claimed, uint256 received);

    error StakeLanesOpen(uint32 nodeId, uint48 lanes);
    error StakeLocked(uint64 until, uint64 currentTime);
    error LaneNotHeld(uint32 lane);
    error LaneNotFinal(uint32 lane, uint64 cap, uint96 vested);
    error LeafProofInvalid(bytes32 expected, bytes32 actual);
    error NothingOwed(uint64 owed, uint64 collected, uint128 stake);

    error ParameterStepTooLarge(bytes32 what, uint256 old, uint256 next);
    error ParametersPending(uint64 changeAt);
    error ParametersNotPending();
    error ParametersTooEarly(uint64 changeAt, uint64 currentTime);

    error NodeIdOutOfRange(uint32 nodeId);
    error OperatorNotActive(uint32 nodeId, OperatorState actual);
    error OperatorStateUnexpected(uint32 nodeId, OperatorState actual);
    error OperatorKeyUsed(address operatorKey, uint32 nodeId);
    error OperatorChangeTooEarly(uint64 changeAt, uint64 currentTime);
    error TooManyOperators(uint256 most);
}
