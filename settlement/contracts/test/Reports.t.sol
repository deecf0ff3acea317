// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPennypostTypes as Types} from "../src/IPennypostTypes.sol";
import {Fixture} from "./support/Fixture.sol";

/// @dev Goal: only a quorum of the set at the named block posts, only forward in epoch, block and time. Method: each
///      refusal from a report that is right but for one field, signed by all.
contract ReportsTest is Fixture {
    event ReportPosted(
        uint64 indexed epoch,
        bytes32 indexed reportHash,
        Types.EpochReport report,
        uint64 vestsAt,
        uint256 signers
    );

    function postWith(uint256 bits, bytes memory err) private {
        Types.EpochReport memory report = reportFor(0);
        (, uint32[] memory nodeIds, address[] memory keys) = post.operatorSet();
        Types.Signature[] memory signatures = signaturesOf(report, bits);
        if (err.length > 0) vm.expectRevert(err);
        post.postReport(report, nodeIds, keys, signatures);
    }

    // CHAIN-040
    function test_postReport__signed_by_all__becomes_the_last() public {
        nextBlock(61);
        Types.EpochReport memory report = reportFor(bytes32("lanes"), bytes32("payouts"), 5);
        bytes32 hash = reportDigest(report);
        assertEq(post.reportHashOf(report), hash, "CHAIN-011");
        (, uint32[] memory nodeIds, address[] memory keys) = post.operatorSet();
        Types.Signature[] memory signatures = signaturesOf(report, 7);
        vm.expectEmit(true, true, true, true, address(post));
        emit ReportPosted(report.epoch, hash, report, time() + 100, 3);
        vm.prank(STRANGER);
        post.postReport(report, nodeIds, keys, signatures);

        Types.ReportHead memory head = post.lastReport();
        assertEq(head.reportHash, hash, "hash");
        assertEq(head.epoch, report.epoch, "epoch");
        assertEq(head.blockNumber, report.blockNumber, "block");
        assertEq(head.endTime, report.endTime, "endTime");
        assertEq(post.reportOf(hash).vestsAt, time() + 100, "vestsAt");
        assertEq(post.reportOf(hash).supersededAt, 0, "newest");

        nextBlock(61);
        Types.EpochReport memory next = reportFor(0);
        submit(next);
        assertEq(post.reportOf(hash).supersededAt, time() + 100, "superseded when the next vests");
        assertEq(post.lastReport().reportHash, reportDigest(next), "next");
    }

    // CHAIN-045
    function test_postReport__two_of_three__is_no_quorum() public {
        postWith(3, abi.encodeWithSelector(Types.QuorumMissing.selector, 3, 2, 3));
        postWith(0, abi.encodeWithSelector(Types.QuorumMissing.selector, 3, 0, 3));
    }

    function test_postReport__three_of_four__is_a_quorum() public {
        post = deploy(address(dollar), 4);
        nextBlock(61);
        postWith(5, abi.encodeWithSelector(Types.QuorumMissing.selector, 3, 2, 4));
        postWith(11, "");
    }

    function test_postReport__one_operator__is_the_quorum() public {
        post = deploy(address(dollar), 1);
        nextBlock(61);
        postWith(0, abi.encodeWithSelector(Types.QuorumMissing.selector, 1, 0, 1));
        postWith(1, "");
    }

    function test_postReport__no_operators__never() public {
        post = deploy(address(dollar), 0);
        nextBlock(61);
        postWith(0, abi.encodeWithSelector(Types.QuorumMissing.selector, 1, 0, 0));
    }

    function test_postReport__a_wrong_signature__refused() public {
        nextBlock(61);
        Types.EpochReport memory report = reportFor(0);
        (, uint32[] memory nodeIds, address[] memory keys) = post.operatorSet();
        Types.Signature[] memory signatures = signaturesOf(report, 7);
        (signatures[0], signatures[1]) = (signatures[1], signatures[0]);
        vm.expectRevert(
            abi.encodeWithSelector(Types.InvalidSignature.selector, operator(1), operator(2))
        );
        post.postReport(report, nodeIds, keys, signatures);
        // the same signature at two places
        signatures = signaturesOf(report, 7);
        signatures[1] = signatures[0];
        vm.expectRevert(
            abi.encodeWithSelector(Types.InvalidSignature.selector, operator(2), operator(1))
        );
        post.postReport(report, nodeIds, keys, signatures);
    }

    // CHAIN-041, CHAIN-042
    function test_postReport__fields_of_an_older_report__refused() public {
        nextBlock(61);
        Types.EpochReport memory first = reportFor(0);
        submit(first);
        nextBlock(61);

        Types.EpochReport memory r = reportFor(0);
        r.previous = 0;
        submitExpecting(
            r, abi.encodeWithSelector(Types.ReportPreviousMismatch.selector, reportDigest(first), bytes32(0))
        );
        r = reportFor(0);
        r.epoch = first.epoch;
        submitExpecting(r, abi.encodeWithSelector(Types.ReportEpochNotNewer.selector, first.epoch, first.epoch));
        r = reportFor(0);
        r.blockNumber = first.blockNumber;
        submitExpecting(
            r,
            abi.encodeWithSelector(Types.ReportBlockNotNewer.selector, first.blockNumber, first.blockNumber)
        );
        r = reportFor(0);
        r.endTime = first.endTime;
        submitExpecting(
            r, abi.encodeWithSelector(Types.ReportEndTimeNotNewer.selector, first.endTime, first.endTime)
        );
    }

    function test_postReport__fields_of_the_future__refused() public {
        nextBlock(61);
        Types.EpochReport memory r = reportFor(0);
        r.epoch = time() / 60 + 1;
        submitExpecting(r, abi.encodeWithSelector(Types.ReportEpochInFuture.selector, r.epoch - 1, r.epoch));
        r = reportFor(0);
        r.blockNumber = uint64(vm.getBlockNumber());
        submitExpecting(
            r, abi.encodeWithSelector(Types.ReportBlockInFuture.selector, r.blockNumber, r.blockNumber)
        );
        r = reportFor(0);
        r.endTime = time() + 1;
        submitExpecting(r, abi.encodeWithSelector(Types.ReportEndTimeInFuture.selector, time(), r.endTime));
    }

    // CHAIN-043: (1 + k) epochs + signing = 140 s
    function test_postReport__older_than_the_age_limit__refused() public {
        nextBlock(200);
        Types.EpochReport memory r = reportFor(0);
        r.endTime = time() - 141;
        submitExpecting(r, abi.encodeWithSelector(Types.ReportTooOld.selector, time() - 140, r.endTime));
        r.endTime = time() - 140;
        submit(r);
    }

    function test_postReport__first_with_a_previous__refused() public {
        nextBlock(61);
        Types.EpochReport memory r = reportFor(0);
        r.previous = bytes32("x");
        submitExpecting(
            r, abi.encodeWithSelector(Types.ReportPreviousMismatch.selector, bytes32(0), bytes32("x"))
        );
    }

    // CHAIN-044
    function test_postReport__wrong_set__refused() public {
        nextBlock(61);
        Types.EpochReport memory r = reportFor(0);
        (bytes32 setHash, uint32[] memory nodeIds, address[] memory keys) = post.operatorSet();
        Types.Signature[] memory signatures = signaturesOf(r, 7);

        vm.expectRevert(abi.encodeWithSelector(Types.LengthMismatch.selector, 2, 3));
        post.postReport(r, toArray(1, 2), keys, signatures);

        vm.expectRevert(abi.encodeWithSelector(Types.LengthMismatch.selector, 3, 0));
        post.postReport(r, nodeIds, keys, new Types.Signature[](0));

        address[] memory others = new address[](3);
        (others[0], others[1], others[2]) = (keys[0], keys[1], vm.addr(STRANGER_KEY));
        bytes32 given = keccak256(abi.encode(nodeIds, others));
        vm.expectRevert(abi.encodeWithSelector(Types.OperatorSetMismatch.selector, setHash, given));
        post.postReport(r, nodeIds, others, signatures);

        r.operatorSet = given;
        submitExpecting(r, abi.encodeWithSelector(Types.OperatorSetMismatch.selector, setHash, given));

        r = reportFor(0);
        r.blockNumber = 999; // before the deployment
        submitExpecting(r, abi.encodeWithSelector(Types.OperatorSetMismatch.selector, bytes32(0), setHash));
    }

    // CHAIN-044: the set at the named block signs, for a while after it was replaced, then never.
    function test_postReport__retired_set__signs_only_until_the_age_limit() public {
        vm.prank(OWNER);
        post.scheduleOperatorRemove(3);
        (, uint32[] memory nodeIds, address[] memory keys) = post.operatorSet();
        vm.warp(time() + 360);
        uint64 oldBlock = uint64(vm.getBlockNumber());
        vm.roll(oldBlock + 1);
        uint64 replacedAt = time();
        post.applyOperatorChange(3);
        (bytes32 oldSet, uint64 until) = post.operatorSetAt(oldBlock);
        assertEq(until, replacedAt, "replacedAt");
        (, until) = post.operatorSetAt(oldBlock + 1);
        assertEq(until, 0, "current");

        vm.roll(oldBlock + 5);
        vm.warp(replacedAt + 141);
        Types.EpochReport memory r = reportFor(0);
        (r.blockNumber, r.operatorSet) = (oldBlock, oldSet);
        Types.Signature[] memory signatures = signAll(r, nodeIds);
        vm.expectRevert(
            abi.encodeWithSelector(Types.OperatorSetRetired.selector, replacedAt, replacedAt + 141)
        );
        post.postReport(r, nodeIds, keys, signatures);

        vm.warp(replacedAt + 140);
        r = reportFor(0);
        (r.blockNumber, r.operatorSet) = (oldBlock, oldSet);
        signatures = signAll(r, nodeIds);
        post.postReport(r, nodeIds, keys, signatures);
    }

    function signAll(Types.EpochReport memory r, uint32[] memory nodeIds)
        private
        view
        returns (Types.Signature[] memory list)
    {
        list = new Types.Signature[](nodeIds.length);
        for (uint256 i = 0; i < nodeIds.length; i++) {
            (uint8 v, bytes32 x, bytes32 s) = vm.sign(OPERATOR_KEY + nodeIds[i], reportDigest(r));
            list[i] = Types.Signature(x, s, v);
        }
    }

    function testFuzz_quorum__any_count_of_signers__needs_more_than_two_thirds(uint32 count, uint256 bits) public {
        count = uint32(bound(count, 1, 12));
        post = deploy(address(dollar), count);
        nextBlock(61);
        bits &= (1 << count) - 1;
        uint256 signers = 0;
        for (uint256 i = 0; i < count; i++) {
            signers += bits >> i & 1;
        }
        bool enough = 3 * signers > 2 * count;
        postWith(
            bits,
            enough
                ? bytes("")
                : abi.encodeWithSelector(Types.QuorumMissing.selector, 2 * uint256(count) / 3 + 1, signers, count)
        );
    }
}
