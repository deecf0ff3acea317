// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPennypostTypes as Types} from "../src/IPennypostTypes.sol";
import {Fixture} from "./support/Fixture.sol";

/// @dev Goal: a payer lowers a cap alone, after the challenge period, and never below what vested or was claimed; a
///      close that was taken back never happened. Method: one channel, a lane with a cap of 60 units.
contract ThawsTest is Fixture {
    event ThawRequested(bytes32 indexed channelId, uint32 indexed lane, uint64 target, uint64 thawAt, uint64 seq);
    event ThawCancelled(bytes32 indexed channelId, uint32 indexed lane, uint64 cap, uint64 seq);
    event LaneCapChanged(
        bytes32 indexed channelId, uint32 indexed lane, uint64 oldCap, uint64 newCap, uint64 seq
    );
    event CloseCancelled(bytes32 indexed channelId);

    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = openOne(100, 60);
    }

    function request(uint64 target) private {
        vm.prank(PAYER);
        post.requestThaw(configOf(0), LANE, target);
    }

    function refuseRequest(address sender, uint64 target, bytes memory err) private {
        vm.expectRevert(err);
        vm.prank(sender);
        post.requestThaw(configOf(0), LANE, target);
    }

    function finish() private {
        vm.warp(time() + 300);
        post.finalizeThaw(configOf(0), LANE);
    }

    // CHAIN-070
    function test_requestThaw__lower__waits_for_the_challenge_period() public {
        uint64 thawAt = time() + 300;
        vm.expectEmit(true, true, true, true, address(post));
        emit ThawRequested(id, LANE, 25, thawAt, 1);
        request(25);
        (uint64 target, uint64 when) = post.thawOf(id, LANE);
        assertEq(target, 25, "target");
        assertEq(when, thawAt, "time");
        assertEq(post.laneOf(id, LANE).cap, 60, "the cap stays until then");

        vm.warp(thawAt - 1);
        vm.expectRevert(abi.encodeWithSelector(Types.ThawTooEarly.selector, thawAt, thawAt - 1));
        post.finalizeThaw(configOf(0), LANE);
        vm.warp(thawAt);
        vm.expectEmit(true, true, true, true, address(post));
        emit LaneCapChanged(id, LANE, 60, 25, 2);
        vm.prank(STRANGER);
        post.finalizeThaw(configOf(0), LANE);
        assertEq(post.laneOf(id, LANE).cap, 25, "cap");
        assertEq(post.channelOf(id).allocated, 25, "the rest can be given to another lane");
        vm.expectRevert(abi.encodeWithSelector(Types.ThawNotPending.selector, LANE));
        post.finalizeThaw(configOf(0), LANE);
    }

    // CHAIN-070
    function test_requestThaw__not_lower_not_the_payer_or_twice__refused() public {
        refuseRequest(PAYER, 60, abi.encodeWithSelector(Types.CapNotLowered.selector, LANE, uint64(60), uint96(60)));
        refuseRequest(STRANGER, 1, abi.encodeWithSelector(Types.NotPayer.selector, PAYER, STRANGER));
        request(25);
        refuseRequest(PAYER, 5, abi.encodeWithSelector(Types.ThawPending.selector, LANE, time() + 300));
        vm.expectRevert(abi.encodeWithSelector(Types.NotPayer.selector, PAYER, STRANGER));
        vm.prank(STRANGER);
        post.cancelThaw(configOf(0), LANE);
    }

    // CHAIN-071
    function test_thaw__pending__no_cap_is_raised_and_a_release_only_lowers() public {
        request(25);
        bytes memory pending = abi.encodeWithSelector(Types.ThawPending.selector, LANE, time() + 300);
        vm.expectRevert(pending);
        vm.prank(PAYER);
        post.allocate(configOf(0), toArray(LANE), toUnits(70));
        vm.expectRevert(pending);
        vm.prank(PAYER);
        post.topUp(configOf(0), 10, toArray(LANE), toUnits(70));

        Types.LaneRelease[] memory list = new Types.LaneRelease[](1);
        list[0] = releaseOf(OPERATOR_KEY + 1, id, LANE, 60, 30, 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                Types.ReleaseStale.selector, LANE, uint64(25), uint96(60), uint64(1), uint64(1)
            )
        );
        post.release(configOf(0), list);
        list[0] = releaseOf(OPERATOR_KEY + 1, id, LANE, 25, 20, 1); // of what may be admitted
        post.release(configOf(0), list);
        assertEq(post.laneOf(id, LANE).cap, 20, "at once");
        (uint64 target,) = post.thawOf(id, LANE);
        assertEq(target, 25, "the thaw goes on");
        finish();
        assertEq(post.laneOf(id, LANE).cap, 20, "and raises nothing");
        assertEq(post.laneOf(id, LANE).seq, 3, "request, release, end");
    }

    // CHAIN-071
    function test_cancelThaw__pending__everything_as_before() public {
        request(25);
        vm.expectEmit(true, true, true, true, address(post));
        emit ThawCancelled(id, LANE, 60, 2);
        vm.prank(PAYER);
        post.cancelThaw(configOf(0), LANE);
        vm.expectRevert(abi.encodeWithSelector(Types.ThawNotPending.selector, LANE));
        vm.prank(PAYER);
        post.cancelThaw(configOf(0), LANE);
        vm.prank(PAYER);
        post.allocate(configOf(0), toArray(LANE), toUnits(70));
        assertEq(post.laneOf(id, LANE).cap, 70, "raised again");
    }

    // CHAIN-072: a voucher that is posted in time holds its part of the cap.
    function test_finalizeThaw__claimed_meanwhile__stays_covered() public {
        request(0);
        post.postVoucher(configOf(0), LANE, voucher(SIGNER_KEY, id, LANE, 40 * UNIT + 1, 0), noRefund());
        post.postRefund(configOf(0), LANE, refund(OPERATOR_KEY + 1, id, LANE, 10 * UNIT));
        finish();
        assertEq(post.laneOf(id, LANE).cap, 31, "ceil of spent - refunded");
    }

    // CHAIN-072: what has vested is never uncovered, whatever was refunded since.
    function test_finalizeThaw__vested__stays_covered() public {
        settleLane(id, LANE, 33 * UNIT + 1, 33 * UNIT + 1);
        post.postRefund(configOf(0), LANE, refund(OPERATOR_KEY + 1, id, LANE, 30 * UNIT));
        request(2);
        finish();
        assertEq(post.laneOf(id, LANE).cap, 34, "ceil of what vested");
        vm.prank(PAYER);
        post.requestClose(configOf(0)); // CHAIN-021: nothing is left to wait for
        assertTrue(post.channelOf(id).state == Types.ChannelState.CLOSED, "closed at once");
    }

    // CHAIN-072
    function testFuzz_finalizeThaw__any_lane__cap_covers_what_is_claimed(
        uint96 spent,
        uint96 refunded,
        uint96 earned,
        uint64 target
    ) public {
        spent = uint96(bound(spent, 1, 200 * UNIT));
        refunded = uint96(bound(refunded, 0, 200 * UNIT));
        target = uint64(bound(target, 0, 59));
        settleLane(id, LANE, spent, uint96(bound(earned, 0, 200 * UNIT)));
        if (refunded > 0) post.postRefund(configOf(0), LANE, refund(OPERATOR_KEY + 1, id, LANE, refunded));
        request(target);
        finish();
        Types.LaneView memory lane = post.laneOf(id, LANE);
        uint256 net = spent > refunded ? spent - refunded : 0;
        if (net > 60 * UNIT) net = 60 * UNIT;
        if (net < lane.vested) net = lane.vested;
        uint256 least = (net + UNIT - 1) / UNIT;
        assertEq(lane.cap, target > least ? target : least, "cap");
        assertEq(post.channelOf(id).allocated, lane.cap, "sum");
    }

    // CHAIN-073
    function test_finalizeThaw__channel_closing__still_works_and_closed_not() public {
        request(10);
        vm.prank(PAYER);
        post.requestClose(configOf(0));
        refuseRequest(PAYER, 1, abi.encodeWithSelector(Types.ChannelNotOpen.selector, id, Types.ChannelState.CLOSING));
        finish();
        assertEq(post.laneOf(id, LANE).cap, 10, "cap");
        post.finalizeClose(configOf(0));
        vm.expectRevert(abi.encodeWithSelector(Types.ChannelNotLive.selector, id, Types.ChannelState.CLOSED));
        post.finalizeThaw(configOf(0), LANE);
    }

    // CHAIN-074
    function test_cancelClose__closing__is_open_again() public {
        vm.prank(PAYER);
        post.requestClose(configOf(0));
        vm.expectRevert(abi.encodeWithSelector(Types.NotPayer.selector, PAYER, STRANGER));
        vm.prank(STRANGER);
        post.cancelClose(configOf(0));
        vm.expectEmit(true, true, true, true, address(post));
        emit CloseCancelled(id);
        vm.prank(PAYER);
        post.cancelClose(configOf(0));
        vm.warp(time() + 1000);
        vm.expectRevert(abi.encodeWithSelector(Types.ChannelNotClosing.selector, id, Types.ChannelState.OPEN));
        post.finalizeClose(configOf(0));
        vm.expectRevert(abi.encodeWithSelector(Types.ChannelNotClosing.selector, id, Types.ChannelState.OPEN));
        vm.prank(PAYER);
        post.cancelClose(configOf(0));
        vm.prank(PAYER);
        post.requestClose(configOf(0));
        assertEq(post.channelOf(id).closableAt, time() + 300, "a new request waits as long as the first");
    }
}
