// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPennypost, IPennypostFront} from "../src/IPennypost.sol";
import {IPennypostTypes as Types} from "../src/IPennypostTypes.sol";
import {TestDollar} from "../src/testing/TestDollar.sol";
import {Fixture} from "./support/Fixture.sol";
import {FeeDollar, GreedyDollar, ReentrantDollar, WideDollar} from "./support/Tokens.sol";

/// @dev Goal: no deployment breaks the timer inequality or holds a token that the sums cannot count; odd tokens cannot
///      drain the escrow. Method: constructors with one wrong parameter; tokens that cheat.
contract ParametersTest is Fixture {
    function refuse(Types.Timers memory timers, bytes memory err) private {
        Types.OperatorInit[] memory none = new Types.OperatorInit[](0);
        vm.expectRevert(err);
        this.create(address(dollar), TREASURY, 500, timers, none);
    }

    function refuseToken(address token, address treasury, uint16 share, bytes memory err) private {
        Types.OperatorInit[] memory none = new Types.OperatorInit[](0);
        vm.expectRevert(err);
        this.create(token, treasury, share, timersOfTest(), none);
    }

    // CHAIN-060
    function test_deploy__timers_break_the_inequality__refused() public {
        Types.Timers memory t = timersOfTest(); // needs 10 + 5 + 2 * 60 + 20 + 100 + 30 = 285
        t.challenge = 284;
        refuse(t, abi.encodeWithSelector(Types.TimersInconsistent.selector, 285, 284));
        t.challenge = 285;
        this.create(address(dollar), TREASURY, 500, t, operatorsOf(1));
        t.missedEpochs = 2;
        refuse(t, abi.encodeWithSelector(Types.TimersInconsistent.selector, 345, 285));
    }

    function testFuzz_deploy__any_timers__hold_the_inequality_or_revert(uint16[7] memory x, uint8 k) public {
        Types.Timers memory t = Types.Timers(x[0], x[1], x[2], k, x[3], x[4], x[5], x[6]);
        uint256 needed = uint256(x[0]) + x[1] + (1 + uint256(k)) * x[2] + x[3] + x[4] + x[5];
        try this.create(address(dollar), TREASURY, 500, t, operatorsOf(1)) returns (IPennypost made) {
            assertTrue(needed <= x[6] && k >= 1, "inequality, k >= 1");
            assertEq(made.timers().challenge, x[6], "kept");
        } catch {}
    }

    function test_deploy__timer_out_of_range__refused() public {
        string[8] memory names =
            ["freshness", "replication", "epoch", "missedEpochs", "signing", "vesting", "claimMargin", "challenge"];
        for (uint256 i = 0; i < names.length; i++) {
            uint32[8] memory v = [uint32(1), 1, 1, 1, 1, 1, 1, 100];
            v[i] = 0;
            uint256 most = i == 3 ? 100 : 366 days;
            bytes32 name = bytes32(bytes(names[i]));
            refuse(pack(v), abi.encodeWithSelector(Types.TimerOutOfRange.selector, name, 0, 1, most));
            v[i] = uint32(most + 1);
            refuse(pack(v), abi.encodeWithSelector(Types.TimerOutOfRange.selector, name, most + 1, 1, most));
        }
    }

    function pack(uint32[8] memory v) private pure returns (Types.Timers memory) {
        return Types.Timers(v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]);
    }

    function test_views__after_deployment__show_the_parameters() public view {
        assertEq(keccak256(abi.encode(post.timers())), keccak256(abi.encode(timersOfTest())), "timers");
        assertEq(post.token(), address(dollar), "token"); // CHAIN-002
        assertEq(post.treasury(), TREASURY, "treasury");
        assertEq(post.protocolShare(), 500, "share");
    }

    // CHAIN-004
    function test_deploy__annex_missing_or_of_another_token__refused() public {
        Types.OperatorInit[] memory none = new Types.OperatorInit[](0);
        vm.expectRevert(abi.encodeWithSelector(Types.ZeroAddress.selector, bytes32("annex")));
        this.createOn(STRANGER, address(dollar), TREASURY, 500, timersOfTest(), none);
        TestDollar other = new TestDollar();
        vm.expectRevert(abi.encodeWithSelector(Types.AnnexMismatch.selector, address(other), address(dollar)));
        this.createOn(annex, address(other), TREASURY, 500, timersOfTest(), none);
    }

    // CHAIN-001
    function test_deploy__token_with_other_decimals__refused() public {
        address five = address(new WideDollar(5));
        address ten = address(new WideDollar(10));
        bytes4 selector = Types.TokenDecimalsUnsupported.selector;
        refuseToken(five, TREASURY, 500, abi.encodeWithSelector(selector, uint8(5), uint8(6), uint8(9)));
        refuseToken(ten, TREASURY, 500, abi.encodeWithSelector(selector, uint8(10), uint8(6), uint8(9)));
        this.create(address(new WideDollar(9)), TREASURY, 500, timersOfTest(), operatorsOf(1));
    }

    function test_deploy__zero_addresses_or_share_above_all__refused() public {
        refuseToken(address(0), TREASURY, 500, abi.encodeWithSelector(Types.ZeroAddress.selector, bytes32("token")));
        refuseToken(
            address(dollar), address(0), 500, abi.encodeWithSelector(Types.ZeroAddress.selector, bytes32("treasury"))
        );
        refuseToken(
            address(dollar),
            TREASURY,
            10_001,
            abi.encodeWithSelector(Types.ProtocolShareTooHigh.selector, uint16(10_001), uint16(10_000))
        );
    }

    // ------------------------------------------------------------------------------------------------ odd tokens

    function onToken(TestDollar token) private returns (IPennypost made) {
        made = deploy(address(token), 1);
        token.mint(PAYER, 1000);
        vm.prank(PAYER);
        token.approve(address(made), type(uint256).max);
    }

    // CHAIN-026
    function test_open__token_takes_a_fee__refused() public {
        post = onToken(new FeeDollar());
        vm.expectRevert(abi.encodeWithSelector(Types.TransferMismatch.selector, 100, 99));
        vm.prank(PAYER);
        post.open(configOf(0), 100, toArray(LANE), toUnits(100));
    }

    function test_open__token_returns_false__refused() public {
        GreedyDollar token = new GreedyDollar();
        post = onToken(token);
        vm.expectRevert(abi.encodeWithSignature("SafeERC20FailedOperation(address)", address(token)));
        vm.prank(PAYER);
        post.open(configOf(0), 100, toArray(LANE), toUnits(100));
    }

    // CHAIN-027: the token calls back in the middle of a payment and gets nowhere.
    function test_close__token_reenters__refused() public {
        ReentrantDollar token = new ReentrantDollar();
        post = onToken(token);
        vm.prank(PAYER);
        post.open(configOf(0), 100, new uint32[](0), new uint64[](0));
        token.arm(address(post), abi.encodeCall(IPennypostFront.finalizeClose, (configOf(0))));
        vm.expectRevert(abi.encodeWithSignature("ReentrancyGuardReentrantCall()"));
        vm.prank(PAYER);
        post.requestClose(configOf(0));

        token.arm(address(0), "");
        vm.prank(PAYER);
        post.requestClose(configOf(0));
        assertEq(token.balanceOf(PAYER), 1000, "once");
    }
}
