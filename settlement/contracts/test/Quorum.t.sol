// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPennypostTypes as Types} from "../src/IPennypostTypes.sol";
import {Fixture} from "./support/Fixture.sol";

/// @dev Goal: what a whole quorum of liars can take, and what not; and that an honest operator is always in time. Method:
///      reports that say anything, signed by all; timers at the edge of their inequality.
contract QuorumTest is Fixture {
    // CHAIN-034, CHAIN-037
    function testFuzz_quorum__claims_anything__takes_no_more_than_the_payer_signed(
        uint96 spent,
        uint96 refunded,
        uint96 earned,
        uint64 cap
    ) public {
        cap = uint64(bound(cap, 1, 1e9));
        spent = uint96(bound(spent, 1, 3e15));
        refunded = uint96(bound(refunded, 0, 3e15));
        bytes32 id = openOne(1e9, cap);
        if (refunded > 0) post.postRefund(configOf(0), LANE, refund(OPERATOR_KEY + 1, id, LANE, refunded));
        settleLane(id, LANE, spent, earned);
        uint256 net = spent > refunded ? spent - refunded : 0;
        if (net > uint256(cap) * 1e6) net = uint256(cap) * 1e6;
        Types.ChannelView memory channel = post.channelOf(id);
        assertTrue(uint256(channel.credited) * 1e6 <= net, "signed, less what was refunded, within the cap");
        uint256 before = dollar.balanceOf(PAYER);
        vm.prank(PAYER);
        post.requestClose(configOf(0));
        if (post.channelOf(id).state == Types.ChannelState.CLOSING) {
            vm.warp(time() + 300);
            post.finalizeClose(configOf(0));
        }
        assertEq(dollar.balanceOf(PAYER) - before, 1e9 - channel.credited, "the payer gets the rest");
    }

    // CHAIN-051, CHAIN-054: two channels; the payouts say all the money in the contract
    function testFuzz_quorum__pays_itself_anything__no_more_than_was_received(uint128 amount) public {
        bytes32 id = openOne(1000, 1000);
        vm.prank(PAYER);
        post.open(configOf(1), 5000, toArray(LANE), toUnits(5000));
        settleLane(id, LANE, 100 * UNIT, 100 * UNIT);
        amount = uint128(bound(amount, 101, type(uint128).max));
        bytes32 root = rootOf(payoutLeaf(1, payee(1), amount), amount);
        Types.EpochReport memory report = postVested(0, root, amount);
        vm.expectRevert(abi.encodeWithSelector(Types.PoolExceeded.selector, uint256(amount), uint256(100)));
        post.claimPayout(report, 1, payee(1), amount, new Types.SumProofStep[](0));
        assertEq(dollar.balanceOf(address(post)), 6000, "all of it is still here");
    }

    // CHAIN-040, CHAIN-050: what an earlier epoch paid and credited stays, whatever a later one says of it
    function test_quorum__rewrites_an_earlier_epoch__changes_nothing_paid_or_vested() public {
        bytes32 id = openOne(1000, 1000);
        settleLane(id, LANE, 100 * UNIT, 60 * UNIT);
        Types.EpochReport memory first = postVested(0, rootOf(payoutLeaf(1, payee(1), 60), 60), 60);
        post.claimPayout(first, 1, payee(1), 60, new Types.SumProofStep[](0));

        Types.EpochReport memory again = abi.decode(abi.encode(first), (Types.EpochReport)); // the same epoch with another payee's leaf
        again.payoutRoot = rootOf(payoutLeaf(2, payee(2), 60), 60);
        again.previous = post.lastReport().reportHash;
        submitExpecting(again, abi.encodeWithSelector(Types.ReportEpochNotNewer.selector, first.epoch, first.epoch));

        Types.EpochReport memory later = postVested(
            leafHash(id, LANE, leaf(10 * UNIT)), rootOf(payoutLeaf(1, payee(1), 20), 20), 20
        ); // less than before
        vm.expectRevert(abi.encodeWithSelector(Types.NothingToClaim.selector, uint128(60), uint128(20)));
        post.claimPayout(later, 1, payee(1), 20, new Types.SumProofStep[](0));
        Types.LaneClaim[] memory claims = new Types.LaneClaim[](1);
        claims[0] = claimOf(id, LANE, 0, 10 * UNIT);
        post.settle(later, claims);
        assertEq(post.channelOf(id).credited, 60, "the pool keeps what vested");
        vm.expectPartialRevert(Types.ReportSuperseded.selector);
        post.claimPayout(first, 1, payee(1), 60, new Types.SumProofStep[](0)); // nor two roots for one pool
    }

    /// @dev Any timers, with a challenge that is just long enough.
    function tightTimers(uint32[6] memory x) private pure returns (Types.Timers memory t) {
        t.freshness = uint32(bound(x[0], 1, 500));
        t.replication = uint32(bound(x[1], 1, 500));
        t.epoch = uint32(bound(x[2], 2, 500));
        t.missedEpochs = uint32(bound(x[3], 1, 3));
        t.signing = uint32(bound(x[4], 1, 500));
        t.vesting = uint32(bound(x[5], 1, 500));
        t.claimMargin = 1 + t.epoch;
        t.challenge = t.freshness + t.replication + (1 + t.missedEpochs) * t.epoch + t.signing + t.vesting + t.claimMargin;
    }

    // CHAIN-060: earned until the node saw the close and replicated the last stamp; k epochs are missed, the report comes at
    // the last moment, and the claim too; the payer finalizes at the first.
    function testFuzz_timers__close_requested__honest_operator_collects_all_it_earned(
        uint32[6] memory x,
        uint32 phase,
        bool claimLate
    ) public {
        Types.Timers memory t = tightTimers(x);
        post = this.create(address(dollar), TREASURY, 500, t, operatorsOf(3));
        vm.prank(PAYER);
        dollar.approve(address(post), type(uint256).max);
        vm.warp((time() / t.epoch + 2) * t.epoch + phase % t.epoch);
        vm.roll(vm.getBlockNumber() + 1);
        bytes32 id = openOne(100, 100);
        uint64 requestedAt = time();
        vm.prank(PAYER);
        post.requestClose(configOf(0));
        uint64 closableAt = post.channelOf(id).closableAt;

        uint64 lastEarned = requestedAt + t.freshness + t.replication;
        uint64 epochEnd = (lastEarned / t.epoch + 1) * t.epoch + uint64(t.missedEpochs) * t.epoch; // k missed after its own
        vm.warp(epochEnd + t.signing);
        vm.roll(vm.getBlockNumber() + 5);
        Types.LaneLeaf memory l = leaf(90 * UNIT);
        Types.EpochReport memory report = reportFor(leafHash(id, LANE, l));
        report.epoch = epochEnd / t.epoch;
        report.endTime = epochEnd;
        submit(report);
        vm.warp(time() + t.vesting + (claimLate ? t.claimMargin - 1 : 0));
        assertTrue(time() < closableAt, "in time");
        vm.expectPartialRevert(Types.CloseTooEarly.selector);
        post.finalizeClose(configOf(0));
        Types.LaneClaim[] memory claims = new Types.LaneClaim[](1);
        claims[0] = claimOf(id, LANE, 90 * UNIT, 90 * UNIT);
        post.settle(report, claims);
        assertEq(post.channelOf(id).credited, 90, "all that was earned");
        vm.warp(closableAt);
        post.finalizeClose(configOf(0));
    }
}
