// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPennypostTypes as Types} from "../src/IPennypostTypes.sol";
import {Fixture} from "./support/Fixture.sol";

/// @dev Goal: the two ways out (together at once, alone after the challenge period) and releases. Method: real
///      settlements, then the close; the payer's balance is compared with deposit - floor(vested).
contract ClosingTest is Fixture {
    event CloseRequested(bytes32 indexed channelId, uint64 closableAt);
    event ChannelClosed(bytes32 indexed channelId, address indexed payer, uint64 toPool, uint64 toPayer);
    event LaneCapChanged(
        bytes32 indexed channelId, uint32 indexed lane, uint64 oldCap, uint64 newCap, uint64 seq
    );

    function requestClose() private {
        vm.prank(PAYER);
        post.requestClose(configOf(0));
    }

    function releaseLane(bytes32 id, uint96 oldCap, uint96 newCap, uint64 seq) private {
        Types.LaneRelease[] memory list = new Types.LaneRelease[](1);
        list[0] = releaseOf(OPERATOR_KEY + 1, id, LANE, oldCap, newCap, seq);
        post.release(configOf(0), list);
    }

    function refuseRelease(Types.LaneRelease memory signedRelease, bytes memory err) private {
        Types.LaneRelease[] memory list = new Types.LaneRelease[](1);
        list[0] = signedRelease;
        vm.expectRevert(err);
        post.release(configOf(0), list);
    }

    // CHAIN-022
    function test_requestClose__money_still_allocated__waits_out_the_challenge_period() public {
        bytes32 id = openOne(100, 60);
        uint64 closableAt = time() + 300;
        vm.expectEmit(true, true, true, true, address(post));
        emit CloseRequested(id, closableAt);
        requestClose();
        Types.ChannelView memory channel = post.channelOf(id);
        assertTrue(channel.state == Types.ChannelState.CLOSING, "CLOSING");
        assertEq(channel.closableAt, closableAt, "closableAt");

        vm.warp(closableAt - 1);
        vm.expectRevert(abi.encodeWithSelector(Types.CloseTooEarly.selector, closableAt, closableAt - 1));
        post.finalizeClose(configOf(0));

        vm.warp(closableAt);
        uint256 before = dollar.balanceOf(PAYER);
        vm.prank(STRANGER);
        post.finalizeClose(configOf(0));
        assertEq(dollar.balanceOf(PAYER) - before, 100, "all deferred postage returns");
        assertTrue(post.channelOf(id).state == Types.ChannelState.CLOSED, "CLOSED");
        assertEq(post.channelOf(id).closableAt, 0, "no time to show");
    }

    // CHAIN-021
    function test_requestClose__every_cap_vested__closes_at_once() public {
        bytes32 id = openOne(100, 60);
        settleLane(id, LANE, 25 * UNIT, 25 * UNIT);
        releaseLane(id, 60, 25, 0);
        uint256 before = dollar.balanceOf(PAYER);
        vm.expectEmit(true, true, true, true, address(post));
        emit ChannelClosed(id, PAYER, 25, 75);
        requestClose();
        assertEq(dollar.balanceOf(PAYER) - before, 75, "the rest, at once");
        assertEq(dollar.balanceOf(address(post)), 25, "what the pool has received stays");
    }

    // CHAIN-021: ceil(vested / 10^6) is enough; the fraction is the payer's.
    function test_requestClose__fraction_of_a_unit_vested__closes_at_once_and_rounds_for_the_payer() public {
        bytes32 id = openOne(100, 60);
        settleLane(id, LANE, 25 * UNIT + 1, 25 * UNIT + 1);
        assertEq(post.channelOf(id).credited, 25, "floor");
        assertEq(post.channelOf(id).vestedCeil, 26, "ceil");
        releaseLane(id, 60, 26, 0);
        requestClose();
        assertEq(dollar.balanceOf(address(post)), 25, "floor stays");
    }

    function test_requestClose__no_lanes__closes_at_once() public {
        vm.prank(PAYER);
        bytes32 id = post.open(configOf(0), 100, new uint32[](0), new uint64[](0));
        requestClose();
        assertTrue(post.channelOf(id).state == Types.ChannelState.CLOSED, "CLOSED");
        assertEq(dollar.balanceOf(PAYER), 1e15, "all back");
    }

    function test_finalizeClose__lanes_settle_and_release_while_closing__need_not_wait() public {
        bytes32 id = openOne(100, 60);
        requestClose();
        settleLane(id, LANE, 25 * UNIT, 25 * UNIT);
        uint64 closableAt = post.channelOf(id).closableAt;
        vm.expectRevert(abi.encodeWithSelector(Types.CloseTooEarly.selector, closableAt, time()));
        post.finalizeClose(configOf(0));
        releaseLane(id, 60, 25, 0);
        post.finalizeClose(configOf(0));
        assertTrue(post.channelOf(id).state == Types.ChannelState.CLOSED, "CLOSED");
        assertEq(dollar.balanceOf(address(post)), 25, "pool");
    }

    function test_requestClose__bad_calls__refused() public {
        bytes32 id = openOne(100, 60);
        vm.expectRevert(abi.encodeWithSelector(Types.NotPayer.selector, PAYER, STRANGER));
        vm.prank(STRANGER);
        post.requestClose(configOf(0));

        vm.expectRevert(
            abi.encodeWithSelector(Types.ChannelNotClosing.selector, id, Types.ChannelState.OPEN)
        );
        post.finalizeClose(configOf(0));

        requestClose();
        vm.expectRevert(
            abi.encodeWithSelector(Types.ChannelNotOpen.selector, id, Types.ChannelState.CLOSING)
        );
        vm.prank(PAYER);
        post.requestClose(configOf(0));
    }

    // CHAIN-023: a closed channel is final, whatever arrives.
    function test_closed__every_call__refused() public {
        bytes32 id = openOne(100, 60);
        requestClose();
        vm.warp(time() + 300);
        post.finalizeClose(configOf(0));

        bytes memory err =
            abi.encodeWithSelector(Types.ChannelNotClosing.selector, id, Types.ChannelState.CLOSED);
        vm.expectRevert(err);
        post.finalizeClose(configOf(0));

        bytes memory notLive =
            abi.encodeWithSelector(Types.ChannelNotLive.selector, id, Types.ChannelState.CLOSED);
        Types.Voucher memory v = voucher(SIGNER_KEY, id, LANE, 1, 0);
        vm.expectRevert(notLive);
        post.postVoucher(configOf(0), LANE, v, noRefund());

        Types.Refund memory r = refund(OPERATOR_KEY + 1, id, LANE, 1);
        vm.expectRevert(notLive);
        post.postRefund(configOf(0), LANE, r);

        refuseRelease(releaseOf(OPERATOR_KEY + 1, id, LANE, 60, 0, 0), notLive);

        vm.expectRevert(
            abi.encodeWithSelector(Types.ChannelNotOpen.selector, id, Types.ChannelState.CLOSED)
        );
        vm.prank(PAYER);
        post.requestClose(configOf(0));

        vm.expectRevert(abi.encodeWithSelector(Types.WrongNonce.selector, uint64(1), uint64(0)));
        vm.prank(PAYER);
        post.open(configOf(0), 100, toArray(LANE), toUnits(100));
    }

    // ------------------------------------------------------------------------------------------------ release

    // CHAIN-024
    function test_release__signed_by_the_operator__lowers_the_cap_at_once() public {
        bytes32 id = openOne(100, 60);
        vm.expectEmit(true, true, true, true, address(post));
        emit LaneCapChanged(id, LANE, 60, 10, 1);
        releaseLane(id, 60, 10, 0);
        assertEq(post.laneOf(id, LANE).cap, 10, "cap");
        assertEq(post.channelOf(id).allocated, 10, "allocated");

        vm.prank(PAYER);
        post.allocate(configOf(0), toArray(LANE2), toUnits(90));
        assertEq(post.laneOf(id, LANE2).cap, 90, "freed money serves another lane");
    }

    function test_release__two_lanes_in_one_call__lowers_both() public {
        vm.prank(PAYER);
        bytes32 id = post.open(configOf(0), 100, toArray(LANE, LANE2), toUnits(60, 40));
        Types.LaneRelease[] memory list = new Types.LaneRelease[](2);
        list[0] = releaseOf(OPERATOR_KEY + 1, id, LANE, 60, 0, 0);
        list[1] = releaseOf(OPERATOR_KEY + 2, id, LANE2, 40, 5, 0);
        post.release(configOf(0), list);
        assertEq(post.channelOf(id).allocated, 5, "allocated");
    }

    function test_release__again_after_the_cap_rose__is_stale() public {
        bytes32 id = openOne(100, 60);
        Types.LaneRelease memory first = releaseOf(OPERATOR_KEY + 1, id, LANE, 60, 10, 0);
        releaseLane(id, 60, 10, 0);
        vm.prank(PAYER);
        post.allocate(configOf(0), toArray(LANE), toUnits(60));
        refuseRelease(
            first, abi.encodeWithSelector(Types.ReleaseStale.selector, LANE, uint64(60), uint96(60), uint64(2), uint64(0))
        );
    }

    function test_release__bad_calls__refused() public {
        bytes32 id = openOne(100, 60);
        settleLane(id, LANE, 25 * UNIT + 1, 25 * UNIT + 1);
        refuseRelease(
            releaseOf(OPERATOR_KEY + 1, id, LANE, 61, 30, 0),
            abi.encodeWithSelector(Types.ReleaseStale.selector, LANE, uint64(60), uint96(61), uint64(0), uint64(0))
        );
        refuseRelease(
            releaseOf(OPERATOR_KEY + 1, id, LANE, 60, 60, 0),
            abi.encodeWithSelector(Types.CapNotLowered.selector, LANE, uint64(60), uint96(60))
        );
        refuseRelease(
            releaseOf(OPERATOR_KEY + 1, id, LANE, 60, type(uint96).max, 0),
            abi.encodeWithSelector(Types.CapNotLowered.selector, LANE, uint64(60), type(uint96).max)
        );
        refuseRelease(
            releaseOf(OPERATOR_KEY + 1, id, LANE, 60, 25, 0),
            abi.encodeWithSelector(Types.CapBelowVested.selector, LANE, 25e6, uint96(25e6 + 1))
        );
        refuseRelease(
            releaseOf(OPERATOR_KEY + 2, id, LANE, 60, 30, 0),
            abi.encodeWithSelector(Types.InvalidSignature.selector, operator(1), operator(2))
        );
        Types.LaneRelease memory none = releaseOf(OPERATOR_KEY + 1, id, LANE, 60, 30, 0);
        none.signature.v = 0;
        refuseRelease(none, abi.encodeWithSelector(Types.InvalidSignature.selector, operator(1), address(0)));
    }

    /// @dev Whatever vests, the two parts sum to the deposit and the payer's part is never short.
    function testFuzz_close__any_spending__sums_to_the_deposit(uint64 cap, uint96 spent, uint96 earned) public {
        uint64 deposit = 1e9;
        cap = uint64(bound(cap, 1, deposit));
        spent = uint96(bound(spent, 1, 2e15));
        earned = uint96(bound(earned, 0, 2e15));
        bytes32 id = openOne(deposit, cap);
        settleLane(id, LANE, spent, earned);
        uint96 vested = post.laneOf(id, LANE).vested;
        requestClose();
        if (post.channelOf(id).state == Types.ChannelState.CLOSING) {
            vm.warp(time() + 300);
            post.finalizeClose(configOf(0));
        }
        uint256 pool = dollar.balanceOf(address(post));
        assertEq(pool, vested / 1e6, "floor of what vested");
        assertEq(dollar.balanceOf(PAYER), 1e15 - pool, "the payer has the rest");
        assertTrue(pool <= cap && pool * 1e6 <= spent && pool * 1e6 <= earned, "never more than signed, attested, capped");
    }
}
