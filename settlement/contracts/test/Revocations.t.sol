// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPennypostTypes as Types} from "../src/IPennypostTypes.sol";
import {Fixture} from "./support/Fixture.sol";

/// @dev Goal: a quorum takes back an unvested report and all after it, and nothing that vested; what was revoked never
///      counts again, and the numbers of the reports never fall. Method: chains of one to three reports.
contract RevocationsTest is Fixture {
    event ReportRevoked(uint64 indexed epoch, bytes32 indexed reportHash, bytes32 headHash, uint256 signers);

    Types.EpochReport[] internal chain;

    function addReport() private returns (bytes32) {
        nextBlock(61);
        Types.EpochReport memory report = reportFor(bytes32(chain.length + 1));
        submit(report);
        chain.push(report);
        return reportDigest(report);
    }

    function from(uint256 first) private view returns (Types.EpochReport[] memory list) {
        list = new Types.EpochReport[](chain.length - first);
        for (uint256 i = 0; i < list.length; i++) {
            list[i] = chain[first + i];
        }
    }

    function revoke(Types.EpochReport[] memory list, uint256 bits, bytes memory err) private {
        (, uint32[] memory ids, address[] memory keys) = post.operatorSet();
        Types.Signature[] memory signatures = new Types.Signature[](ids.length);
        bytes32 hash = keccak256(
            abi.encode(keccak256("RevokeReport(uint64 epoch,bytes32 report)"), list[0].epoch, reportDigest(list[0]))
        );
        for (uint256 i = 0; i < ids.length; i++) {
            if (bits >> i & 1 == 1) signatures[i] = signed(OPERATOR_KEY + ids[i], hash);
        }
        if (err.length > 0) vm.expectRevert(err);
        post.revokeReport(list, ids, keys, signatures);
    }

    // CHAIN-046
    function test_revokeReport__before_vesting__voids_it_and_all_after() public {
        bytes32 first = addReport();
        nextBlock(40);
        bytes32 second = addReport();
        bytes32 third = addReport();
        vm.expectEmit(true, true, true, true, address(post));
        emit ReportRevoked(chain[1].epoch, second, first, 3);
        vm.expectEmit(true, true, true, true, address(post));
        emit ReportRevoked(chain[2].epoch, third, first, 3);
        revoke(from(1), 7, "");
        assertEq(post.lastReport().reportHash, first, "the one before is the last again");
        assertEq(post.reportOf(first).supersededAt, 0, "and nothing will take its place");
        assertEq(post.reportOf(second).vestsAt, 0, "as if unknown");
        assertEq(post.lastReport().epoch, chain[2].epoch, "the numbers do not go back");
        Types.LaneClaim[] memory none = new Types.LaneClaim[](0);
        nextBlock(400);
        vm.expectRevert(abi.encodeWithSelector(Types.ReportIsRevoked.selector, third));
        post.settle(chain[2], none);
        post.settle(chain[0], none);
    }

    // CHAIN-046: the next report follows the last unrevoked one, with numbers above all.
    function test_postReport__after_a_revocation__follows_the_last_unrevoked() public {
        bytes32 first = addReport();
        addReport();
        revoke(from(1), 7, "");
        Types.EpochReport memory report = chain[1];
        submitExpecting(
            report, abi.encodeWithSelector(Types.ReportEpochNotNewer.selector, report.epoch, report.epoch)
        ); // never again
        nextBlock(61);
        report = reportFor(bytes32(uint256(9)));
        assertEq(report.previous, first, "previous");
        report.blockNumber = chain[1].blockNumber;
        submitExpecting(
            report,
            abi.encodeWithSelector(Types.ReportBlockNotNewer.selector, chain[1].blockNumber, chain[1].blockNumber)
        );
        submit(reportFor(bytes32(uint256(9))));
    }

    // CHAIN-046
    function test_revokeReport__the_only_one__leaves_none() public {
        addReport();
        revoke(from(0), 7, "");
        assertEq(post.lastReport().reportHash, bytes32(0), "none");
        addReport();
        assertEq(post.lastReport().reportHash, reportDigest(chain[1]), "a new first one");
        assertEq(chain[1].previous, bytes32(0), "that follows none");
    }

    // CHAIN-047
    function test_revokeReport__vested_or_unknown_or_revoked__refused() public {
        bytes32 hash = addReport();
        Types.EpochReport[] memory list = from(0);
        list[0].lanesRoot = bytes32(uint256(77));
        revoke(list, 7, abi.encodeWithSelector(Types.ReportUnknown.selector, reportDigest(list[0])));
        uint64 vestsAt = time() + 100;
        vm.warp(vestsAt);
        revoke(from(0), 7, abi.encodeWithSelector(Types.ReportVestedAlready.selector, vestsAt, vestsAt));
        vm.warp(vestsAt - 1);
        revoke(from(0), 7, "");
        revoke(from(0), 7, abi.encodeWithSelector(Types.ReportIsRevoked.selector, hash));
    }

    // CHAIN-047
    function test_revokeReport__no_quorum_or_other_set__refused() public {
        addReport();
        revoke(from(0), 3, abi.encodeWithSelector(Types.QuorumMissing.selector, 3, 2, 3));
        (bytes32 set, uint32[] memory ids, address[] memory keys) = post.operatorSet();
        Types.Signature[] memory none = new Types.Signature[](3);
        keys[0] = operator(9);
        vm.expectRevert(
            abi.encodeWithSelector(Types.OperatorSetMismatch.selector, set, keccak256(abi.encode(ids, keys)))
        );
        post.revokeReport(from(0), ids, keys, none);
    }

    // CHAIN-047: no report between, none left behind.
    function test_revokeReport__not_the_whole_row__refused() public {
        bytes32 first = addReport();
        bytes32 second = addReport();
        Types.EpochReport[] memory list = new Types.EpochReport[](1);
        list[0] = chain[0];
        revoke(list, 7, abi.encodeWithSelector(Types.ReportNotLast.selector, second, first));
        list = from(0);
        list[1].previous = bytes32(uint256(5));
        revoke(list, 7, abi.encodeWithSelector(Types.ReportPreviousMismatch.selector, first, bytes32(uint256(5))));
        (, uint32[] memory ids, address[] memory keys) = post.operatorSet();
        vm.expectRevert(abi.encodeWithSelector(Types.ReportNotLast.selector, second, bytes32(0)));
        post.revokeReport(new Types.EpochReport[](0), ids, keys, new Types.Signature[](3));
    }
}
