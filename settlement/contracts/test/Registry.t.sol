// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPennypostTypes as Types} from "../src/IPennypostTypes.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IPennypost} from "../src/IPennypost.sol";
import {Fixture} from "./support/Fixture.sol";

/// @dev Goal: the set changes only after its delay, ids and keys are never reused, and every block's set can be told.
///      Method: announce, wait, apply; the set's hash is computed here.
contract RegistryTest is Fixture {
    event OperatorChangeScheduled(
        uint32 indexed nodeId, Types.OperatorState state, address operatorKey, address payee, uint64 changeAt
    );
    event OperatorChangeCancelled(uint32 indexed nodeId, Types.OperatorState state);
    event OperatorAdded(uint32 indexed nodeId, address operatorKey, address payee);
    event OperatorRemoved(uint32 indexed nodeId);
    event OperatorSetChanged(bytes32 indexed setHash, uint64 blockNumber, uint256 count);

    uint64 internal constant DELAY = 360; // challenge + one epoch

    function hashOf(uint32[] memory nodeIds) private pure returns (bytes32) {
        address[] memory keys = new address[](nodeIds.length);
        for (uint256 i = 0; i < nodeIds.length; i++) {
            keys[i] = operator(nodeIds[i]);
        }
        return keccak256(abi.encode(nodeIds, keys));
    }

    function list(uint32 a, uint32 b, uint32 c) private pure returns (uint32[] memory out) {
        out = new uint32[](3);
        (out[0], out[1], out[2]) = (a, b, c);
    }

    function add(uint32 nodeId) private {
        vm.prank(OWNER);
        post.scheduleOperatorAdd(nodeId, operator(nodeId), payee(nodeId));
    }

    function refuseAdd(uint32 nodeId, address key, address to, bytes memory err) private {
        vm.expectRevert(err);
        vm.prank(OWNER);
        post.scheduleOperatorAdd(nodeId, key, to);
    }

    function stateError(uint32 nodeId, Types.OperatorState state) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Types.OperatorStateUnexpected.selector, nodeId, state);
    }

    // CHAIN-014
    function test_operatorSet__at_deployment__is_the_first_set() public view {
        (bytes32 hash, uint32[] memory ids, address[] memory keys) = post.operatorSet();
        assertEq(hash, hashOf(list(1, 2, 3)), "hash");
        assertEq(ids.length, 3, "ids");
        assertEq(keys[2], operator(3), "key");
        (bytes32 then_,) = post.operatorSetAt(1000);
        assertEq(then_, hash, "from the block of the deployment");
        (then_,) = post.operatorSetAt(999);
        assertEq(then_, bytes32(0), "none before");
        assertEq(post.operatorOf(2).payee, payee(2), "payee");
        assertTrue(post.operatorOf(2).state == Types.OperatorState.ACTIVE, "ACTIVE");
    }

    // CHAIN-062
    function test_add__after_the_delay__joins_the_set_in_order() public {
        vm.expectEmit(true, true, true, true, address(post));
        emit OperatorChangeScheduled(7, Types.OperatorState.ADDING, operator(7), payee(7), time() + DELAY);
        add(7);
        add(5);
        uint64 changeAt = time() + DELAY;
        vm.warp(changeAt - 1);
        vm.expectRevert(
            abi.encodeWithSelector(Types.OperatorChangeTooEarly.selector, changeAt, changeAt - 1)
        );
        post.applyOperatorChange(7);
        nextBlock(1);
        vm.expectEmit(true, true, true, true, address(post));
        emit OperatorAdded(7, operator(7), payee(7));
        vm.prank(STRANGER);
        post.applyOperatorChange(7);
        post.applyOperatorChange(5);
        (bytes32 hash, uint32[] memory ids,) = post.operatorSet();
        assertEq(ids.length, 5, "five");
        assertEq(ids[3], 5, "ascending");
        assertEq(ids[4], 7, "ascending");
        (bytes32 then_,) = post.operatorSetAt(uint64(vm.getBlockNumber()));
        assertEq(then_, hash, "one record for two changes in a block");
    }

    function test_add__pending__has_no_rights() public {
        add(7);
        vm.expectRevert(
            abi.encodeWithSelector(Types.OperatorNotActive.selector, uint32(7), Types.OperatorState.ADDING)
        );
        vm.prank(PAYER);
        post.open(configOf(0), 100, toArray(7 << 8), toUnits(100));
        (bytes32 hash,,) = post.operatorSet();
        assertEq(hash, hashOf(list(1, 2, 3)), "set unchanged");
    }

    function test_remove__after_the_delay__leaves_the_set() public {
        vm.prank(OWNER);
        vm.expectEmit(true, true, true, true, address(post));
        emit OperatorChangeScheduled(2, Types.OperatorState.REMOVING, operator(2), payee(2), time() + DELAY);
        post.scheduleOperatorRemove(2);
        vm.expectRevert(
            abi.encodeWithSelector(
                Types.OperatorNotActive.selector, uint32(2), Types.OperatorState.REMOVING
            )
        );
        vm.prank(PAYER);
        post.open(configOf(0), 100, toArray(LANE2), toUnits(100));

        nextBlock(DELAY);
        vm.expectEmit(true, true, true, true, address(post));
        emit OperatorRemoved(2);
        vm.expectEmit(true, true, true, true, address(post));
        emit OperatorSetChanged(hashOf(toArray(1, 3)), uint64(vm.getBlockNumber()), 2);
        post.applyOperatorChange(2);
        (bytes32 before,) = post.operatorSetAt(uint64(vm.getBlockNumber()) - 1);
        assertEq(before, hashOf(list(1, 2, 3)), "history");
        assertEq(post.operatorOf(2).operatorKey, operator(2), "the record stays");
    }

    function test_cancel__pending_change__takes_it_back() public {
        add(7);
        vm.expectEmit(true, true, true, true, address(post));
        emit OperatorChangeCancelled(7, Types.OperatorState.NONE);
        vm.prank(OWNER);
        post.cancelOperatorChange(7);
        add(7); // never in use, so free again
        vm.prank(OWNER);
        post.scheduleOperatorRemove(1);
        vm.prank(OWNER);
        post.cancelOperatorChange(1);
        assertTrue(post.operatorOf(1).state == Types.OperatorState.ACTIVE, "ACTIVE again");
        assertEq(post.operatorOf(1).changeAt, 0, "no change pending");
    }

    // CHAIN-061
    function test_add__id_or_key_used__refused() public {
        refuseAdd(1, operator(9), payee(9), stateError(1, Types.OperatorState.ACTIVE));
        refuseAdd(
            9, operator(1), payee(9), abi.encodeWithSelector(Types.OperatorKeyUsed.selector, operator(1), uint32(1))
        );
        vm.prank(OWNER);
        post.scheduleOperatorRemove(1);
        vm.warp(time() + DELAY);
        post.applyOperatorChange(1);
        refuseAdd(1, operator(9), payee(9), stateError(1, Types.OperatorState.REMOVED));
        refuseAdd(
            9, operator(1), payee(9), abi.encodeWithSelector(Types.OperatorKeyUsed.selector, operator(1), uint32(1))
        );
    }

    function test_add__bad_values__refused() public {
        refuseAdd(0, operator(9), payee(9), abi.encodeWithSelector(Types.NodeIdOutOfRange.selector, uint32(0)));
        refuseAdd(
            1 << 24,
            operator(9),
            payee(9),
            abi.encodeWithSelector(Types.NodeIdOutOfRange.selector, uint32(1 << 24))
        );
        refuseAdd(
            9, address(0), payee(9), abi.encodeWithSelector(Types.ZeroAddress.selector, bytes32("operatorKey"))
        );
        refuseAdd(9, operator(9), address(0), abi.encodeWithSelector(Types.ZeroAddress.selector, bytes32("payee")));
        add((1 << 24) - 1);
    }

    function test_changes__in_the_wrong_state__refused() public {
        vm.expectRevert(stateError(9, Types.OperatorState.NONE));
        vm.prank(OWNER);
        post.scheduleOperatorRemove(9);
        vm.expectRevert(stateError(1, Types.OperatorState.ACTIVE));
        vm.prank(OWNER);
        post.cancelOperatorChange(1);
        vm.expectRevert(stateError(1, Types.OperatorState.ACTIVE));
        post.applyOperatorChange(1);
    }

    function test_changes__not_the_owner__refused() public {
        bytes memory err = abi.encodeWithSignature("OwnableUnauthorizedAccount(address)", STRANGER);
        vm.expectRevert(err);
        vm.prank(STRANGER);
        post.scheduleOperatorAdd(9, operator(9), payee(9));
        vm.expectRevert(err);
        vm.prank(STRANGER);
        post.scheduleOperatorRemove(1);
        vm.expectRevert(err);
        vm.prank(STRANGER);
        post.cancelOperatorChange(1);
    }

    function test_set__full__refuses_one_more() public {
        post = deploy(address(dollar), 128);
        add(200);
        vm.warp(time() + DELAY);
        vm.expectRevert(abi.encodeWithSelector(Types.TooManyOperators.selector, 128));
        post.applyOperatorChange(200);
    }

    function testFuzz_set__any_changes__stays_sorted_and_hashed(uint32[10] memory picks) public {
        for (uint256 i = 0; i < picks.length; i++) {
            uint32 nodeId = uint32(bound(picks[i], 1, 12));
            Types.OperatorState state = post.operatorOf(nodeId).state;
            if (state == Types.OperatorState.NONE) {
                add(nodeId);
            } else if (state == Types.OperatorState.ACTIVE) {
                vm.prank(OWNER);
                post.scheduleOperatorRemove(nodeId);
            } else {
                continue;
            }
            nextBlock(DELAY);
            post.applyOperatorChange(nodeId);
            (bytes32 hash, uint32[] memory ids,) = post.operatorSet();
            assertEq(hash, hashOf(ids), "hash");
            for (uint256 j = 1; j < ids.length; j++) {
                assertTrue(ids[j - 1] < ids[j], "ascending, no repeats");
            }
        }
    }

    // CHAIN-004
    function test_annex__called_at_its_own_address__has_nothing_to_move() public {
        IPennypost own = IPennypost(annex);
        (bytes32 hash, uint32[] memory ids,) = own.operatorSet();
        assertEq(ids.length, 0, "no operators");
        assertTrue(hash != bytes32(0), "the hash of the empty set");
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, OWNER));
        vm.prank(OWNER);
        own.scheduleOperatorAdd(1, operator(1), payee(1));
        vm.expectRevert(stateError(1, Types.OperatorState.NONE));
        own.applyOperatorChange(1);
    }

    // CHAIN-004: the sender and the storage are the escrow's; a call that nobody has is refused.
    function test_annex__through_the_escrow__knows_its_sender() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, STRANGER));
        vm.prank(STRANGER);
        post.scheduleOperatorAdd(9, operator(9), payee(9));
        (bool ok, bytes memory said) = address(post).call(hex"deadbeef");
        assertTrue(!ok && said.length == 0, "unknown call");
    }
}
