// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPennypostTypes as Types} from "../src/IPennypostTypes.sol";
import {Fixture} from "./support/Fixture.sol";

/// @dev Goal: attacks of specs/attacks.md that no other test of a single call tries. Method: each as its attacker would.
contract AttacksTest is Fixture {
    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = openOne(100, 60);
    }

    // CHAIN-031: an operator that hides a refund finds the sender's voucher worthless without it.
    function test_attack__refund_hidden__the_voucher_cannot_be_used() public {
        Types.LaneClaim memory claim = claimOf(id, LANE, 0, 50 * UNIT);
        claim.voucher = voucher(SIGNER_KEY, id, LANE, 50 * UNIT, 20 * UNIT);
        Types.LaneClaim[] memory claims = new Types.LaneClaim[](1);
        claims[0] = claim;
        Types.EpochReport memory report = postVested(leafHash(id, LANE, claim.leaf), 0, 0);
        post.settle(report, claims);
        assertEq(post.channelOf(id).credited, 0, "skipped");
        claims[0].refund = refund(OPERATOR_KEY + 1, id, LANE, 20 * UNIT);
        post.settle(report, claims);
        assertEq(post.channelOf(id).credited, 30, "net of the refund");
    }

    // CHAIN-010: the same numbers, signed as one thing and given as another.
    function test_attack__type_confused__signs_nothing() public {
        Types.Refund memory r = refund(SIGNER_KEY, id, LANE, 30);
        Types.Voucher memory v = Types.Voucher(30, 0, r.reasons, r.signature);
        vm.expectPartialRevert(Types.InvalidSignature.selector);
        post.postVoucher(configOf(0), LANE, v, noRefund());

        Types.Voucher memory byOperator = voucher(OPERATOR_KEY + 1, id, LANE, 30, 0);
        vm.expectPartialRevert(Types.InvalidSignature.selector);
        post.postRefund(configOf(0), LANE, Types.Refund(30, byOperator.context, byOperator.signature));

        Types.LaneRelease[] memory list = new Types.LaneRelease[](1);
        list[0] = Types.LaneRelease(LANE, 60, 0, 0, refund(OPERATOR_KEY + 1, id, LANE, 60).signature);
        vm.expectPartialRevert(Types.InvalidSignature.selector);
        post.release(configOf(0), list);
    }

    // CHAIN-012, CHAIN-013: neither tree's inner nodes can be shown as leaves.
    function test_attack__inner_node_shown_as_a_leaf__no_proof() public {
        uint128 sum = 90;
        bytes32 left = payoutLeaf(0, TREASURY, 45);
        bytes32 right = payoutLeaf(1, payee(1), 45);
        bytes32 inner = keccak256(abi.encodePacked(uint8(1), left, uint128(45), right, uint128(45)));
        Types.EpochReport memory report = postVested(0, rootOf(inner, sum), sum);
        vm.expectPartialRevert(Types.PayoutProofInvalid.selector);
        post.claimPayout(report, 1, payee(1), sum, new Types.SumProofStep[](0));
        Types.SumProofStep[] memory proof = new Types.SumProofStep[](1);
        proof[0] = Types.SumProofStep(left, 0, true); // the neighbour's sum left out
        vm.expectPartialRevert(Types.PayoutTotalMismatch.selector);
        post.claimPayout(report, 1, payee(1), 45, proof);
    }

    // CHAIN-010: nor on another chain, by another contract, or as another channel's
    function test_attack__voucher_of_another_chain_or_contract__replayed_in_vain() public {
        Types.Voucher memory v = voucher(SIGNER_KEY, id, LANE, 30 * UNIT, 0);
        uint256 here = block.chainid;
        vm.chainId(here + 1);
        vm.expectPartialRevert(Types.ChannelNotLive.selector); // its id is another there
        post.postVoucher(configOf(0), LANE, v, noRefund());
        vm.chainId(here);
        address first = address(post);
        post = deploy(address(dollar), 3);
        assertTrue(address(post) != first, "another escrow");
        vm.prank(PAYER);
        dollar.approve(address(post), type(uint256).max);
        openOne(100, 60);
        vm.expectPartialRevert(Types.InvalidSignature.selector);
        post.postVoucher(configOf(0), LANE, v, noRefund());
    }

    // CHAIN-021: the payer used the storage, and closes to have the money of the days that were served back.
    function test_attack__close_after_use__what_was_earned_is_collected() public {
        vm.prank(PAYER);
        post.requestClose(configOf(0));
        settleLane(id, LANE, 40 * UNIT, 25 * UNIT);
        vm.warp(time() + 300);
        uint256 before = dollar.balanceOf(PAYER);
        post.finalizeClose(configOf(0));
        assertEq(dollar.balanceOf(PAYER) - before, 75, "only the deferred part comes back");
    }

    // CHAIN-038, CHAIN-037: values at the edge of each type neither wrap nor lock.
    function test_attack__overflow_at_each_width__nothing_wraps() public {
        uint96 most = type(uint96).max;
        post.postVoucher(configOf(0), LANE, voucher(SIGNER_KEY, id, LANE, most, 0), noRefund());
        settleLane(id, LANE, 0, most);
        assertEq(post.channelOf(id).credited, 60, "u96: the cap clamps");
        post.postRefund(configOf(0), LANE, refund(OPERATOR_KEY + 1, id, LANE, most));
        assertEq(post.laneOf(id, LANE).vested, 60 * UNIT, "u96: R above S takes nothing back");

        dollar.mint(PAYER, type(uint256).max - dollar.totalSupply());
        vm.prank(PAYER);
        post.open(configOf(1), type(uint64).max, toArray(LANE), toUnits(type(uint64).max));
        bytes32 second = post.channelIdOf(configOf(1));
        Types.LaneClaim[] memory claims = new Types.LaneClaim[](1);
        claims[0] = claimOf(second, LANE, most, most);
        claims[0].config = configOf(1);
        Types.EpochReport memory report = postVested(leafHash(second, LANE, claims[0].leaf), 0, 0);
        post.settle(report, claims);
        assertEq(post.channelOf(second).credited, type(uint64).max, "u64: the whole cap");
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        vm.prank(PAYER);
        post.topUp(configOf(1), 1, new uint32[](0), new uint64[](0));

        uint128 wide = type(uint128).max;
        Types.SumProofStep[] memory proof = new Types.SumProofStep[](1);
        proof[0] = Types.SumProofStep(0, wide, true);
        report = postVested(0, 0, 9);
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11)); // u128: the sum of a payout proof
        post.claimPayout(report, 1, payee(1), 10, proof);
    }

    // CHAIN-021, CHAIN-035: dust in every lane neither keeps the channel open nor moves a unit.
    function test_attack__dust_in_every_lane__closes_at_once_and_rounds_for_the_payer() public {
        uint256 paid = 0;
        for (uint32 i = 0; i < 3; i++) {
            settleLane(id, LANE, 3 + i, 3 + i);
            (uint128 received,) = post.pool();
            paid += received;
        }
        assertEq(paid, 0, "no unit");
        Types.LaneRelease[] memory list = new Types.LaneRelease[](1);
        list[0] = releaseOf(OPERATOR_KEY + 1, id, LANE, 60, 1, 0);
        post.release(configOf(0), list);
        vm.prank(PAYER);
        post.requestClose(configOf(0));
        assertTrue(post.channelOf(id).state == Types.ChannelState.CLOSED, "at once");
        assertEq(dollar.balanceOf(address(post)), 0, "all of it went back");
    }
}
