// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPennypost} from "../../src/IPennypost.sol";
import {IPennypostTypes as Types} from "../../src/IPennypostTypes.sol";
import {TestDollar} from "../../src/testing/TestDollar.sol";
import {Base} from "./Base.sol";

/// @dev A deployed escrow with three operators, a payer with money, and builders for everything that is signed.
///      Digests are computed here from the text of the types, not by the contract.
abstract contract Fixture is Base {
    uint256 internal constant SIGNER_KEY = 0x51617;
    uint256 internal constant STRANGER_KEY = 0xbad;
    uint256 internal constant OPERATOR_KEY = 0x0e0; // of node n: OPERATOR_KEY + n
    uint32 internal constant LANE = 1 << 8; // node 1, shard 0
    uint32 internal constant LANE2 = 2 << 8;
    uint64 internal constant UNIT = 1e6; // grains
    uint64 internal constant START = 1_700_000_000;

    address internal constant PAYER = address(0xa11ce);
    address internal constant STRANGER = address(0x57a);
    address internal constant TREASURY = address(0x7ea);
    address internal constant OWNER = address(0x0a);

    TestDollar internal dollar;
    IPennypost internal post;
    bytes private code;
    uint64 internal payoutLimit = type(uint64).max; // of what is deployed from here on
    bytes[2] private annexCodes; // in the order of their deployment
    address internal annex; // of the last escrow deployed

    function setUp() public virtual {
        vm.warp(START);
        vm.roll(1000);
        dollar = new TestDollar();
        (code, annexCodes[0], annexCodes[1]) = (built("Pennypost"), built("OperatorsAnnex"), built("PayersAnnex"));
        post = deploy(address(dollar), 3);
        dollar.mint(PAYER, 1e15);
        vm.prank(PAYER);
        dollar.approve(address(post), type(uint256).max);
        nextBlock(1);
    }

    function built(string memory name) private view returns (bytes memory) {
        string memory path = string.concat(vm.envString("PENNYPOST_CONTRACTS"), "/", name, ".json");
        return vm.parseJsonBytes(vm.readFile(path), ".bytecode");
    }

    function timersOfTest() internal pure returns (Types.Timers memory) {
        return Types.Timers({
            freshness: 10,
            replication: 5,
            epoch: 60,
            missedEpochs: 1,
            signing: 20,
            vesting: 100,
            claimMargin: 30,
            challenge: 300
        });
    }

    function deploy(address token, uint32 operatorCount) internal returns (IPennypost) {
        return create(token, TREASURY, 500, timersOfTest(), operatorsOf(operatorCount));
    }

    /// @dev Deploys what build.mjs made, so the tests see the very bytes that a network gets. Reverts as it does.
    function create(
        address token,
        address treasury,
        uint16 share,
        Types.Timers memory timers,
        Types.OperatorInit[] memory operators
    ) public returns (IPennypost) {
        annex = deployed(abi.encodePacked(annexCodes[0], abi.encode(token)));
        annex = deployed(abi.encodePacked(annexCodes[1], abi.encode(token, annex)));
        return createOn(annex, token, treasury, share, timers, operators);
    }

    function createOn(
        address on,
        address token,
        address treasury,
        uint16 share,
        Types.Timers memory timers,
        Types.OperatorInit[] memory operators
    ) public returns (IPennypost) {
        Types.ParameterSet memory parameters = Types.ParameterSet(timers, share, payoutLimit);
        return IPennypost(
            deployed(abi.encodePacked(code, abi.encode(token, treasury, parameters, operators, OWNER, on)))
        );
    }

    function deployed(bytes memory init) internal returns (address made) {
        assembly ("memory-safe") {
            made := create(0, add(init, 32), mload(init))
            if iszero(made) {
                returndatacopy(0, 0, returndatasize())
                revert(0, returndatasize())
            }
        }
    }

    function operatorsOf(uint32 count) internal pure returns (Types.OperatorInit[] memory list) {
        list = new Types.OperatorInit[](count);
        for (uint32 i = 0; i < count; i++) {
            list[i] = Types.OperatorInit(i + 1, operator(i + 1), payee(i + 1));
        }
    }

    function operator(uint32 nodeId) internal pure returns (address) {
        return vm.addr(OPERATOR_KEY + nodeId);
    }

    function payee(uint32 nodeId) internal pure returns (address) {
        return address(uint160(0xfee0000 + nodeId));
    }

    function nextBlock(uint64 secondsLater) internal {
        vm.warp(vm.getBlockTimestamp() + secondsLater);
        vm.roll(vm.getBlockNumber() + 1);
    }

    function time() internal view returns (uint64) {
        return uint64(vm.getBlockTimestamp());
    }

    // ------------------------------------------------------------------------------------------------ channels

    function configOf(uint64 nonce) internal pure returns (Types.ChannelConfig memory) {
        return Types.ChannelConfig(PAYER, vm.addr(SIGNER_KEY), nonce);
    }

    function openOne(uint64 deposit, uint64 cap) internal returns (bytes32 channelId) {
        vm.prank(PAYER);
        channelId = post.open(configOf(0), deposit, toArray(LANE), toUnits(cap));
    }

    // ------------------------------------------------------------------------------------------------ signatures

    function digestOf(bytes32 structHash) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Pennypost"),
                keccak256("1"),
                block.chainid,
                address(post)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    function signed(uint256 key, bytes32 structHash) internal view returns (Types.Signature memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digestOf(structHash));
        return Types.Signature(r, s, v);
    }

    function voucher(uint256 key, bytes32 channelId, uint32 lane, uint96 spent, uint96 refundAck)
        internal
        view
        returns (Types.Voucher memory)
    {
        bytes32 context = keccak256(abi.encode(spent, refundAck));
        bytes32 hash = keccak256(
            abi.encode(
                keccak256("Voucher(bytes32 channelId,uint32 lane,uint96 spent,uint96 refundAck,bytes32 context)"),
                channelId,
                lane,
                spent,
                refundAck,
                context
            )
        );
        return Types.Voucher(spent, refundAck, context, signed(key, hash));
    }

    function refund(uint256 key, bytes32 channelId, uint32 lane, uint96 refunded)
        internal
        view
        returns (Types.Refund memory)
    {
        bytes32 reasons = keccak256(abi.encode("reasons", refunded));
        bytes32 hash = keccak256(
            abi.encode(
                keccak256("Refund(bytes32 channelId,uint32 lane,uint96 refunded,bytes32 reasons)"),
                channelId,
                lane,
                refunded,
                reasons
            )
        );
        return Types.Refund(refunded, reasons, signed(key, hash));
    }

    function noVoucher() internal pure returns (Types.Voucher memory none) {}
    function noRefund() internal pure returns (Types.Refund memory none) {}

    function releaseOf(uint256 key, bytes32 channelId, uint32 lane, uint96 oldCap, uint96 newCap, uint64 seq)
        internal
        view
        returns (Types.LaneRelease memory)
    {
        bytes32 hash = keccak256(
            abi.encode(
                keccak256("LaneRelease(bytes32 channelId,uint32 lane,uint96 oldCap,uint96 newCap,uint64 seq)"),
                channelId,
                lane,
                oldCap,
                newCap,
                seq
            )
        );
        return Types.LaneRelease(lane, oldCap, newCap, seq, signed(key, hash));
    }

    // ------------------------------------------------------------------------------------------------ reports

    function leaf(uint96 earned) internal pure returns (Types.LaneLeaf memory l) {
        l.earned = earned;
    }

    function leafHash(bytes32 channelId, uint32 lane, Types.LaneLeaf memory l) internal pure returns (bytes32) {
        bytes memory encoded =
            abi.encode(channelId, lane, l.spent, l.refunded, l.earned, l.forfeited, l.owed);
        return keccak256(abi.encodePacked(keccak256(encoded)));
    }

    function reportFor(bytes32 lanesRoot) internal view returns (Types.EpochReport memory) {
        return reportFor(lanesRoot, 0, 0);
    }

    function reportFor(bytes32 lanesRoot, bytes32 payoutRoot, uint128 payoutTotal)
        internal
        view
        returns (Types.EpochReport memory report)
    {
        report.epoch = time() / 60;
        report.previous = post.lastReport().reportHash;
        report.blockNumber = uint64(vm.getBlockNumber()) - 1;
        report.lanesRoot = lanesRoot;
        report.payoutRoot = payoutRoot;
        report.payoutTotal = payoutTotal;
        (report.operatorSet,) = post.operatorSetAt(report.blockNumber);
        report.endTime = time() - 1;
    }

    function reportDigest(Types.EpochReport memory r) internal view returns (bytes32) {
        return digestOf(
            keccak256(
                abi.encode(
                    keccak256(
                        "EpochReport(uint64 epoch,bytes32 previous,uint64 blockNumber,bytes32 lanesRoot,bytes32 payoutRoot,uint128 payoutTotal,bytes32 operatorSet,uint64 endTime)"
                    ),
                    r.epoch,
                    r.previous,
                    r.blockNumber,
                    r.lanesRoot,
                    r.payoutRoot,
                    r.payoutTotal,
                    r.operatorSet,
                    r.endTime
                )
            )
        );
    }

    /// @dev Signed by the operators whose bit is set; bit i is the i-th of the current set.
    function signaturesOf(Types.EpochReport memory report, uint256 bits)
        internal
        view
        returns (Types.Signature[] memory signatures)
    {
        (, uint32[] memory nodeIds,) = post.operatorSet();
        signatures = new Types.Signature[](nodeIds.length);
        for (uint256 i = 0; i < nodeIds.length; i++) {
            if (bits >> i & 1 == 0) continue;
            (uint8 v, bytes32 r, bytes32 s) = vm.sign(OPERATOR_KEY + nodeIds[i], reportDigest(report));
            signatures[i] = Types.Signature(r, s, v);
        }
    }

    function submit(Types.EpochReport memory report) internal {
        (, uint32[] memory nodeIds, address[] memory keys) = post.operatorSet();
        post.postReport(report, nodeIds, keys, signaturesOf(report, type(uint256).max));
    }

    /// @dev Expects the named error from posting `report`, signed by all.
    function submitExpecting(Types.EpochReport memory report, bytes memory err) internal {
        (, uint32[] memory nodeIds, address[] memory keys) = post.operatorSet();
        Types.Signature[] memory signatures = signaturesOf(report, type(uint256).max);
        vm.expectRevert(err);
        post.postReport(report, nodeIds, keys, signatures);
    }

    function postVested(bytes32 lanesRoot, bytes32 payoutRoot, uint128 payoutTotal)
        internal
        returns (Types.EpochReport memory report)
    {
        nextBlock(61);
        report = reportFor(lanesRoot, payoutRoot, payoutTotal);
        submit(report);
        nextBlock(100);
    }

    // ------------------------------------------------------------------------------------------------ claims

    function claimOf(bytes32 channelId, uint32 lane, uint96 spent, uint96 earned)
        internal
        view
        returns (Types.LaneClaim memory claim)
    {
        claim.config = configOf(0);
        claim.lane = lane;
        claim.leaf = leaf(earned);
        if (spent > 0) claim.voucher = voucher(SIGNER_KEY, channelId, lane, spent, 0);
        claim.proof = new bytes32[](0);
    }

    /// @dev Settles one lane by a report of its own.
    function settleLane(bytes32 channelId, uint32 lane, uint96 spent, uint96 earned) internal {
        Types.LaneClaim[] memory claims = new Types.LaneClaim[](1);
        claims[0] = claimOf(channelId, lane, spent, earned);
        Types.EpochReport memory report = postVested(leafHash(channelId, lane, leaf(earned)), 0, 0);
        post.settle(report, claims);
    }

    function payoutLeaf(uint32 nodeId, address to, uint128 amount) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint8(0), nodeId, to, amount));
    }

    function rootOf(bytes32 hash, uint128 sum) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint8(2), hash, sum));
    }
}
