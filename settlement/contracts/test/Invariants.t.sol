// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPennypost} from "../src/IPennypost.sol";
import {IPennypostTypes as Types} from "../src/IPennypostTypes.sol";
import {Driver} from "./support/Driver.sol";

/// @dev Goal: the promises of the escrow hold after every sequence of calls. Method: forge calls the driver at random.
contract InvariantsTest {
    Driver private driver;

    error Broken(string what, uint256 left, uint256 right);

    function setUp() public {
        driver = new Driver();
        driver.setUp();
    }

    function targetContracts() public view returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(driver);
    }

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function targetSelectors() public view returns (FuzzSelector[] memory list) {
        list = new FuzzSelector[](1);
        bytes4[] memory selectors = new bytes4[](12);
        selectors[0] = Driver.open.selector;
        selectors[1] = Driver.topUp.selector;
        selectors[2] = Driver.release.selector;
        selectors[3] = Driver.spend.selector;
        selectors[4] = Driver.settle.selector;
        selectors[5] = Driver.close.selector;
        selectors[6] = Driver.watch.selector;
        selectors[7] = Driver.thaw.selector;
        selectors[8] = Driver.stake.selector;
        selectors[9] = Driver.collect.selector;
        selectors[10] = Driver.revoke.selector;
        selectors[11] = Driver.steal.selector;
        list[0] = FuzzSelector(address(driver), selectors);
    }

    function same(uint256 left, uint256 right, string memory what) private pure {
        if (left != right) revert Broken(what, left, right);
    }

    function most(uint256 left, uint256 right, string memory what) private pure {
        if (left > right) revert Broken(what, left, right);
    }

    /// @dev At the end of every run. CHAIN-022: every channel can be closed by its payer alone, in bounded time.
    function afterInvariant() public {
        if (!driver.leaveAll()) revert Broken("every payer leaves alone, with what is its own", 0, 0);
        invariant_money__every_sequence__is_accounted_for();
    }

    // CHAIN-020, CHAIN-021, CHAIN-037, CHAIN-051, CHAIN-054
    function invariant_money__every_sequence__is_accounted_for() public {
        IPennypost post = driver.contractUnderTest();
        uint32[3] memory laneIds = driver.laneIds();
        uint256 heldForPayers = 0;
        uint256 creditedInAll = 0;
        for (uint64 n = 0; n < driver.opened(); n++) {
            bytes32 id = driver.idOf(n);
            Types.ChannelView memory channel = post.channelOf(id);
            (uint256 caps, uint256 floors, uint256 ceils) = (0, 0, 0);
            for (uint256 i = 0; i < 3; i++) {
                Types.LaneView memory lane = post.laneOf(id, laneIds[i]);
                most(lane.vested, uint256(lane.cap) * 1e6, "vested within the cap");
                most(lane.vested, lane.spent, "vested within what was claimed");
                most(lane.spent, driver.signedSpent(id, laneIds[i]), "claimed within what the payer signed");
                caps += lane.cap;
                floors += lane.vested / 1e6;
                ceils += (uint256(lane.vested) + 1e6 - 1) / 1e6;
            }
            same(channel.allocated, caps, "allocated is the sum of the caps");
            same(channel.credited, floors, "credited is the sum of the floors");
            same(channel.vestedCeil, ceils, "vestedCeil is the sum of the ceilings");
            most(caps, channel.deposit, "caps within the deposit");
            creditedInAll += floors;
            if (channel.state != Types.ChannelState.CLOSED) heldForPayers += channel.deposit - floors;
        }
        (uint128 received, uint128 claimed) = post.pool();
        same(received, creditedInAll + driver.collected(), "the pool received what lanes and stakes gave");
        most(claimed, received, "payouts within receipts");
        same(claimed, driver.paid(), "claimed is what was paid");
        uint256 stakes = uint256(post.stakeOf(1)) + post.stakeOf(2) + post.stakeOf(3);
        same(stakes + driver.collected(), driver.staked(), "stakes go into the pool or stay");
        same(driver.money(), heldForPayers + stakes + received - claimed, "the balance is what is owed");
        uint256 put = driver.deposited() + driver.staked();
        same(put, driver.money() + driver.returned() + driver.paid(), "every unit is somewhere");
        same(driver.stolen(), 0, "the thief got nothing through");
        if (!driver.nothingFell()) revert Broken("the pool and every lane's vested never fall", 0, 0);
    }
}
