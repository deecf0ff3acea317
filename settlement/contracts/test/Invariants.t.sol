// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPennypost} from "../src/IPennypost.sol";
import {IPennypostTypes as Types} from "../src/IPennypostTypes.sol";
import {Fixture} from "./support/Fixture.sol";

/// @dev One network driven at random: payers open, top up, release and close; operators refund what they like, honest or
///      not; reports say anything; claims are settled in any order; payouts are taken. It keeps its own books.
contract Driver is Fixture {
    uint64 internal constant CHANNELS = 4; // nonces of one payer

    mapping(bytes32 => mapping(uint32 => uint96)) public vestedBefore;
    uint128 public receivedBefore;
    uint256 public deposited;
    uint256 public returned;
    uint256 public paid;
    uint64 public opened;
    uint256 public settledClaims;
    uint128[2] public cumulative; // by node: treasury, node 1

    function setUp() public override {
        super.setUp();
    }

    function contractUnderTest() external view returns (IPennypost) {
        return post;
    }

    function money() external view returns (uint256) {
        return dollar.balanceOf(address(post));
    }

    function laneIds() public pure returns (uint32[3] memory) {
        return [LANE, LANE + 1, LANE2];
    }

    function pickLane(uint256 seed) private pure returns (uint32) {
        return laneIds()[seed % 3];
    }

    function idOf(uint64 nonce) public view returns (bytes32) {
        return post.channelIdOf(configOf(nonce));
    }

    function pickOpen(uint256 seed) private view returns (bool found, uint64 nonce) {
        if (opened == 0) return (false, 0);
        nonce = uint64(seed % opened);
        found = post.channelOf(idOf(nonce)).state != Types.ChannelState.CLOSED;
    }

    function open(uint64 deposit, uint64 cap) external {
        if (opened == CHANNELS) return;
        deposit = uint64(bound(deposit, 1, 1e9));
        cap = uint64(bound(cap, 1, deposit));
        vm.prank(PAYER);
        post.open(configOf(opened++), deposit, toArray(LANE), toUnits(cap));
        deposited += deposit;
    }

    function topUp(uint256 seed, uint64 amount, uint64 cap) external {
        (bool found, uint64 nonce) = pickOpen(seed);
        if (!found || post.channelOf(idOf(nonce)).state != Types.ChannelState.OPEN) return;
        amount = uint64(bound(amount, 1, 1e9));
        uint32 lane = pickLane(seed >> 8);
        uint64 old = post.laneOf(idOf(nonce), lane).cap;
        cap = uint64(bound(cap, old + 1, old + amount));
        vm.prank(PAYER);
        post.topUp(configOf(nonce), amount, toArray(lane), toUnits(cap));
        deposited += amount;
    }

    function release(uint256 seed, uint64 cap) external {
        (bool found, uint64 nonce) = pickOpen(seed);
        if (!found) return;
        uint32 lane = pickLane(seed >> 8);
        bytes32 id = idOf(nonce);
        Types.LaneView memory state = post.laneOf(id, lane);
        uint64 least = uint64((uint256(state.vested) + 1e6 - 1) / 1e6);
        if (least >= state.cap) return;
        cap = seed % 2 == 0 ? least : uint64(bound(cap, least, state.cap - 1));
        Types.LaneRelease[] memory list = new Types.LaneRelease[](1);
        list[0] = releaseOf(OPERATOR_KEY + (lane >> 8), id, lane, state.cap, cap, state.seq);
        post.release(configOf(nonce), list);
    }

    function spend(uint256 seed, uint96 spent, uint96 refunded) external {
        (bool found, uint64 nonce) = pickOpen(seed);
        if (!found) return;
        uint32 lane = pickLane(seed >> 8);
        bytes32 id = idOf(nonce);
        Types.LaneView memory state = post.laneOf(id, lane);
        refunded = uint96(bound(refunded, 0, 1e15));
        if (seed % 3 == 0 && refunded > state.refunded) {
            post.postRefund(configOf(nonce), lane, refund(OPERATOR_KEY + (lane >> 8), id, lane, refunded));
            return;
        }
        spent = uint96(bound(spent, uint256(state.spent) + 1, uint256(state.spent) + 1e15));
        post.postVoucher(configOf(nonce), lane, voucher(SIGNER_KEY, id, lane, spent, state.refunded), noRefund());
    }

    /// @dev A report over one lane of one channel; two claims of it, one perhaps with a voucher that is not due.
    function settle(uint256 seed, uint96 earned, uint96 spent, uint128 share) external {
        if (opened == 0) return;
        uint64 nonce = uint64(seed % opened);
        uint32 lane = pickLane(seed >> 8);
        bytes32 id = idOf(nonce);
        earned = uint96(bound(earned, 0, 2e15));
        Types.LaneClaim[] memory claims = new Types.LaneClaim[](2);
        claims[0].config = configOf(nonce);
        claims[0].lane = lane;
        claims[0].leaf = leaf(earned);
        claims[0].voucher =
            voucher(seed % 5 == 0 ? STRANGER_KEY : SIGNER_KEY, id, lane, uint96(bound(spent, 1, 2e15)), 0);
        claims[1] = claims[0];
        (uint128 received,) = post.pool();
        cumulative[0] += uint128(share % (received / 8 + 1));
        cumulative[1] += uint128((share >> 64) % (received / 4 + 1));
        nextBlock(61);
        Types.EpochReport memory report =
            reportFor(leafHash(id, lane, claims[0].leaf), payouts(), cumulative[0] + cumulative[1]);
        submit(report);
        nextBlock(100);
        post.settle(report, claims);
        settledClaims++;
        payOut(report, 0, TREASURY);
        payOut(report, 1, payee(1));
    }

    function payouts() private view returns (bytes32) {
        bytes32 hash = keccak256(
            abi.encodePacked(
                uint8(1),
                payoutLeaf(0, TREASURY, cumulative[0]),
                cumulative[0],
                payoutLeaf(1, payee(1), cumulative[1]),
                cumulative[1]
            )
        );
        return rootOf(hash, cumulative[0] + cumulative[1]);
    }

    /// @dev Refused when the quorum promised more than the pool has: that is the invariant at work.
    function payOut(Types.EpochReport memory report, uint32 nodeId, address to) private {
        Types.SumProofStep[] memory proof = new Types.SumProofStep[](1);
        proof[0] = nodeId == 0
            ? Types.SumProofStep(payoutLeaf(1, payee(1), cumulative[1]), cumulative[1], false)
            : Types.SumProofStep(payoutLeaf(0, TREASURY, cumulative[0]), cumulative[0], true);
        uint256 before = dollar.balanceOf(to);
        try post.claimPayout(report, nodeId, to, cumulative[nodeId], proof) {} catch {}
        paid += dollar.balanceOf(to) - before;
    }

    function close(uint256 seed, bool wait) external {
        (bool found, uint64 nonce) = pickOpen(seed);
        if (!found || seed % 4 != 0) return;
        uint256 before = dollar.balanceOf(PAYER);
        if (post.channelOf(idOf(nonce)).state == Types.ChannelState.OPEN) {
            vm.prank(PAYER);
            post.requestClose(configOf(nonce));
        }
        if (wait && post.channelOf(idOf(nonce)).state == Types.ChannelState.CLOSING) {
            nextBlock(300);
            post.finalizeClose(configOf(nonce));
        }
        returned += dollar.balanceOf(PAYER) - before;
    }

    /// @dev Called by the invariant: remembers, and says whether anything fell.
    function nothingFell() external returns (bool ok) {
        (uint128 received,) = post.pool();
        ok = received >= receivedBefore;
        receivedBefore = received;
        uint32[3] memory ids = laneIds();
        for (uint64 n = 0; n < opened; n++) {
            for (uint256 i = 0; i < 3; i++) {
                uint96 vested = post.laneOf(idOf(n), ids[i]).vested;
                ok = ok && vested >= vestedBefore[idOf(n)][ids[i]];
                vestedBefore[idOf(n)][ids[i]] = vested;
            }
        }
    }
}

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
        bytes4[] memory selectors = new bytes4[](6);
        selectors[0] = Driver.open.selector;
        selectors[1] = Driver.topUp.selector;
        selectors[2] = Driver.release.selector;
        selectors[3] = Driver.spend.selector;
        selectors[4] = Driver.settle.selector;
        selectors[5] = Driver.close.selector;
        list[0] = FuzzSelector(address(driver), selectors);
    }

    function same(uint256 left, uint256 right, string memory what) private pure {
        if (left != right) revert Broken(what, left, right);
    }

    function most(uint256 left, uint256 right, string memory what) private pure {
        if (left > right) revert Broken(what, left, right);
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
                most(lane.vested, lane.spent, "vested within what was signed");
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
        same(received, creditedInAll, "the pool received what the lanes credited");
        most(claimed, received, "payouts within receipts");
        same(claimed, driver.paid(), "claimed is what was paid");
        same(driver.money(), heldForPayers + received - claimed, "the balance is what is owed");
        same(driver.deposited(), driver.money() + driver.returned() + driver.paid(), "every unit is somewhere");
        if (!driver.nothingFell()) revert Broken("the pool and every lane's vested never fall", 0, 0);
    }
}
