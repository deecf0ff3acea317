// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPennypostTypes as Types} from "../src/IPennypostTypes.sol";
import {Fixture} from "./support/Fixture.sol";

/// @dev Goal: a delegate spends on its lane, up to its limit, until its time or a challenge period after it was revoked,
///      and nobody else for it. Method: one channel; the delegation's fields wrong one by one.
contract DelegatesTest is Fixture {
    event DelegateRevoked(bytes32 indexed channelId, uint32 indexed index, uint64 effectiveAt);

    uint256 internal constant DELEGATE_KEY = 0xde1e;
    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = openOne(100, 60);
    }

    function delegation(uint256 key, uint64 notAfter) private view returns (Types.Delegation memory d) {
        d = Types.Delegation(vm.addr(DELEGATE_KEY), 500, LANE, notAfter, 7, d.signature);
        d.signature = signed(
            key,
            keccak256(
                abi.encode(
                    keccak256(
                        "Delegate(bytes32 channelId,address key,uint96 maxSpent,uint32 lane,uint64 notAfter,uint32 index)"
                    ),
                    id,
                    d.key,
                    d.maxSpent,
                    d.lane,
                    d.notAfter,
                    d.index
                )
            )
        );
    }

    function submitVoucher(Types.Voucher memory v, Types.Delegation memory d, bytes memory err) private {
        if (err.length > 0) vm.expectRevert(err);
        post.postDelegatedVoucher(configOf(0), LANE, v, noRefund(), d);
    }

    function byDelegate(uint96 spent) private view returns (Types.Voucher memory) {
        return voucher(DELEGATE_KEY, id, LANE, spent, 0);
    }

    // CHAIN-080
    function test_postDelegatedVoucher__within_its_limits__counts_as_the_signers() public {
        submitVoucher(byDelegate(500), delegation(SIGNER_KEY, time() + 10), "");
        assertEq(post.laneOf(id, LANE).spent, 500, "spent");
        submitVoucher(
            byDelegate(500),
            delegation(SIGNER_KEY, time() + 10),
            abi.encodeWithSelector(Types.NotHigher.selector, uint96(500), uint96(500))
        );
    }

    // CHAIN-080, CHAIN-031: with the refund that it needs
    function test_postDelegatedVoucher__with_a_refund__stores_both() public {
        Types.Voucher memory v = voucher(DELEGATE_KEY, id, LANE, 400, 40);
        Types.Delegation memory d = delegation(SIGNER_KEY, time() + 10);
        submitVoucher(v, d, abi.encodeWithSelector(Types.RefundMissing.selector, uint96(40), uint96(0)));
        post.postDelegatedVoucher(configOf(0), LANE, v, refund(OPERATOR_KEY + 1, id, LANE, 40), d);
        assertEq(post.laneOf(id, LANE).refunded, 40, "refunded");
    }

    // CHAIN-080
    function test_postDelegatedVoucher__beyond_its_limits__refused() public {
        Types.Delegation memory d = delegation(SIGNER_KEY, time() + 10);
        submitVoucher(
            byDelegate(501), d, abi.encodeWithSelector(Types.DelegateLimitExceeded.selector, uint96(500), uint96(501))
        );
        vm.expectRevert(abi.encodeWithSelector(Types.DelegateLaneMismatch.selector, LANE, LANE2));
        post.postDelegatedVoucher(configOf(0), LANE2, voucher(DELEGATE_KEY, id, LANE2, 5, 0), noRefund(), d);
        d.maxSpent = 1000; // not what was signed
        vm.expectPartialRevert(Types.InvalidSignature.selector);
        post.postDelegatedVoucher(configOf(0), LANE, byDelegate(501), noRefund(), d);
    }

    // CHAIN-081
    function test_postDelegatedVoucher__signed_by_another__refused() public {
        submitVoucher(
            byDelegate(100),
            delegation(STRANGER_KEY, time() + 10),
            abi.encodeWithSelector(Types.InvalidSignature.selector, vm.addr(SIGNER_KEY), vm.addr(STRANGER_KEY))
        );
        submitVoucher(
            voucher(STRANGER_KEY, id, LANE, 100, 0),
            delegation(SIGNER_KEY, time() + 10),
            abi.encodeWithSelector(Types.InvalidSignature.selector, vm.addr(DELEGATE_KEY), vm.addr(STRANGER_KEY))
        );
        Types.Voucher memory v = byDelegate(100); // a delegate is no signer
        vm.expectRevert(
            abi.encodeWithSelector(Types.InvalidSignature.selector, vm.addr(SIGNER_KEY), vm.addr(DELEGATE_KEY))
        );
        post.postVoucher(configOf(0), LANE, v, noRefund());
    }

    // CHAIN-082
    function test_postDelegatedVoucher__after_notAfter__counts_for_a_challenge_period() public {
        uint64 notAfter = time() + 10;
        Types.Delegation memory d = delegation(SIGNER_KEY, notAfter);
        vm.warp(notAfter + 300);
        submitVoucher(byDelegate(100), d, "");
        vm.warp(notAfter + 301);
        submitVoucher(
            byDelegate(200), d, abi.encodeWithSelector(Types.DelegateExpired.selector, notAfter + 300, notAfter + 301)
        );
        assertEq(post.laneOf(id, LANE).spent, 100, "once posted it stays");
        submitVoucher(byDelegate(200), delegation(SIGNER_KEY, type(uint64).max), ""); // no end
    }

    // CHAIN-082
    function test_revokeDelegate__by_payer_or_signer__effective_after_a_challenge_period() public {
        uint64 start = time();
        Types.Delegation memory d = delegation(SIGNER_KEY, start + 10_000);
        vm.expectEmit(true, true, true, true, address(post));
        emit DelegateRevoked(id, 7, start + 300);
        vm.prank(vm.addr(SIGNER_KEY));
        post.revokeDelegate(configOf(0), 7);
        assertEq(post.delegateRevokedAt(id, 7), start + 300, "at");
        vm.warp(start + 300);
        submitVoucher(byDelegate(100), d, "");
        vm.warp(start + 301);
        submitVoucher(
            byDelegate(200), d, abi.encodeWithSelector(Types.DelegateExpired.selector, start + 300, start + 301)
        );
        vm.expectRevert(abi.encodeWithSelector(Types.DelegateRevokedAlready.selector, start + 300));
        vm.prank(PAYER);
        post.revokeDelegate(configOf(0), 7); // nor is it put off
        vm.expectRevert(abi.encodeWithSelector(Types.NotPayer.selector, PAYER, STRANGER));
        vm.prank(STRANGER);
        post.revokeDelegate(configOf(0), 8);
    }

    // CHAIN-081
    function test_postDelegatedVoucher__of_another_channel__refused() public {
        vm.prank(PAYER);
        bytes32 second = post.open(configOf(1), 100, toArray(LANE), toUnits(60));
        Types.Delegation memory d = delegation(SIGNER_KEY, time() + 10); // of the first
        Types.Voucher memory v = voucher(DELEGATE_KEY, second, LANE, 100, 0);
        vm.expectPartialRevert(Types.InvalidSignature.selector);
        post.postDelegatedVoucher(configOf(1), LANE, v, noRefund(), d);
    }
}
