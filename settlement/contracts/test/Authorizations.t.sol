// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPennypostTypes as Types} from "../src/IPennypostTypes.sol";
import {TestDollar} from "../src/testing/TestDollar.sol";
import {Fixture} from "./support/Fixture.sol";

/// @dev Goal: with the payer's authorization anyone can open and top up exactly what the payer signed, once. Method: the
///      nonce is computed here from the text; each parameter changed by whoever sends it.
contract AuthorizationsTest is Fixture {
    uint256 internal constant PAYER_KEY = 0xa11ce5;

    function config(uint64 nonce) private pure returns (Types.ChannelConfig memory) {
        return Types.ChannelConfig(vm.addr(PAYER_KEY), vm.addr(SIGNER_KEY), nonce);
    }

    function setUp() public override {
        super.setUp();
        dollar.mint(vm.addr(PAYER_KEY), 1000);
    }

    function authorization(
        string memory tag,
        uint64 nonce,
        uint64 amount,
        uint64 cap,
        uint256 after_,
        uint256 before
    ) private view returns (Types.Authorization memory a) {
        bytes32 id = post.channelIdOf(config(nonce));
        (a.validAfter, a.validBefore, a.salt) = (after_, before, bytes32(uint256(3)));
        uint32[] memory lanes = toArray(LANE);
        bytes32 authorized = keccak256(abi.encode(keccak256(bytes(tag)), id, amount, lanes, toUnits(cap), a.salt));
        bytes32 message = keccak256(
            abi.encode(
                keccak256(
                    "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
                ),
                vm.addr(PAYER_KEY),
                address(post),
                amount,
                after_,
                before,
                authorized
            )
        );
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", dollar.DOMAIN_SEPARATOR(), message));
        (a.signature.v, a.signature.r, a.signature.s) = vm.sign(PAYER_KEY, digest);
    }

    function toOpen(uint64 nonce, uint64 amount, uint64 cap) private view returns (Types.Authorization memory) {
        return authorization("Pennypost.openWithAuthorization", nonce, amount, cap, 0, type(uint256).max);
    }

    function open(uint64 deposit, uint64 cap, Types.Authorization memory a, bytes4 err) private {
        if (err != 0) vm.expectPartialRevert(err);
        vm.prank(STRANGER);
        post.openWithAuthorization(config(0), deposit, toArray(LANE), toUnits(cap), a);
    }

    // CHAIN-090
    function test_openWithAuthorization__sent_by_anyone__opens_what_the_payer_signed() public {
        open(100, 60, toOpen(0, 100, 60), 0);
        bytes32 id = post.channelIdOf(config(0));
        assertEq(post.channelOf(id).deposit, 100, "deposit");
        assertEq(post.laneOf(id, LANE).cap, 60, "cap");
        assertEq(dollar.balanceOf(address(post)), 100, "here");
        assertEq(dollar.balanceOf(vm.addr(PAYER_KEY)), 900, "from the payer");
        assertEq(post.nonceOf(vm.addr(PAYER_KEY)), 1, "nonce");
    }

    // CHAIN-091: whoever sends it can change nothing
    function test_openWithAuthorization__another_parameter__refused_by_the_token() public {
        Types.Authorization memory a = toOpen(0, 100, 60);
        open(99, 60, a, TestDollar.AuthorizationSigner.selector);
        open(100, 61, a, TestDollar.AuthorizationSigner.selector);
        a.salt = 0;
        open(100, 60, a, TestDollar.AuthorizationSigner.selector);
        a.salt = bytes32(uint256(3));
        vm.expectPartialRevert(TestDollar.AuthorizationSigner.selector);
        post.openWithAuthorization(config(0), 100, toArray(LANE2), toUnits(60), a);
        Types.ChannelConfig memory other = config(0);
        other.signer = vm.addr(STRANGER_KEY); // the thief's key would spend
        vm.expectPartialRevert(TestDollar.AuthorizationSigner.selector);
        post.openWithAuthorization(other, 100, toArray(LANE), toUnits(60), a);
        open(100, 60, a, 0);
    }

    // CHAIN-091: neither here again, nor taken straight from the token
    function test_openWithAuthorization__again_or_elsewhere__refused() public {
        Types.Authorization memory a = toOpen(0, 100, 60);
        bytes32 id = post.channelIdOf(config(0));
        bytes32 nonce = keccak256(
            abi.encode(
                keccak256("Pennypost.openWithAuthorization"),
                id,
                uint64(100),
                toArray(LANE),
                toUnits(60),
                a.salt
            )
        );
        vm.expectRevert(abi.encodeWithSelector(TestDollar.CallerNotPayee.selector, address(post), STRANGER));
        vm.prank(STRANGER);
        dollar.receiveWithAuthorization(
            vm.addr(PAYER_KEY),
            address(post),
            100,
            0,
            type(uint256).max,
            nonce,
            a.signature.v,
            a.signature.r,
            a.signature.s
        );
        open(100, 60, a, 0);
        open(100, 60, a, Types.WrongNonce.selector);
        vm.chainId(99);
        open(100, 60, a, Types.WrongNonce.selector);
    }

    // CHAIN-090
    function test_openWithAuthorization__out_of_time__refused() public {
        string memory tag = "Pennypost.openWithAuthorization";
        open(100, 60, authorization(tag, 0, 100, 60, time(), time() + 9), TestDollar.AuthorizationNotYetValid.selector);
        open(100, 60, authorization(tag, 0, 100, 60, 0, time()), TestDollar.AuthorizationExpired.selector);
    }

    // CHAIN-090, CHAIN-091: the same top-up twice needs two authorizations
    function test_topUpWithAuthorization__once_each__tops_up() public {
        open(100, 60, toOpen(0, 100, 60), 0);
        Types.Authorization memory a =
            authorization("Pennypost.topUpWithAuthorization", 0, 50, 80, 0, type(uint256).max);
        post.topUpWithAuthorization(config(0), 50, toArray(LANE), toUnits(80), a);
        bytes32 id = post.channelIdOf(config(0));
        assertEq(post.channelOf(id).deposit, 150, "deposit");
        assertEq(post.laneOf(id, LANE).cap, 80, "cap");
        vm.expectPartialRevert(Types.CapNotRaised.selector);
        post.topUpWithAuthorization(config(0), 50, toArray(LANE), toUnits(80), a);

        Types.Authorization memory bare = toOpen(0, 50, 90); // an opening is no top-up
        vm.expectPartialRevert(TestDollar.AuthorizationSigner.selector);
        post.topUpWithAuthorization(config(0), 50, toArray(LANE), toUnits(90), bare);
    }

    // CHAIN-091
    function test_topUpWithAuthorization__replayed_without_caps__refused_by_the_token() public {
        open(100, 60, toOpen(0, 100, 60), 0);
        bytes32 id = post.channelIdOf(config(0));
        (uint32[] memory lanes, uint64[] memory caps) = (new uint32[](0), new uint64[](0));
        bytes32 nonce = keccak256(
            abi.encode(keccak256("Pennypost.topUpWithAuthorization"), id, uint64(50), lanes, caps, bytes32(0))
        );
        Types.Authorization memory a;
        a.validBefore = type(uint256).max;
        bytes32 message = keccak256(
            abi.encode(
                keccak256(
                    "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
                ),
                vm.addr(PAYER_KEY),
                address(post),
                uint256(50),
                uint256(0),
                type(uint256).max,
                nonce
            )
        );
        (a.signature.v, a.signature.r, a.signature.s) =
            vm.sign(PAYER_KEY, keccak256(abi.encodePacked(hex"1901", dollar.DOMAIN_SEPARATOR(), message)));
        post.topUpWithAuthorization(config(0), 50, lanes, caps, a);
        vm.expectRevert(
            abi.encodeWithSelector(TestDollar.AuthorizationUsedAlready.selector, vm.addr(PAYER_KEY), nonce)
        );
        post.topUpWithAuthorization(config(0), 50, lanes, caps, a);
    }
}
