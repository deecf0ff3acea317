// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IPennypostTypes as Types} from "../src/IPennypostTypes.sol";
import {Fixture} from "./support/Fixture.sol";

/// @dev Goal: parameters change slowly, in small steps, and never so that an honest operator cannot collect what began
///      under the others. Method: changes of one field; the inequality recomputed here for random pairs.
contract ParameterChangesTest is Fixture {
    function setOf(Types.Timers memory t) private pure returns (Types.ParameterSet memory) {
        return Types.ParameterSet(t, 500, type(uint64).max);
    }

    function schedule(Types.ParameterSet memory next, bytes memory err) private {
        if (err.length > 0) vm.expectRevert(err);
        vm.prank(OWNER);
        post.scheduleParameters(next);
    }

    function tooLarge(bytes32 what, uint256 old, uint256 next) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Types.ParameterStepTooLarge.selector, what, old, next);
    }

    // CHAIN-112
    function test_scheduleParameters__in_bounds__in_force_after_its_time() public {
        Types.Timers memory t = timersOfTest();
        t.challenge = 600;
        t.signing = 10;
        schedule(setOf(t), "");
        uint64 changeAt = time() + 600 + 60; // the longer challenge, and an epoch
        (, uint64 pending) = post.pendingParameters();
        assertEq(pending, changeAt, "pending");
        vm.warp(changeAt - 1);
        vm.expectRevert(abi.encodeWithSelector(Types.ParametersTooEarly.selector, changeAt, changeAt - 1));
        post.applyParameters();
        assertEq(post.timers().challenge, 300, "not yet");
        vm.warp(changeAt);
        vm.prank(STRANGER);
        post.applyParameters();
        assertEq(post.timers().challenge, 600, "challenge");
        assertEq(post.parameters().timers.signing, 10, "signing");
        vm.expectRevert(abi.encodeWithSelector(Types.ParametersNotPending.selector));
        post.applyParameters();
    }

    // CHAIN-113: what began keeps its time
    function test_applyParameters__close_pending__keeps_its_time() public {
        Types.Timers memory t = timersOfTest();
        t.challenge = 600;
        schedule(setOf(t), "");
        vm.warp(time() + 659);
        bytes32 id = openOne(100, 60);
        vm.prank(PAYER);
        post.requestClose(configOf(0));
        uint64 closableAt = post.channelOf(id).closableAt;
        assertEq(closableAt, time() + 300, "of the old challenge");
        vm.warp(time() + 1);
        post.applyParameters();
        vm.warp(closableAt);
        post.finalizeClose(configOf(0));
    }

    // CHAIN-110
    function test_scheduleParameters__step_too_large__refused() public {
        Types.Timers memory t = timersOfTest();
        t.challenge = 601;
        schedule(setOf(t), tooLarge("challenge", 300, 601));
        t = timersOfTest();
        t.vesting = 49;
        schedule(setOf(t), tooLarge("vesting", 100, 49));
        t.vesting = 50;
        schedule(setOf(t), "");
        vm.prank(OWNER);
        post.cancelParameters();
        t = timersOfTest();
        t.epoch = 59;
        schedule(setOf(t), tooLarge("epoch", 60, 59)); // it numbers the epochs
        Types.ParameterSet memory next = setOf(timersOfTest());
        next.protocolShare = 1001;
        schedule(next, tooLarge("protocolShare", 500, 1001));
        next.protocolShare = 10_001;
        schedule(next, abi.encodeWithSelector(Types.ProtocolShareTooHigh.selector, uint16(10_001), uint16(10_000)));
        next.protocolShare = 0;
        next.payoutLimit = 0;
        schedule(next, abi.encodeWithSelector(Types.ZeroAmount.selector, bytes32("payoutLimit")));
        next.payoutLimit = type(uint64).max / 2;
        schedule(next, tooLarge("payoutLimit", type(uint64).max, type(uint64).max / 2));
        next.payoutLimit++;
        schedule(next, "");
    }

    // CHAIN-111: consistent in itself, but not together with what is in force
    function test_scheduleParameters__mix_breaks_the_inequality__refused() public {
        Types.Timers memory t = timersOfTest(); // needs 285 of 300
        t.vesting = 130;
        t.challenge = 330; // needs 315 of 330: but of a close of today 315 of 300
        schedule(setOf(t), abi.encodeWithSelector(Types.TimersInconsistent.selector, 315, 300));
        t.vesting = 115;
        schedule(setOf(t), "");
    }

    // CHAIN-111: every mix of old and new, all 256 of them
    function testFuzz_scheduleParameters__taken__every_mix_is_consistent(uint32[7] memory x) public {
        Types.Timers memory t = timersOfTest();
        t.freshness = uint32(bound(x[0], 5, 20));
        t.replication = uint32(bound(x[1], 3, 10));
        t.missedEpochs = uint32(bound(x[2], 1, 2));
        t.signing = uint32(bound(x[3], 10, 40));
        t.vesting = uint32(bound(x[4], 50, 200));
        t.claimMargin = uint32(bound(x[5], 15, 60));
        t.challenge = uint32(bound(x[6], 250, 600));
        vm.prank(OWNER);
        try post.scheduleParameters(setOf(t)) {}
        catch {
            return;
        }
        uint32[8] memory a = fields(timersOfTest());
        uint32[8] memory b = fields(t);
        for (uint256 mix = 0; mix < 256; mix++) {
            uint32[8] memory m;
            for (uint256 i = 0; i < 8; i++) {
                m[i] = mix >> i & 1 == 0 ? a[i] : b[i];
            }
            assertTrue(m[0] + m[1] + (1 + m[3]) * m[2] + m[4] + m[5] + m[6] <= m[7], "mixed");
        }
    }

    function fields(Types.Timers memory t) private pure returns (uint32[8] memory) {
        return [
            t.freshness,
            t.replication,
            t.epoch,
            t.missedEpochs,
            t.signing,
            t.vesting,
            t.claimMargin,
            t.challenge
        ];
    }

    // CHAIN-112
    function test_scheduleParameters__pending_or_not_the_owner__refused() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, STRANGER));
        vm.prank(STRANGER);
        post.scheduleParameters(setOf(timersOfTest()));
        vm.expectRevert(abi.encodeWithSelector(Types.ParametersNotPending.selector));
        vm.prank(OWNER);
        post.cancelParameters();
        schedule(setOf(timersOfTest()), "");
        schedule(setOf(timersOfTest()), abi.encodeWithSelector(Types.ParametersPending.selector, time() + 360));
        vm.prank(OWNER);
        post.cancelParameters();
        schedule(setOf(timersOfTest()), "");
    }

    // CHAIN-114
    function test_transferOwnership__two_steps__only_when_the_new_owner_accepts() public {
        Ownable2Step owned = Ownable2Step(address(post));
        vm.prank(OWNER);
        owned.transferOwnership(STRANGER);
        assertEq(owned.owner(), OWNER, "not yet");
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, PAYER));
        vm.prank(PAYER);
        owned.acceptOwnership();
        vm.prank(STRANGER);
        owned.acceptOwnership();
        assertEq(owned.owner(), STRANGER, "accepted");
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, OWNER));
        vm.prank(OWNER);
        post.scheduleOperatorRemove(1);
    }
}
