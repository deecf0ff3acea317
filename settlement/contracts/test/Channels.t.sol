// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPennypostTypes as Types} from "../src/IPennypostTypes.sol";
import {Fixture} from "./support/Fixture.sol";

/// @dev Goal: opening, topping up, allocating, and every reason to refuse them. Method: one call a test on a fresh
///      deployment; every custom error is compared with its values.
contract ChannelsTest is Fixture {
    event ChannelOpened(
        bytes32 indexed channelId, address indexed payer, address indexed signer, uint64 nonce, uint64 deposit
    );
    event ChannelToppedUp(bytes32 indexed channelId, uint64 amount, uint64 deposit);
    event LaneCapChanged(
        bytes32 indexed channelId, uint32 indexed lane, uint64 oldCap, uint64 newCap, uint64 seq
    );

    function openAs(
        address sender,
        Types.ChannelConfig memory config,
        uint64 deposit,
        uint32[] memory lanes,
        uint64[] memory caps,
        bytes memory err
    ) private {
        if (err.length > 0) vm.expectRevert(err);
        vm.prank(sender);
        post.open(config, deposit, lanes, caps);
    }

    function refuseOpen(uint32[] memory lanes, uint64[] memory caps, bytes memory err) private {
        openAs(PAYER, configOf(0), 100, lanes, caps, err);
    }

    // CHAIN-010
    function test_channelId__config__is_its_typed_digest() public view {
        bytes32 hash = keccak256(
            abi.encode(
                keccak256("Channel(address payer,address signer,uint64 nonce)"), PAYER, vm.addr(SIGNER_KEY), uint64(7)
            )
        );
        assertEq(post.channelIdOf(configOf(7)), digestOf(hash), "channelId");
    }

    // CHAIN-020
    function test_open__two_lanes__locks_the_deposit_and_sets_the_caps() public {
        bytes32 id = post.channelIdOf(configOf(0));
        vm.expectEmit(true, true, true, true, address(post));
        emit ChannelOpened(id, PAYER, vm.addr(SIGNER_KEY), 0, 100);
        vm.expectEmit(true, true, true, true, address(post));
        emit LaneCapChanged(id, LANE, 0, 60, 0);
        vm.expectEmit(true, true, true, true, address(post));
        emit LaneCapChanged(id, LANE2, 0, 40, 0);
        vm.prank(PAYER);
        bytes32 returned = post.open(configOf(0), 100, toArray(LANE, LANE2), toUnits(60, 40));

        assertEq(returned, id, "id");
        Types.ChannelView memory channel = post.channelOf(id);
        assertTrue(channel.state == Types.ChannelState.OPEN, "OPEN");
        assertEq(channel.deposit, 100, "deposit");
        assertEq(channel.allocated, 100, "allocated");
        assertEq(channel.closableAt, 0, "closableAt");
        assertEq(post.laneOf(id, LANE).cap, 60, "cap 1");
        assertEq(post.laneOf(id, LANE2).cap, 40, "cap 2");
        assertEq(dollar.balanceOf(address(post)), 100, "locked");
        assertEq(post.nonceOf(PAYER), 1, "nonce");
    }

    function test_open__no_lanes__leaves_all_unallocated() public {
        vm.prank(PAYER);
        bytes32 id = post.open(configOf(0), 100, new uint32[](0), new uint64[](0));
        assertEq(post.channelOf(id).allocated, 0, "allocated");
    }

    // CHAIN-003: the packed slots are one and two words; the free room of the second stays zero.
    function test_open__any__writes_one_slot_a_channel_and_one_a_lane() public {
        vm.record();
        openOne(100, 100);
        (, bytes32[] memory writes) = vm.accesses(address(post));
        uint256 used = 0;
        for (uint256 i = 0; i < writes.length; i++) {
            bool seen = false;
            for (uint256 j = 0; j < i; j++) {
                seen = seen || writes[j] == writes[i];
            }
            if (!seen && vm.load(address(post), writes[i]) != 0) used++;
        }
        assertEq(used, 4, "nonce, lane, channel, and the operator, which counts its lanes");
    }

    function test_open__not_the_payer__refused() public {
        bytes memory err = abi.encodeWithSelector(Types.NotPayer.selector, PAYER, STRANGER);
        openAs(STRANGER, configOf(0), 100, toArray(LANE), toUnits(100), err);
    }

    function test_open__no_signer__refused() public {
        Types.ChannelConfig memory config = configOf(0);
        config.signer = address(0);
        bytes memory err = abi.encodeWithSelector(Types.ZeroAddress.selector, bytes32("signer"));
        openAs(PAYER, config, 100, toArray(LANE), toUnits(100), err);
    }

    function test_open__nothing_deposited__refused() public {
        bytes memory err = abi.encodeWithSelector(Types.ZeroAmount.selector, bytes32("deposit"));
        openAs(PAYER, configOf(0), 0, new uint32[](0), new uint64[](0), err);
    }

    function test_open__nonce_used_or_skipped__refused() public {
        bytes memory err = abi.encodeWithSelector(Types.WrongNonce.selector, uint64(0), uint64(1));
        openAs(PAYER, configOf(1), 100, toArray(LANE), toUnits(100), err);
        openOne(100, 100);
        err = abi.encodeWithSelector(Types.WrongNonce.selector, uint64(1), uint64(0));
        openAs(PAYER, configOf(0), 100, toArray(LANE), toUnits(100), err);
    }

    function test_open__lists_of_different_length__refused() public {
        bytes memory err = abi.encodeWithSelector(Types.LengthMismatch.selector, 1, 2);
        refuseOpen(toArray(LANE), toUnits(1, 2), err);
    }

    function test_open__lanes_out_of_order_or_twice__refused() public {
        bytes memory err = abi.encodeWithSelector(Types.LanesNotAscending.selector, LANE2, LANE);
        refuseOpen(toArray(LANE2, LANE), toUnits(1, 2), err);
        err = abi.encodeWithSelector(Types.LanesNotAscending.selector, LANE, LANE);
        refuseOpen(toArray(LANE, LANE), toUnits(1, 2), err);
    }

    function test_open__lane_of_an_unknown_node__refused() public {
        bytes memory err = abi.encodeWithSelector(
            Types.OperatorNotActive.selector, uint32(9), Types.OperatorState.NONE
        );
        refuseOpen(toArray(9 << 8), toUnits(1), err);
    }

    function test_open__cap_of_zero__refused() public {
        refuseOpen(
            toArray(LANE), toUnits(0), abi.encodeWithSelector(Types.CapNotRaised.selector, LANE, uint64(0), uint64(0))
        );
    }

    function test_open__caps_above_the_deposit__refused() public {
        bytes memory err = abi.encodeWithSelector(Types.CapsExceedDeposit.selector, 101, 100);
        refuseOpen(toArray(LANE, LANE2), toUnits(60, 41), err);
        uint256 sum = uint256(type(uint64).max) * 2;
        err = abi.encodeWithSelector(Types.CapsExceedDeposit.selector, sum, 100);
        refuseOpen(toArray(LANE, LANE2), toUnits(type(uint64).max, type(uint64).max), err);
    }

    function test_open__more_than_the_payer_has__refused_by_the_token() public {
        vm.prank(PAYER);
        dollar.transfer(STRANGER, 1e15 - 99);
        vm.expectRevert(
            abi.encodeWithSignature("ERC20InsufficientBalance(address,uint256,uint256)", PAYER, uint256(99), uint256(100))
        );
        vm.prank(PAYER);
        post.open(configOf(0), 100, toArray(LANE), toUnits(100));
    }

    // ------------------------------------------------------------------------------------------------ topUp, allocate

    function test_topUp__with_caps__raises_both_and_bumps_seq() public {
        bytes32 id = openOne(100, 60);
        vm.expectEmit(true, true, true, true, address(post));
        emit ChannelToppedUp(id, 50, 150);
        vm.expectEmit(true, true, true, true, address(post));
        emit LaneCapChanged(id, LANE, 60, 110, 1);
        vm.prank(PAYER);
        post.topUp(configOf(0), 50, toArray(LANE, LANE2), toUnits(110, 40));
        assertEq(post.channelOf(id).deposit, 150, "deposit");
        assertEq(post.channelOf(id).allocated, 150, "allocated");
        assertEq(post.laneOf(id, LANE).seq, 1, "raised: seq bumped");
        assertEq(post.laneOf(id, LANE2).seq, 0, "first cap: seq 0");
        assertEq(dollar.balanceOf(address(post)), 150, "locked");
    }

    function test_topUp__without_caps__adds_money_only() public {
        bytes32 id = openOne(100, 60);
        vm.prank(PAYER);
        post.topUp(configOf(0), 50, new uint32[](0), new uint64[](0));
        assertEq(post.channelOf(id).allocated, 60, "allocated");
        assertEq(post.channelOf(id).deposit, 150, "deposit");
    }

    function test_topUp__bad_calls__refused() public {
        bytes32 id = openOne(100, 60);
        vm.expectRevert(abi.encodeWithSelector(Types.NotPayer.selector, PAYER, STRANGER));
        vm.prank(STRANGER);
        post.topUp(configOf(0), 50, toArray(LANE), toUnits(110));

        vm.expectRevert(abi.encodeWithSelector(Types.ZeroAmount.selector, bytes32("amount")));
        vm.prank(PAYER);
        post.topUp(configOf(0), 0, toArray(LANE), toUnits(80));

        vm.expectRevert(abi.encodeWithSelector(Types.CapNotRaised.selector, LANE, uint64(60), uint64(60)));
        vm.prank(PAYER);
        post.topUp(configOf(0), 50, toArray(LANE), toUnits(60));

        vm.expectRevert(abi.encodeWithSelector(Types.CapsExceedDeposit.selector, 151, 150));
        vm.prank(PAYER);
        post.topUp(configOf(0), 50, toArray(LANE), toUnits(151));

        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        vm.prank(PAYER);
        post.topUp(configOf(0), type(uint64).max, new uint32[](0), new uint64[](0));

        bytes32 unknown = post.channelIdOf(configOf(1));
        vm.expectRevert(
            abi.encodeWithSelector(Types.ChannelNotOpen.selector, unknown, Types.ChannelState.NONE)
        );
        vm.prank(PAYER);
        post.topUp(configOf(1), 50, toArray(LANE), toUnits(50));

        vm.prank(PAYER);
        post.requestClose(configOf(0));
        vm.expectRevert(
            abi.encodeWithSelector(Types.ChannelNotOpen.selector, id, Types.ChannelState.CLOSING)
        );
        vm.prank(PAYER);
        post.topUp(configOf(0), 50, toArray(LANE), toUnits(110));
    }

    function test_allocate__unallocated_money__raises_caps() public {
        bytes32 id = openOne(100, 60);
        vm.prank(PAYER);
        post.allocate(configOf(0), toArray(LANE, LANE2), toUnits(70, 30));
        assertEq(post.channelOf(id).allocated, 100, "allocated");
        assertEq(post.laneOf(id, LANE).cap, 70, "raised");
        assertEq(post.laneOf(id, LANE).seq, 1, "seq");
        assertEq(dollar.balanceOf(address(post)), 100, "no money moves");
    }

    function test_allocate__bad_calls__refused() public {
        bytes32 id = openOne(100, 60);
        vm.expectRevert(abi.encodeWithSelector(Types.NotPayer.selector, PAYER, STRANGER));
        vm.prank(STRANGER);
        post.allocate(configOf(0), toArray(LANE), toUnits(70));

        vm.expectRevert(abi.encodeWithSelector(Types.ZeroAmount.selector, bytes32("lanes")));
        vm.prank(PAYER);
        post.allocate(configOf(0), new uint32[](0), new uint64[](0));

        vm.expectRevert(abi.encodeWithSelector(Types.CapsExceedDeposit.selector, 101, 100));
        vm.prank(PAYER);
        post.allocate(configOf(0), toArray(LANE), toUnits(101));

        vm.prank(PAYER);
        post.requestClose(configOf(0));
        vm.expectRevert(
            abi.encodeWithSelector(Types.ChannelNotOpen.selector, id, Types.ChannelState.CLOSING)
        );
        vm.prank(PAYER);
        post.allocate(configOf(0), toArray(LANE), toUnits(70));
    }

    function testFuzz_caps__any_sequence_of_raises__never_exceed_the_deposit(uint64[8] memory caps) public {
        bytes32 id = openOne(1000, 1);
        for (uint256 i = 0; i < caps.length; i++) {
            uint32 lane = i % 2 == 0 ? LANE : LANE2;
            uint64 cap = uint64(bound(caps[i], 0, 1200));
            vm.prank(PAYER);
            try post.allocate(configOf(0), toArray(lane), toUnits(cap)) {} catch {}
            uint256 sum = uint256(post.laneOf(id, LANE).cap) + post.laneOf(id, LANE2).cap;
            assertEq(post.channelOf(id).allocated, sum, "allocated is the sum of the caps");
            assertTrue(sum <= 1000, "within the deposit");
        }
    }
}
