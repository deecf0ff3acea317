// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPennypostTypes as Types} from "../src/IPennypostTypes.sol";
import {IPennypostFront} from "../src/IPennypost.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Vm} from "./support/Base.sol";
import {Fixture} from "./support/Fixture.sol";

/// @dev Goal: vouchers and refunds merge by maximum and only when signed; a settlement credits exactly the pure
///      function's result, and skips a bad claim with its reason. Method: one channel, one report a settlement.
contract ClaimsTest is Fixture {
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
        Types.SkipReason reason,
        bytes32 expected,
        bytes32 actual
    );

    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = openOne(100, 60);
    }

    function postVoucher(Types.Voucher memory v, Types.Refund memory r, bytes memory err) private {
        if (err.length > 0) vm.expectRevert(err);
        post.postVoucher(configOf(0), LANE, v, r);
    }

    function postRefund(Types.Refund memory r, bytes memory err) private {
        if (err.length > 0) vm.expectRevert(err);
        post.postRefund(configOf(0), LANE, r);
    }

    // ------------------------------------------------------------------------------------------------ postVoucher

    // CHAIN-030
    function test_postVoucher__signed__stores_the_highest() public {
        Types.Voucher memory v = voucher(SIGNER_KEY, id, LANE, 500, 0);
        vm.expectEmit(true, true, true, true, address(post));
        emit VoucherPosted(id, LANE, 500, 0, v.context);
        postVoucher(v, noRefund(), "");
        assertEq(post.laneOf(id, LANE).spent, 500, "spent");
        postVoucher(v, noRefund(), abi.encodeWithSelector(Types.NotHigher.selector, uint96(500), uint96(500)));
        postVoucher(
            voucher(SIGNER_KEY, id, LANE, 499, 0),
            noRefund(),
            abi.encodeWithSelector(Types.NotHigher.selector, uint96(500), uint96(499))
        );
        postVoucher(voucher(SIGNER_KEY, id, LANE, type(uint96).max, 0), noRefund(), "");
        assertEq(post.laneOf(id, LANE).spent, type(uint96).max, "above the cap is stored; the cap clamps later");
    }

    // CHAIN-031: a voucher travels with the refund that it needs.
    function test_postVoucher__with_its_refund__stores_both() public {
        Types.Voucher memory v = voucher(SIGNER_KEY, id, LANE, 500, 40);
        postVoucher(v, noRefund(), abi.encodeWithSelector(Types.RefundMissing.selector, uint96(40), uint96(0)));
        Types.Refund memory r = refund(OPERATOR_KEY + 1, id, LANE, 50);
        vm.expectEmit(true, true, true, true, address(post));
        emit RefundPosted(id, LANE, 50, r.reasons);
        postVoucher(v, r, "");
        assertEq(post.laneOf(id, LANE).refunded, 50, "refunded");
        postVoucher(voucher(SIGNER_KEY, id, LANE, 600, 50), noRefund(), "");
        assertEq(post.laneOf(id, LANE).spent, 600, "a known refund need not travel again");
    }

    // CHAIN-032: refundAck is a condition, never a refund.
    function test_postVoucher__forged_acknowledgement__refunds_nothing() public {
        postVoucher(
            voucher(SIGNER_KEY, id, LANE, 600, 600),
            noRefund(),
            abi.encodeWithSelector(Types.RefundMissing.selector, uint96(600), uint96(0))
        );
        assertEq(post.laneOf(id, LANE).refunded, 0, "R is the operator's");
    }

    function test_postVoucher__bad_signature__refused() public {
        bytes memory err =
            abi.encodeWithSelector(Types.InvalidSignature.selector, vm.addr(SIGNER_KEY), vm.addr(STRANGER_KEY));
        postVoucher(voucher(STRANGER_KEY, id, LANE, 500, 0), noRefund(), err);

        err = abi.encodeWithSelector(Types.InvalidSignature.selector, vm.addr(SIGNER_KEY), address(0));
        Types.Voucher memory v = voucher(SIGNER_KEY, id, LANE, 500, 0);
        v.signature.v = 0;
        postVoucher(v, noRefund(), err);
        v.signature.v = 29;
        postVoucher(v, noRefund(), err);

        // CHAIN-015: the other half of the curve signs nothing
        v = voucher(SIGNER_KEY, id, LANE, 500, 0);
        uint256 order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        v.signature.s = bytes32(order - uint256(v.signature.s));
        v.signature.v = v.signature.v == 27 ? 28 : 27;
        postVoucher(v, noRefund(), err);

        err = abi.encodeWithSelector(Types.InvalidSignature.selector, operator(1), operator(2));
        postVoucher(
            voucher(SIGNER_KEY, id, LANE, 500, 40), refund(OPERATOR_KEY + 2, id, LANE, 40), err
        );
    }

    // A signature names channel, lane, contract and chain; for another of each it recovers somebody else.
    function test_postVoucher__signed_for_another_place__refused() public {
        Types.Voucher memory v = voucher(SIGNER_KEY, id, LANE2, 500, 0);
        vm.expectPartialRevert(Types.InvalidSignature.selector); // whatever address it recovers
        post.postVoucher(configOf(0), LANE, v, noRefund());
        v = voucher(SIGNER_KEY, id, LANE, 500, 0);
        vm.chainId(5);
        vm.expectPartialRevert(Types.ChannelNotLive.selector); // even the channel's id is another there
        post.postVoucher(configOf(0), LANE, v, noRefund());
    }

    function test_postVoucher__unknown_channel__refused() public {
        bytes32 unknown = post.channelIdOf(configOf(1));
        Types.Voucher memory v = voucher(SIGNER_KEY, unknown, LANE, 500, 0);
        vm.expectRevert(
            abi.encodeWithSelector(Types.ChannelNotLive.selector, unknown, Types.ChannelState.NONE)
        );
        post.postVoucher(configOf(1), LANE, v, noRefund());
    }

    // ------------------------------------------------------------------------------------------------ postRefund

    // CHAIN-033
    function test_postRefund__signed__stores_the_highest() public {
        Types.Refund memory r = refund(OPERATOR_KEY + 1, id, LANE, 70);
        postRefund(r, "");
        assertEq(post.laneOf(id, LANE).refunded, 70, "refunded");
        postRefund(r, abi.encodeWithSelector(Types.NotHigher.selector, uint96(70), uint96(70)));
        postRefund(
            refund(SIGNER_KEY, id, LANE, 71),
            abi.encodeWithSelector(Types.InvalidSignature.selector, operator(1), vm.addr(SIGNER_KEY))
        );
    }

    function test_postRefund__lane_of_no_operator__refused() public {
        Types.Refund memory r = refund(OPERATOR_KEY + 9, id, 9 << 8, 71);
        vm.expectRevert(
            abi.encodeWithSelector(Types.InvalidSignature.selector, address(0), operator(9))
        );
        post.postRefund(configOf(0), 9 << 8, r);
        // and a signature that recovers nothing does not match the missing operator's zero key
        r.signature.v = 0;
        vm.expectRevert(abi.encodeWithSelector(Types.InvalidSignature.selector, address(0), address(0)));
        post.postRefund(configOf(0), 9 << 8, r);
    }

    // ------------------------------------------------------------------------------------------------ settle

    function settleOne(Types.LaneClaim memory claim) private {
        settleUnder(claim, leafHash(id, claim.lane, claim.leaf));
    }

    function settleUnder(Types.LaneClaim memory claim, bytes32 root) private {
        Types.LaneClaim[] memory claims = new Types.LaneClaim[](1);
        claims[0] = claim;
        post.settle(postVested(root, 0, 0), claims);
    }

    function skipped(Types.LaneClaim memory claim, Types.SkipReason reason, bytes32 expected, bytes32 actual)
        private
    {
        Types.EpochReport memory report = postVested(leafHash(id, claim.lane, claim.leaf), 0, 0);
        Types.LaneClaim[] memory claims = new Types.LaneClaim[](1);
        claims[0] = claim;
        bytes32 channelId = post.channelIdOf(claim.config);
        bytes32 before = keccak256(abi.encode(post.laneOf(channelId, claim.lane), post.channelOf(channelId)));
        vm.expectEmit(true, true, true, true, address(post));
        emit ClaimSkipped(channelId, claim.lane, 0, reason, expected, actual);
        post.settle(report, claims);
        bytes32 later = keccak256(abi.encode(post.laneOf(channelId, claim.lane), post.channelOf(channelId)));
        assertEq(later, before, "a skipped claim changes nothing");
    }

    // CHAIN-034
    function test_settle__complete_claim__credits_the_pool() public {
        Types.LaneClaim memory claim = claimOf(id, LANE, 0, 30 * UNIT + 7);
        claim.voucher = voucher(SIGNER_KEY, id, LANE, 50 * UNIT, 10 * UNIT);
        claim.refund = refund(OPERATOR_KEY + 1, id, LANE, 10 * UNIT);
        Types.EpochReport memory report = postVested(leafHash(id, LANE, claim.leaf), 0, 0);
        Types.LaneClaim[] memory claims = new Types.LaneClaim[](1);
        claims[0] = claim;
        bytes32 hash = post.reportHashOf(report);
        vm.expectEmit(true, true, true, true, address(post));
        emit LaneSettled(id, LANE, hash, 50 * UNIT, 10 * UNIT, 30 * UNIT + 7, 30 * UNIT + 7, 30);
        post.settle(report, claims);

        Types.LaneView memory lane = post.laneOf(id, LANE);
        assertEq(lane.spent, 50 * UNIT, "S");
        assertEq(lane.refunded, 10 * UNIT, "R");
        assertEq(lane.vested, 30 * UNIT + 7, "vested in grains");
        (uint128 received, uint128 claimed) = post.pool();
        assertEq(received, 30, "floor to the pool");
        assertEq(claimed, 0, "nothing paid");
        assertEq(post.channelOf(id).credited, 30, "credited");
        assertEq(post.channelOf(id).vestedCeil, 31, "ceil");
    }

    // CHAIN-035: grains that did not make a unit are not lost, they count in the next settlement.
    function test_settle__several_reports__floors_cumulatively() public {
        uint96 earned = 0;
        for (uint256 i = 1; i <= 5; i++) {
            earned += 700_000;
            settleOne(claimOf(id, LANE, uint96(i * UNIT), earned));
        }
        (uint128 received,) = post.pool();
        assertEq(received, 3, "floor(3.5), not 5 x floor(0.7)");
        assertEq(post.channelOf(id).vestedCeil, 4, "one lane with dust");
        settleOne(claimOf(id, LANE, 6 * UNIT, 4 * UNIT));
        assertEq(post.channelOf(id).vestedCeil, 4, "no dust left");
        assertEq(post.channelOf(id).credited, 4, "whole");
    }

    function test_settle__stored_voucher__is_enough() public {
        postVoucher(voucher(SIGNER_KEY, id, LANE, 20 * UNIT, 0), noRefund(), "");
        settleOne(claimOf(id, LANE, 0, 20 * UNIT));
        assertEq(post.channelOf(id).credited, 20, "credited");
    }

    function test_settle__lower_voucher_unsigned__is_ignored() public {
        postVoucher(voucher(SIGNER_KEY, id, LANE, 20 * UNIT, 0), noRefund(), "");
        Types.LaneClaim memory claim = claimOf(id, LANE, 0, 20 * UNIT);
        claim.voucher = voucher(STRANGER_KEY, id, LANE, 19 * UNIT, 0);
        settleOne(claim);
        assertEq(post.channelOf(id).credited, 20, "stale is harmless");
    }

    function test_settle__refund_after_vesting__takes_nothing_back() public {
        settleOne(claimOf(id, LANE, 20 * UNIT, 20 * UNIT));
        Types.LaneClaim memory claim = claimOf(id, LANE, 0, 20 * UNIT);
        claim.refund = refund(OPERATOR_KEY + 1, id, LANE, 15 * UNIT);
        settleOne(claim);
        assertEq(post.laneOf(id, LANE).refunded, 15 * UNIT, "R is kept");
        assertEq(post.channelOf(id).credited, 20, "the pool never falls");
    }

    function test_settle__refund_before_vesting__beats_what_was_earned() public {
        postRefund(refund(OPERATOR_KEY + 1, id, LANE, 15 * UNIT), "");
        settleOne(claimOf(id, LANE, 20 * UNIT, 20 * UNIT));
        assertEq(post.channelOf(id).credited, 5, "net");
    }

    function test_settle__older_report_after_a_newer__changes_nothing() public {
        Types.LaneClaim memory claim = claimOf(id, LANE, 20 * UNIT, 5 * UNIT);
        Types.EpochReport memory older = postVested(leafHash(id, LANE, claim.leaf), 0, 0);
        settleOne(claimOf(id, LANE, 20 * UNIT, 9 * UNIT));
        Types.LaneClaim[] memory claims = new Types.LaneClaim[](1);
        claims[0] = claim;
        post.settle(older, claims);
        assertEq(post.channelOf(id).credited, 9, "pool");
    }

    // CHAIN-036: each reason
    function test_settle__bad_claims__skipped_with_the_reason() public {
        Types.LaneClaim memory claim = claimOf(id, LANE, 20 * UNIT, 5 * UNIT);
        claim.config.nonce = 9;
        skipped(claim, Types.SkipReason.CHANNEL_UNKNOWN, bytes32(uint256(1)), bytes32(0));

        claim = claimOf(id, LANE, 0, 5 * UNIT);
        claim.voucher = voucher(STRANGER_KEY, id, LANE, 20 * UNIT, 0);
        skipped(claim, Types.SkipReason.VOUCHER_SIGNATURE, word(vm.addr(SIGNER_KEY)), word(vm.addr(STRANGER_KEY)));

        claim.voucher = voucher(SIGNER_KEY, id, LANE, 20 * UNIT, 3);
        skipped(claim, Types.SkipReason.REFUND_MISSING, bytes32(uint256(3)), bytes32(0));

        claim.refund = refund(OPERATOR_KEY + 2, id, LANE, 3);
        skipped(claim, Types.SkipReason.REFUND_SIGNATURE, word(operator(1)), word(operator(2)));

        claim.refund = refund(OPERATOR_KEY + 1, id, LANE, 2);
        skipped(claim, Types.SkipReason.REFUND_MISSING, bytes32(uint256(3)), bytes32(uint256(2)));

        claim = claimOf(id, LANE, 0, 5 * UNIT); // no voucher anywhere
        skipped(claim, Types.SkipReason.NO_CHANGE, bytes32(0), bytes32(0));

        claim = claimOf(id, LANE, 20 * UNIT, 5 * UNIT);
        settleOne(claim);
        skipped(claim, Types.SkipReason.NO_CHANGE, bytes32(uint256(5 * UNIT)), bytes32(uint256(5 * UNIT)));
    }

    function word(address a) private pure returns (bytes32) {
        return bytes32(uint256(uint160(a)));
    }

    function test_settle__leaf_not_in_the_report__skipped() public {
        Types.LaneClaim memory claim = claimOf(id, LANE, 20 * UNIT, 5 * UNIT);
        bytes32 root = leafHash(id, LANE, claim.leaf);
        Types.EpochReport memory report = postVested(root, 0, 0);
        claim.leaf.earned++;
        Types.LaneClaim[] memory claims = new Types.LaneClaim[](1);
        claims[0] = claim;
        vm.expectEmit(true, true, true, true, address(post));
        emit ClaimSkipped(id, LANE, 0, Types.SkipReason.BAD_PROOF, root, leafHash(id, LANE, claim.leaf));
        post.settle(report, claims);
    }

    function test_settle__closed_channel__skipped() public {
        vm.prank(PAYER);
        post.requestClose(configOf(0));
        vm.warp(time() + 300);
        post.finalizeClose(configOf(0));
        skipped(
            claimOf(id, LANE, 20 * UNIT, 5 * UNIT),
            Types.SkipReason.CHANNEL_CLOSED,
            bytes32(uint256(1)),
            bytes32(uint256(3))
        );
    }

    // CHAIN-036: one bad claim does not hold up the others, and an equal claim counts once.
    function test_settle__batch_with_bad_claims__credits_the_good() public {
        vm.prank(PAYER);
        post.allocate(configOf(0), toArray(LANE2), toUnits(40));
        Types.LaneClaim[] memory claims = new Types.LaneClaim[](4);
        claims[0] = claimOf(id, LANE, 20 * UNIT, 5 * UNIT);
        claims[1] = claimOf(id, LANE2, 20 * UNIT, 6 * UNIT);
        bytes32 a = leafHash(id, LANE, claims[0].leaf);
        bytes32 b = leafHash(id, LANE2, claims[1].leaf);
        (claims[0].proof, claims[1].proof) = (new bytes32[](1), new bytes32[](1));
        (claims[0].proof[0], claims[1].proof[0]) = (b, a);
        claims[2] = claims[0];
        claims[3] = claimOf(id, LANE, 20 * UNIT, 60 * UNIT);
        bytes32 root = a < b ? keccak256(abi.encodePacked(a, b)) : keccak256(abi.encodePacked(b, a));
        Types.EpochReport memory report = postVested(root, 0, 0);
        vm.recordLogs();
        post.settle(report, claims);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 4, "one event a claim");
        assertEq(logs[0].topics[0], LaneSettled.selector, "0");
        assertEq(logs[1].topics[0], LaneSettled.selector, "1");
        assertEq(logs[2].topics[0], ClaimSkipped.selector, "2: the same again");
        assertEq(logs[3].topics[0], ClaimSkipped.selector, "3: not in the tree");
        (uint128 received,) = post.pool();
        assertEq(received, 11, "both, once");
    }

    // ------------------------------------------------------------------------------------------------ settleBatch

    function batchOf(Types.LaneClaim memory c) private pure returns (Types.BatchClaim memory) {
        return Types.BatchClaim(c.config, c.lane, c.voucher, c.refund, c.leaf);
    }

    /// @dev Two leaves, the whole tree: one hash, no node of others. The contract wants the leaf with the higher place first.
    function pair(Types.LaneClaim memory a, Types.LaneClaim memory b)
        private
        returns (Types.EpochReport memory report, Types.BatchClaim[] memory claims, bool[] memory flags)
    {
        vm.prank(PAYER);
        post.allocate(configOf(0), toArray(LANE2), toUnits(40));
        bytes32 x = leafHash(id, a.lane, a.leaf);
        bytes32 y = leafHash(id, b.lane, b.leaf);
        claims = new Types.BatchClaim[](2);
        (claims[0], claims[1]) = (batchOf(a), batchOf(b));
        flags = new bool[](1);
        flags[0] = true;
        report = postVested(x < y ? keccak256(abi.encodePacked(x, y)) : keccak256(abi.encodePacked(y, x)), 0, 0);
    }

    // CHAIN-038: as settle, with one proof
    function test_settleBatch__two_leaves__credits_both() public {
        (Types.EpochReport memory report, Types.BatchClaim[] memory claims, bool[] memory flags) =
            pair(claimOf(id, LANE, 20 * UNIT, 5 * UNIT + 1), claimOf(id, LANE2, 20 * UNIT, 6 * UNIT));
        vm.expectEmit(true, true, true, true, address(post));
        emit LaneSettled(id, LANE, reportDigest(report), 20 * UNIT, 0, 5 * UNIT + 1, 5 * UNIT + 1, 5);
        post.settleBatch(report, claims, new bytes32[](0), flags);
        Types.ChannelView memory channel = post.channelOf(id);
        assertEq(channel.credited, 11, "both");
        assertEq(channel.vestedCeil, 12, "one with dust");
        assertEq(channel.allocated, 100, "caps untouched");
        assertEq(post.laneOf(id, LANE2).spent, 20 * UNIT, "voucher");
        (uint128 received,) = post.pool();
        assertEq(received, 11, "pool");
    }

    // CHAIN-036, CHAIN-038: what others can spoil is left out
    function test_settleBatch__bad_signature_and_again__skipped() public {
        Types.LaneClaim memory bad = claimOf(id, LANE, 0, 5 * UNIT);
        bad.voucher = voucher(STRANGER_KEY, id, LANE, 20 * UNIT, 0);
        (Types.EpochReport memory report, Types.BatchClaim[] memory claims, bool[] memory flags) =
            pair(bad, claimOf(id, LANE2, 20 * UNIT, 6 * UNIT));
        vm.expectEmit(true, true, true, true, address(post));
        emit ClaimSkipped(
            id,
            LANE,
            0,
            Types.SkipReason.VOUCHER_SIGNATURE,
            word(vm.addr(SIGNER_KEY)),
            word(vm.addr(STRANGER_KEY))
        );
        post.settleBatch(report, claims, new bytes32[](0), flags);
        assertEq(post.channelOf(id).credited, 6, "the good one");
        vm.expectEmit(true, true, true, true, address(post));
        emit ClaimSkipped(
            id, LANE2, 1, Types.SkipReason.NO_CHANGE, bytes32(uint256(6 * UNIT)), bytes32(uint256(6 * UNIT))
        );
        post.settleBatch(report, claims, new bytes32[](0), flags);
    }

    // CHAIN-038: a leaf that the report does not have reverts the whole, for no leaf can be told from another then
    function test_settleBatch__leaf_not_in_the_report__refused() public {
        (Types.EpochReport memory report, Types.BatchClaim[] memory claims, bool[] memory flags) =
            pair(claimOf(id, LANE, 20 * UNIT, 5 * UNIT), claimOf(id, LANE2, 20 * UNIT, 6 * UNIT));
        claims[1].leaf.earned += 1;
        vm.expectPartialRevert(Types.BatchProofInvalid.selector);
        post.settleBatch(report, claims, new bytes32[](0), flags);
        claims[1].leaf.earned -= 1;
        vm.expectRevert(abi.encodeWithSelector(MerkleProof.MerkleProofInvalidMultiproof.selector));
        post.settleBatch(report, claims, new bytes32[](0), new bool[](0));
        vm.expectRevert(abi.encodeWithSelector(MerkleProof.MerkleProofInvalidMultiproof.selector));
        post.settleBatch(report, claims, new bytes32[](1), flags);
    }

    // CHAIN-038: an empty batch proves nothing and credits nothing, whatever node it names
    function test_settleBatch__no_claims__changes_nothing() public {
        bytes32[] memory node = new bytes32[](1);
        node[0] = bytes32(uint256(5));
        Types.EpochReport memory report = postVested(node[0], 0, 0);
        post.settleBatch(report, new Types.BatchClaim[](0), node, new bool[](0));
        (uint128 received,) = post.pool();
        assertEq(received, 0, "nothing");
    }

    // CHAIN-034, CHAIN-038: an inner node is no leaf, and dirty bits in calldata are not another field's
    function testFuzz_settle__dirty_bits__never_credit(uint8 field, uint160 dirt) public {
        vm.assume(dirt != 0);
        Types.LaneClaim memory claim = claimOf(id, LANE, 20 * UNIT, 5 * UNIT);
        Types.EpochReport memory report = postVested(leafHash(id, LANE, claim.leaf), 0, 0);
        Types.LaneClaim[] memory claims = new Types.LaneClaim[](1);
        claims[0] = claim;
        bytes memory data = abi.encodeCall(IPennypostFront.settle, (report, claims));
        // payer, signer, nonce, lane, spent, refundAck, ..., the leaf's words: all that are narrower than a word
        uint8[12] memory places = [0, 1, 2, 3, 4, 5, 10, 15, 16, 17, 18, 19];
        uint256 place = places[field % 12];
        uint256 where = 32 + 4 + 32 * (8 + 1 + 1 + 1 + place); // length, selector, report, offset, length, offset of the claim
        assembly ("memory-safe") {
            let clean := mload(add(data, where))
            mstore(add(data, where), or(clean, shl(160, dirt)))
        }
        (bool ok,) = address(post).call(data);
        (uint128 received,) = post.pool();
        assertTrue(!ok || received == 0 || uint256(dirt) << 160 == 0, "nothing is credited");
    }

    function test_settle__report_unknown_or_unvested__refused() public {
        Types.LaneClaim[] memory claims = new Types.LaneClaim[](0);
        nextBlock(61);
        Types.EpochReport memory report = reportFor(0);
        bytes memory err = abi.encodeWithSelector(Types.ReportUnknown.selector, reportDigest(report));
        vm.expectRevert(err);
        post.settle(report, claims);
        submit(report);
        uint64 vestsAt = time() + 100;
        vm.warp(vestsAt - 1);
        vm.expectRevert(abi.encodeWithSelector(Types.ReportNotVested.selector, vestsAt, vestsAt - 1));
        post.settle(report, claims);
        vm.warp(vestsAt);
        post.settle(report, claims);
    }

    // CHAIN-025: operators that left still refund and release; they get no new caps.
    function test_refund__operator_removed__still_counts() public {
        vm.prank(OWNER);
        post.scheduleOperatorRemove(1);
        vm.warp(time() + 360);
        post.applyOperatorChange(1);
        postRefund(refund(OPERATOR_KEY + 1, id, LANE, 5), "");
        assertEq(post.laneOf(id, LANE).refunded, 5, "refunded");
        vm.expectRevert(
            abi.encodeWithSelector(
                Types.OperatorNotActive.selector, uint32(1), Types.OperatorState.REMOVED
            )
        );
        vm.prank(PAYER);
        post.allocate(configOf(0), toArray(LANE), toUnits(70));
    }
}
