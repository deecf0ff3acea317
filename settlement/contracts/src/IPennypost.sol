// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The escrow's interface: shapes, calls, events and errors.
/// @notice Text: specs/chain.md. Amounts named `spent`, `refunded`, `earned`, `vested` are grains (10^-6 of the
///         token's base unit); `deposit`, `cap`, `credit`, `amount` are whole base units. Times are unix seconds.
///         A signature travels as (r, s, v), low s only, v 27 or 28; v = 0 means that none is given.
interface IPennypost {
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

    struct LaneRelease {
        uint32 lane;
        uint96 oldCap;
        uint96 newCap;
        uint64 seq;
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
        uint64 epoch; // 0 and vestsAt 0: unknown
        uint64 vestsAt;
        uint64 supersededAt; // when the next report vests; 0 if there is none
    }

    struct ReportHead {
        bytes32 reportHash; // 0 before the first report
        uint64 epoch;
        uint64 blockNumber;
        uint64 endTime;
    }

    // ------------------------------------------------------------------------------------------------ payers

    /// @notice Locks `deposit` units and gives each lane its cap. Only `config.payer`; needs the token's allowance.
    function open(ChannelConfig calldata config, uint64 deposit, uint32[] calldata lanes, uint64[] calldata caps)
        external
        returns (bytes32 channelId);

    /// @notice Adds `amount` units and raises the named caps (none, if the lists are empty). Only the payer, only OPEN.
    function topUp(ChannelConfig calldata config, uint64 amount, uint32[] calldata lanes, uint64[] calldata caps)
        external;

    /// @notice Raises the named caps out of what is not allocated. Only the payer, only OPEN.
    function allocate(ChannelConfig calldata config, uint32[] calldata lanes, uint64[] calldata caps) external;

    /// @notice Starts the way out: closes at once if every cap is ceil(vested / 10^6), else CLOSING. Only the payer.
    function requestClose(ChannelConfig calldata config) external;

    /// @notice Ends a CLOSING channel: at once if every cap is ceil(vested / 10^6), else from `closableAt`. Anyone.
    function finalizeClose(ChannelConfig calldata config) external;

    // ------------------------------------------------------------------------------------------------ lanes

    /// @notice Stores a higher voucher, with the refund that it needs (refund.signature.v = 0: none). Anyone.
    function postVoucher(ChannelConfig calldata config, uint32 lane, Voucher calldata voucher, Refund calldata refund)
        external;

    /// @notice Stores a higher operator-signed refund. Anyone.
    function postRefund(ChannelConfig calldata config, uint32 lane, Refund calldata refund) external;

    /// @notice Lowers caps as their operators signed, at once. Anyone.
    function release(ChannelConfig calldata config, LaneRelease[] calldata releases) external;

    /// @notice Credits the pool with what a vested report says that lanes earned. Anyone.
    ///         A bad claim is left out with ClaimSkipped; only an unknown or unvested report reverts.
    function settle(EpochReport calldata report, LaneClaim[] calldata claims) external;

    // ------------------------------------------------------------------------------------------------ reports, payouts

    /// @notice Posts a report signed by more than 2/3 of the set at `report.blockNumber`. Anyone.
    /// @param nodeIds the whole set, ascending; with `operatorKeys` it hashes to `report.operatorSet`
    /// @param signatures one per operator, in the same order; v = 0 for those that did not sign
    function postReport(
        EpochReport calldata report,
        uint32[] calldata nodeIds,
        address[] calldata operatorKeys,
        Signature[] calldata signatures
    ) external;

    /// @notice Pays what `nodeId` may take by the newest vested report and has not taken. Anyone; goes to `payee`.
    /// @param amount cumulative units, as in the leaf
    function claimPayout(
        EpochReport calldata report,
        uint32 nodeId,
        address payee,
        uint128 amount,
        SumProofStep[] calldata proof
    ) external;

    // ------------------------------------------------------------------------------------------------ registry

    /// @notice Announces a new operator; it may be applied after challenge + one epoch. Only the owner.
    function scheduleOperatorAdd(uint32 nodeId, address operatorKey, address payee) external;

    /// @notice Announces that an operator leaves the set. Only the owner.
    function scheduleOperatorRemove(uint32 nodeId) external;

    /// @notice Takes an announced change back. Only the owner.
    function cancelOperatorChange(uint32 nodeId) external;

    /// @notice Carries out an announced change whose time has come. Anyone.
    function applyOperatorChange(uint32 nodeId) external;

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
    function operatorOf(uint32 nodeId) external view returns (OperatorView memory);
    function operatorSet()
        external
        view
        returns (bytes32 setHash, uint32[] memory nodeIds, address[] memory operatorKeys);
    function operatorSetAt(uint64 blockNumber) external view returns (bytes32 setHash, uint64 replacedAt);
    function timers() external view returns (Timers memory);
    function token() external view returns (address);
    function treasury() external view returns (address);
    function protocolShare() external view returns (uint16 basisPoints);

    // ------------------------------------------------------------------------------------------------ events

    event ChannelOpened(
        bytes32 indexed channelId, address indexed payer, address indexed signer, uint64 nonce, uint64 deposit
    );
    event ChannelToppedUp(bytes32 indexed channelId, uint64 amount, uint64 deposit);
    event LaneCapChanged(
        bytes32 indexed channelId, uint32 indexed lane, uint64 oldCap, uint64 newCap, uint64 seq
    );
    event VoucherPosted(
        bytes32 indexed channelId, uint32 indexed lane, uint96 spent, uint96 refundAck, bytes32 context
    );
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
    event ChannelClosed(bytes32 indexed channelId, address indexed payer, uint64 toPool, uint64 toPayer);
    event ReportPosted(
        uint64 indexed epoch, bytes32 indexed reportHash, EpochReport report, uint64 vestsAt, uint256 signers
    );
    event PayoutClaimed(
        uint32 indexed nodeId, address indexed payee, bytes32 indexed reportHash, uint128 amount, uint128 cumulative
    );
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

    error InvalidSignature(address expected, address actual);
    error NotHigher(uint96 known, uint96 offered);
    error RefundMissing(uint96 needed, uint96 known);
    error ReleaseStale(uint32 lane, uint64 expectedCap, uint96 actualCap, uint64 expectedSeq, uint64 actualSeq);

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

    error PayeeMismatch(address expected, address actual);
    error PayoutTotalMismatch(uint128 expected, uint128 actual);
    error PayoutProofInvalid(bytes32 expected, bytes32 actual);
    error NothingToClaim(uint128 claimed, uint128 amount);
    error PoolExceeded(uint256 claimed, uint256 received);

    error NodeIdOutOfRange(uint32 nodeId);
    error OperatorNotActive(uint32 nodeId, OperatorState actual);
    error OperatorStateUnexpected(uint32 nodeId, OperatorState actual);
    error OperatorKeyUsed(address operatorKey, uint32 nodeId);
    error OperatorChangeTooEarly(uint64 changeAt, uint64 currentTime);
    error TooManyOperators(uint256 most);
}
