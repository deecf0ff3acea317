// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPennypostTypes as Types} from "../src/IPennypostTypes.sol";
import {Fixture} from "./support/Fixture.sol";

/// @dev Goal: a stake pays what its operator owes the pool, no more, and leaves only when nothing can be owed any more.
///      Method: one lane whose operator refunds what it had earned; the leaf's claims wrong one by one.
contract StakesTest is Fixture {
    event StakeDeposited(uint32 indexed nodeId, address indexed from, uint64 amount, uint128 stake);
    event StakeWithdrawn(uint32 indexed nodeId, address indexed payee, uint128 amount);
    event LaneRetired(bytes32 indexed channelId, uint32 indexed lane, uint48 lanesOpen);
    event OwedCollected(
        bytes32 indexed channelId, uint32 indexed lane, bytes32 indexed reportHash, uint64 amount, uint64 cumulative
    );

    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = openOne(100, 60);
    }

    function stake(uint64 amount) private {
        vm.prank(PAYER);
        post.depositStake(1, amount);
    }

    function close() private {
        vm.prank(PAYER);
        post.requestClose(configOf(0));
        vm.warp(time() + 300);
        post.finalizeClose(configOf(0));
    }

    /// @dev The operator earned 40, refunded 30 of it to its friend, and only 20 vested: 50 - 30 = 20.
    function cheat() private {
        post.postVoucher(configOf(0), LANE, voucher(SIGNER_KEY, id, LANE, 50 * UNIT, 0), noRefund());
        post.postRefund(configOf(0), LANE, refund(OPERATOR_KEY + 1, id, LANE, 30 * UNIT));
        settleLane(id, LANE, 0, 40 * UNIT);
    }

    function owedLeaf(uint96 spent, uint96 earned, uint96 owed) private pure returns (Types.LaneLeaf memory l) {
        (l.spent, l.earned, l.owed) = (spent, earned, owed);
    }

    function collect(Types.LaneLeaf memory l, bytes memory err) private {
        Types.EpochReport memory report = postVested(leafHash(id, LANE, l), 0, 0);
        Types.OwedClaim memory claim = Types.OwedClaim(configOf(0), LANE, l, new bytes32[](0));
        if (err.length > 0) vm.expectRevert(err);
        post.collectOwed(report, claim);
    }

    // CHAIN-100
    function test_depositStake__anyone__adds_and_is_pinned_by_block() public {
        uint48 before = uint48(vm.getBlockNumber());
        nextBlock(1);
        vm.expectEmit(true, true, true, true, address(post));
        emit StakeDeposited(1, PAYER, 70, 70);
        stake(70);
        nextBlock(1);
        stake(30);
        assertEq(post.stakeOf(1), 100, "now");
        assertEq(post.stakeAt(1, before), 0, "before");
        assertEq(post.stakeAt(1, before + 1), 70, "at the end of that block");
        assertEq(post.stakeAt(1, before + 2), 100, "after");
        assertEq(dollar.balanceOf(address(post)), 200, "here, beside the deposit");
    }

    // CHAIN-100
    function test_depositStake__no_operator_or_nothing__refused() public {
        vm.expectRevert(
            abi.encodeWithSelector(Types.OperatorNotActive.selector, uint32(9), Types.OperatorState.NONE)
        );
        post.depositStake(9, 5);
        vm.expectRevert(abi.encodeWithSelector(Types.ZeroAmount.selector, bytes32("amount")));
        post.depositStake(1, 0);
    }

    // CHAIN-103
    function test_collectOwed__refunded_what_was_earned__the_stake_pays() public {
        stake(100);
        cheat();
        close();
        assertEq(post.channelOf(id).credited, 20, "what vested");
        (uint128 before,) = post.pool();
        Types.LaneLeaf memory l = owedLeaf(50 * UNIT, 40 * UNIT, 20 * UNIT);
        Types.EpochReport memory report = postVested(leafHash(id, LANE, l), 0, 0);
        Types.OwedClaim memory claim = Types.OwedClaim(configOf(0), LANE, l, new bytes32[](0));
        vm.expectEmit(true, true, true, true, address(post));
        emit OwedCollected(id, LANE, reportDigest(report), 20, 20);
        post.collectOwed(report, claim);
        (uint128 received,) = post.pool();
        assertEq(received, before + 20, "into the pool");
        assertEq(post.stakeOf(1), 80, "from the stake");
        vm.expectRevert(
            abi.encodeWithSelector(Types.NothingOwed.selector, uint64(20), uint64(20), uint128(80))
        );
        post.collectOwed(report, claim); // once
        assertEq(post.owedCollectedOf(id, LANE), 20, "of this lane");
        assertEq(post.owedCollectedOf(id, LANE + 1), 0, "of no other");
    }

    // CHAIN-103: neither more than the formula gives, nor more than the leaf says
    function test_collectOwed__leaf_claims_too_much__only_what_the_contract_finds() public {
        stake(100);
        cheat();
        close();
        collect(owedLeaf(50 * UNIT, 40 * UNIT, 5 * UNIT + 1), "");
        assertEq(post.stakeOf(1), 95, "the leaf's, in whole units");
        collect(owedLeaf(50 * UNIT, 40 * UNIT, 90 * UNIT), "");
        assertEq(post.stakeOf(1), 80, "min(E, S) - max(vested, net)");
    }

    // CHAIN-104: what reports take off an operator's debts
    function test_stakesDrawn__several_draws__summed_by_operator() public {
        (uint32[] memory nodeIds, uint128[] memory amounts) = post.stakesDrawn();
        assertEq(nodeIds.length, 0, "nothing yet");
        stake(100);
        cheat();
        close();
        collect(owedLeaf(50 * UNIT, 40 * UNIT, 5 * UNIT), "");
        collect(owedLeaf(50 * UNIT, 40 * UNIT, 12 * UNIT), "");
        (nodeIds, amounts) = post.stakesDrawn();
        assertEq(nodeIds.length, 1, "an operator once");
        assertEq(amounts.length, 1, "with its amount");
        assertEq(nodeIds[0], 1, "whose");
        assertEq(amounts[0], 12, "in all");
    }

    // CHAIN-103
    function test_collectOwed__stake_too_small__takes_what_is_there() public {
        stake(7);
        cheat();
        close();
        collect(owedLeaf(50 * UNIT, 40 * UNIT, 20 * UNIT), "");
        assertEq(post.stakeOf(1), 0, "all of it");
        collect(
            owedLeaf(50 * UNIT, 40 * UNIT, 20 * UNIT),
            abi.encodeWithSelector(Types.NothingOwed.selector, uint64(20), uint64(7), uint128(0))
        );
    }

    // CHAIN-103: a lane that goes on is not final
    function test_collectOwed__lane_not_final_or_leaf_not_there__refused() public {
        stake(100);
        cheat();
        collect(
            owedLeaf(50 * UNIT, 40 * UNIT, 20 * UNIT),
            abi.encodeWithSelector(Types.LaneNotFinal.selector, LANE, uint64(60), 20 * UNIT)
        );
        Types.LaneLeaf memory l = owedLeaf(50 * UNIT, 40 * UNIT, 20 * UNIT);
        Types.EpochReport memory report = postVested(bytes32(uint256(1)), 0, 0);
        Types.OwedClaim memory claim = Types.OwedClaim(configOf(0), LANE, l, new bytes32[](0));
        vm.expectRevert(
            abi.encodeWithSelector(Types.LeafProofInvalid.selector, bytes32(uint256(1)), leafHash(id, LANE, l))
        );
        post.collectOwed(report, claim);
    }

    function remove() private {
        vm.prank(OWNER);
        post.scheduleOperatorRemove(1);
        vm.warp(time() + 360);
        post.applyOperatorChange(1);
    }

    // CHAIN-101, CHAIN-102
    function test_withdrawStake__exit__after_removal_lanes_and_time() public {
        stake(100);
        vm.expectRevert(
            abi.encodeWithSelector(Types.OperatorStateUnexpected.selector, uint32(1), Types.OperatorState.ACTIVE)
        );
        post.withdrawStake(1);
        remove();
        vm.expectRevert(abi.encodeWithSelector(Types.StakeLanesOpen.selector, uint32(1), uint48(1)));
        post.withdrawStake(1);
        vm.expectRevert(abi.encodeWithSelector(Types.LaneNotFinal.selector, LANE, uint64(60), uint96(0)));
        post.retireLanes(configOf(0), toArray(LANE));
        close();
        vm.expectEmit(true, true, true, true, address(post));
        emit LaneRetired(id, LANE, 0);
        post.retireLanes(configOf(0), toArray(LANE));
        vm.expectRevert(abi.encodeWithSelector(Types.LaneNotHeld.selector, LANE));
        post.retireLanes(configOf(0), toArray(LANE));
        uint64 until = time() + 400; // challenge + vesting
        (, uint64 locked) = post.stakeTermsOf(1);
        assertEq(locked, until, "until");
        vm.warp(until - 1);
        vm.expectRevert(abi.encodeWithSelector(Types.StakeLocked.selector, until, until - 1));
        post.withdrawStake(1);
        vm.warp(until);
        vm.expectEmit(true, true, true, true, address(post));
        emit StakeWithdrawn(1, payee(1), 100);
        vm.prank(STRANGER);
        post.withdrawStake(1);
        assertEq(dollar.balanceOf(payee(1)), 100, "to the payee");
        vm.expectRevert(abi.encodeWithSelector(Types.ZeroAmount.selector, bytes32("stake")));
        post.withdrawStake(1);
        vm.expectRevert(
            abi.encodeWithSelector(Types.OperatorNotActive.selector, uint32(1), Types.OperatorState.REMOVED)
        );
        post.depositStake(1, 5);
    }

    // CHAIN-102: a payer that never closes cannot keep the stake: the operator releases what it did not earn.
    function test_retireLanes__payer_stays__operator_releases_and_is_free() public {
        stake(100);
        settleLane(id, LANE, 20 * UNIT, 10 * UNIT + 5);
        Types.LaneRelease[] memory list = new Types.LaneRelease[](1);
        list[0] = releaseOf(OPERATOR_KEY + 1, id, LANE, 60, 11, 0);
        post.release(configOf(0), list);
        vm.expectRevert(abi.encodeWithSelector(Types.LaneNotFinal.selector, LANE, uint64(11), 10 * UNIT + 5));
        post.retireLanes(configOf(0), toArray(LANE)); // it may still get caps
        remove();
        post.retireLanes(configOf(0), toArray(LANE));
        collect( // but what it gave away it owes
            owedLeaf(20 * UNIT, 20 * UNIT, 20 * UNIT), ""
        );
        assertEq(post.stakeOf(1), 91, "20 earned, 10.000005 vested, in whole units");
        vm.warp(time() + 400);
        post.withdrawStake(1);
    }

    // CHAIN-102: lanes are counted once, whatever happens to their caps
    function test_retireLanes__caps_changed__counted_once() public {
        vm.prank(PAYER);
        post.allocate(configOf(0), toArray(LANE, LANE + 1), toUnits(70, 5));
        (uint48 lanes,) = post.stakeTermsOf(1);
        assertEq(lanes, 2, "two lanes");
        Types.LaneRelease[] memory list = new Types.LaneRelease[](1);
        list[0] = releaseOf(OPERATOR_KEY + 1, id, LANE + 1, 5, 0, 0);
        post.release(configOf(0), list);
        vm.prank(PAYER);
        post.allocate(configOf(0), toArray(LANE + 1), toUnits(6));
        (lanes,) = post.stakeTermsOf(1);
        assertEq(lanes, 2, "from nothing again");
    }
}
