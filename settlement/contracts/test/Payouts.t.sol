// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPennypostTypes as Types} from "../src/IPennypostTypes.sol";
import {Fixture} from "./support/Fixture.sol";

/// @dev Goal: a payout is one cumulative number, provable, from the newest vested report, never above what was
///      received. Method: two-leaf trees written out; larger trees come from JavaScript in tests/chain/lifecycle.mjs.
contract PayoutsTest is Fixture {
    event PayoutClaimed(
        uint32 indexed nodeId, address indexed payee, bytes32 indexed reportHash, uint128 amount, uint128 cumulative
    );

    struct Tree {
        bytes32 root;
        uint128 total;
        Types.SumProofStep[] treasuryProof;
        Types.SumProofStep[] nodeProof;
    }

    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = openOne(1000, 1000);
        settleLane(id, LANE, 1000 * UNIT, 100 * UNIT); // the pool has received 100
    }

    function step(bytes32 hash, uint128 sum, bool onLeft)
        private
        pure
        returns (Types.SumProofStep[] memory proof)
    {
        proof = new Types.SumProofStep[](1);
        proof[0] = Types.SumProofStep(hash, sum, onLeft);
    }

    function treeOf(uint128 forTreasury, uint128 forNode) private pure returns (Tree memory tree) {
        bytes32 left = payoutLeaf(0, TREASURY, forTreasury);
        bytes32 right = payoutLeaf(1, payee(1), forNode);
        tree.total = forTreasury + forNode;
        tree.root = rootOf(keccak256(abi.encodePacked(uint8(1), left, forTreasury, right, forNode)), tree.total);
        tree.treasuryProof = step(right, forNode, false);
        tree.nodeProof = step(left, forTreasury, true);
    }

    function reportOf(Tree memory tree) private returns (Types.EpochReport memory) {
        return postVested(0, tree.root, tree.total);
    }

    // CHAIN-050
    function test_claimPayout__both_leaves__pays_what_is_due() public {
        Tree memory tree = treeOf(5, 95);
        Types.EpochReport memory report = reportOf(tree);
        bytes32 hash = post.reportHashOf(report);
        vm.expectEmit(true, true, true, true, address(post));
        emit PayoutClaimed(1, payee(1), hash, 95, 95);
        vm.prank(STRANGER);
        post.claimPayout(report, 1, payee(1), 95, tree.nodeProof);
        post.claimPayout(report, 0, TREASURY, 5, tree.treasuryProof);
        assertEq(dollar.balanceOf(payee(1)), 95, "node");
        assertEq(dollar.balanceOf(TREASURY), 5, "treasury");
        (uint128 received, uint128 claimed) = post.pool();
        assertEq(received, 100, "received");
        assertEq(claimed, 100, "claimed");
        assertEq(post.payoutClaimed(1), 95, "cumulative");
    }

    // CHAIN-055: by the chain's epoch of 60 seconds; what is over is paid by the same leaf later
    function test_claimPayout__limit_per_epoch__the_rest_waits_for_the_next() public {
        payoutLimit = 40;
        post = deploy(address(dollar), 3);
        vm.prank(PAYER);
        dollar.approve(address(post), type(uint256).max);
        id = openOne(1000, 1000);
        settleLane(id, LANE, 1000 * UNIT, 100 * UNIT);
        Tree memory tree = treeOf(5, 95);
        Types.EpochReport memory report = reportOf(tree);
        vm.warp((time() / 60 + 1) * 60);
        post.claimPayout(report, 0, TREASURY, 5, tree.treasuryProof);
        post.claimPayout(report, 1, payee(1), 95, tree.nodeProof);
        assertEq(post.payoutClaimed(1), 35, "what the epoch leaves");
        vm.expectRevert(
            abi.encodeWithSelector(Types.PayoutBreakerOpen.selector, uint64(40), (time() / 60 + 1) * 60)
        );
        post.claimPayout(report, 1, payee(1), 95, tree.nodeProof);
        vm.warp(time() + 60);
        post.claimPayout(report, 1, payee(1), 95, tree.nodeProof);
        assertEq(post.payoutClaimed(1), 75, "40 more");
        vm.warp(time() + 60);
        post.claimPayout(report, 1, payee(1), 95, tree.nodeProof);
        assertEq(dollar.balanceOf(payee(1)), 95, "all of it");
    }

    // CHAIN-055: no limit stands in a payer's way out
    function test_finalizeClose__limit_used_up__pays_the_payer_all() public {
        payoutLimit = 1;
        post = deploy(address(dollar), 3);
        vm.prank(PAYER);
        dollar.approve(address(post), type(uint256).max);
        openOne(1000, 1000);
        uint256 before = dollar.balanceOf(PAYER);
        vm.prank(PAYER);
        post.requestClose(configOf(0));
        vm.warp(time() + 300);
        post.finalizeClose(configOf(0));
        assertEq(dollar.balanceOf(PAYER) - before, 1000, "all");
    }

    // CHAIN-052: missed epochs cost nothing.
    function test_claimPayout__next_report__pays_the_difference() public {
        Tree memory first = treeOf(5, 35);
        post.claimPayout(reportOf(first), 1, payee(1), 35, first.nodeProof);
        Tree memory second = treeOf(10, 90);
        post.claimPayout(reportOf(second), 1, payee(1), 90, second.nodeProof);
        assertEq(dollar.balanceOf(payee(1)), 90, "90, not 125");
    }

    function test_claimPayout__again_or_less__refused() public {
        Tree memory tree = treeOf(5, 35);
        Types.EpochReport memory report = reportOf(tree);
        post.claimPayout(report, 1, payee(1), 35, tree.nodeProof);
        vm.expectRevert(abi.encodeWithSelector(Types.NothingToClaim.selector, uint128(35), uint128(35)));
        post.claimPayout(report, 1, payee(1), 35, tree.nodeProof);
        tree = treeOf(5, 30);
        report = reportOf(tree);
        vm.expectRevert(abi.encodeWithSelector(Types.NothingToClaim.selector, uint128(35), uint128(30)));
        post.claimPayout(report, 1, payee(1), 30, tree.nodeProof);
        tree = treeOf(0, 35);
        report = reportOf(tree);
        vm.expectRevert(abi.encodeWithSelector(Types.NothingToClaim.selector, uint128(0), uint128(0)));
        post.claimPayout(report, 0, TREASURY, 0, tree.treasuryProof);
    }

    // CHAIN-051
    function test_claimPayout__more_than_received__refused() public {
        Tree memory tree = treeOf(6, 95);
        Types.EpochReport memory report = reportOf(tree);
        post.claimPayout(report, 1, payee(1), 95, tree.nodeProof);
        vm.expectRevert(abi.encodeWithSelector(Types.PoolExceeded.selector, 101, 100));
        post.claimPayout(report, 0, TREASURY, 6, tree.treasuryProof);
    }

    // CHAIN-053
    function test_claimPayout__report_not_vested_unknown_or_superseded__refused() public {
        Tree memory tree = treeOf(5, 35);
        nextBlock(61);
        Types.EpochReport memory report = reportFor(0, tree.root, tree.total);
        vm.expectRevert(abi.encodeWithSelector(Types.ReportUnknown.selector, reportDigest(report)));
        post.claimPayout(report, 1, payee(1), 35, tree.nodeProof);

        submit(report);
        uint64 vestsAt = time() + 100;
        vm.expectRevert(abi.encodeWithSelector(Types.ReportNotVested.selector, vestsAt, time()));
        post.claimPayout(report, 1, payee(1), 35, tree.nodeProof);

        nextBlock(61);
        submit(reportFor(0));
        uint64 supersededAt = time() + 100;
        vm.warp(supersededAt);
        vm.expectRevert(abi.encodeWithSelector(Types.ReportSuperseded.selector, supersededAt, supersededAt));
        post.claimPayout(report, 1, payee(1), 35, tree.nodeProof);
        vm.warp(supersededAt - 1);
        post.claimPayout(report, 1, payee(1), 35, tree.nodeProof);
    }

    function test_claimPayout__wrong_payee__refused() public {
        Tree memory tree = treeOf(5, 35);
        Types.EpochReport memory report = reportOf(tree);
        vm.expectRevert(abi.encodeWithSelector(Types.PayeeMismatch.selector, payee(1), STRANGER));
        post.claimPayout(report, 1, STRANGER, 35, tree.nodeProof);
        vm.expectRevert(abi.encodeWithSelector(Types.PayeeMismatch.selector, TREASURY, payee(1)));
        post.claimPayout(report, 0, payee(1), 5, tree.treasuryProof);
        vm.expectRevert(abi.encodeWithSelector(Types.PayeeMismatch.selector, address(0), STRANGER));
        post.claimPayout(report, 9, STRANGER, 5, tree.treasuryProof);
    }

    function test_claimPayout__proof_of_something_else__refused() public {
        Tree memory tree = treeOf(5, 35);
        Types.EpochReport memory report = reportOf(tree);
        vm.expectRevert(abi.encodeWithSelector(Types.PayoutTotalMismatch.selector, uint128(40), uint128(41)));
        post.claimPayout(report, 1, payee(1), 36, tree.nodeProof);

        // the sums still add up, but not to this root: the missing unit is taken from the neighbour
        Types.SumProofStep[] memory proof = step(tree.nodeProof[0].hash, 4, true);
        bytes32 hash = keccak256(
            abi.encodePacked(uint8(1), proof[0].hash, uint128(4), payoutLeaf(1, payee(1), 36), uint128(36))
        );
        vm.expectRevert(
            abi.encodeWithSelector(Types.PayoutProofInvalid.selector, tree.root, rootOf(hash, 40))
        );
        post.claimPayout(report, 1, payee(1), 36, proof);

        proof = step(tree.nodeProof[0].hash, 5, false); // the right neighbour on the wrong side
        hash = keccak256(
            abi.encodePacked(uint8(1), payoutLeaf(1, payee(1), 35), uint128(35), proof[0].hash, uint128(5))
        );
        vm.expectRevert(
            abi.encodeWithSelector(Types.PayoutProofInvalid.selector, tree.root, rootOf(hash, 40))
        );
        post.claimPayout(report, 1, payee(1), 35, proof);

        proof = step(tree.nodeProof[0].hash, type(uint128).max, true);
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        post.claimPayout(report, 1, payee(1), 35, proof);
    }

    function testFuzz_claims__any_numbers__stay_within_receipts(uint64[6] memory cumulative) public {
        uint128 paid = 0;
        for (uint256 i = 0; i < cumulative.length; i++) {
            uint128 amount = uint128(bound(cumulative[i], 0, 150));
            Tree memory tree = treeOf(5, amount);
            Types.EpochReport memory report = reportOf(tree);
            try post.claimPayout(report, 1, payee(1), amount, tree.nodeProof) {
                paid = amount;
            } catch {}
            assertEq(dollar.balanceOf(payee(1)), paid, "cumulative");
            assertTrue(paid <= 100, "within receipts");
        }
    }
}
