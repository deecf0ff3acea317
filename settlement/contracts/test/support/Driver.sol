// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IOperatorsAnnex, IPayersAnnex, IPennypost, IPennypostFront} from "../../src/IPennypost.sol";
import {IPennypostTypes as Types} from "../../src/IPennypostTypes.sol";
import {Fixture} from "./Fixture.sol";

/// @dev One network driven at random by five actors: the payer opens, tops up, thaws and closes; operators refund and
///      release what they like, honest or not, and stake; the quorum reports anything, revokes, and takes payouts; the
///      tower posts the highest that was signed; the thief tries what it may not. It keeps its own books.
contract Driver is Fixture {
    uint64 internal constant CHANNELS = 4; // nonces of one payer
    uint256 internal constant DELEGATE_KEY = 0xde1e;

    mapping(bytes32 => mapping(uint32 => uint96)) public signedSpent; // the highest that the payer's keys signed
    uint256 public stolen; // calls of the thief that went through
    uint256 public attempts;
    uint256 public staked;
    uint256 public collected;

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
        (, uint64 thawAt) = post.thawOf(idOf(nonce), lane);
        vm.prank(PAYER);
        if (thawAt != 0) post.topUp(configOf(nonce), amount, new uint32[](0), new uint64[](0));
        else post.topUp(configOf(nonce), amount, toArray(lane), toUnits(cap));
        deposited += amount;
    }

    function release(uint256 seed, uint64 cap) external {
        (bool found, uint64 nonce) = pickOpen(seed);
        if (!found) return;
        uint32 lane = pickLane(seed >> 8);
        bytes32 id = idOf(nonce);
        Types.LaneView memory state = post.laneOf(id, lane);
        uint64 least = uint64((uint256(state.vested) + 1e6 - 1) / 1e6);
        (uint64 target, uint64 thawAt) = post.thawOf(id, lane);
        uint64 admitted = thawAt != 0 && target < state.cap ? target : state.cap;
        if (least >= admitted) return;
        cap = seed % 2 == 0 ? least : uint64(bound(cap, least, admitted - 1));
        Types.LaneRelease[] memory list = new Types.LaneRelease[](1);
        list[0] = releaseOf(OPERATOR_KEY + (lane >> 8), id, lane, admitted, cap, state.seq);
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
        sign(id, lane, spent);
        if (seed % 4 == 1) {
            Types.Delegation memory d = delegation(id, lane);
            Types.Voucher memory v = voucher(DELEGATE_KEY, id, lane, spent, state.refunded);
            post.postDelegatedVoucher(configOf(nonce), lane, v, noRefund(), d);
        } else {
            post.postVoucher(configOf(nonce), lane, voucher(SIGNER_KEY, id, lane, spent, state.refunded), noRefund());
        }
    }

    function sign(bytes32 id, uint32 lane, uint96 spent) private {
        if (spent > signedSpent[id][lane]) signedSpent[id][lane] = spent;
    }

    function delegation(bytes32 id, uint32 lane) private view returns (Types.Delegation memory d) {
        d = Types.Delegation(vm.addr(DELEGATE_KEY), type(uint96).max, lane, type(uint64).max, 0, d.signature);
        bytes32 typeHash = keccak256(
            "Delegate(bytes32 channelId,address key,uint96 maxSpent,uint32 lane,uint64 notAfter,uint32 index)"
        );
        d.signature =
            signed(SIGNER_KEY, keccak256(abi.encode(typeHash, id, d.key, d.maxSpent, lane, d.notAfter, d.index)));
    }

    /// @dev The tower: what was signed and not posted yet.
    function watch(uint256 seed) external {
        (bool found, uint64 nonce) = pickOpen(seed);
        if (!found) return;
        uint32 lane = pickLane(seed >> 8);
        bytes32 id = idOf(nonce);
        uint96 highest = signedSpent[id][lane];
        if (highest <= post.laneOf(id, lane).spent) return;
        post.postVoucher(configOf(nonce), lane, voucher(SIGNER_KEY, id, lane, highest, 0), noRefund());
    }

    function thaw(uint256 seed, uint64 target, bool wait) external {
        (bool found, uint64 nonce) = pickOpen(seed);
        if (!found) return;
        uint32 lane = pickLane(seed >> 8);
        bytes32 id = idOf(nonce);
        (, uint64 thawAt) = post.thawOf(id, lane);
        bool isOpen = post.channelOf(id).state == Types.ChannelState.OPEN;
        if (thawAt == 0) {
            uint64 cap = post.laneOf(id, lane).cap;
            if (cap == 0 || !isOpen) return;
            vm.prank(PAYER);
            post.requestThaw(configOf(nonce), lane, uint64(bound(target, 0, cap - 1)));
        } else if (!wait && isOpen) {
            vm.prank(PAYER);
            post.cancelThaw(configOf(nonce), lane);
        } else {
            if (time() < thawAt) nextBlock(thawAt - time());
            post.finalizeThaw(configOf(nonce), lane);
        }
    }

    function stake(uint256 seed, uint64 amount) external {
        amount = uint64(bound(amount, 1, 1e9));
        vm.prank(PAYER);
        post.depositStake(uint32(seed % 3) + 1, amount);
        staked += amount;
    }

    /// @dev A quorum that owes itself anything: only final lanes pay, and only from their operator's stake.
    function collect(uint256 seed, uint96 spent, uint96 earned, uint96 owed) external {
        if (opened == 0) return;
        Types.OwedClaim memory claim;
        claim.config = configOf(uint64(seed % opened));
        claim.lane = pickLane(seed >> 8);
        claim.leaf = leaf(uint96(bound(earned, 0, 2e15)));
        (claim.leaf.spent, claim.leaf.owed) = (uint96(bound(spent, 0, 2e15)), owed);
        bytes32 id = idOf(claim.config.nonce);
        bool closed = post.channelOf(id).state == Types.ChannelState.CLOSED;
        nextBlock(61);
        Types.EpochReport memory report = reportFor(leafHash(id, claim.lane, claim.leaf), payouts(), total());
        submit(report);
        nextBlock(100);
        (uint128 before,) = post.pool();
        try post.collectOwed(report, claim) {
            if (!closed) stolen++;
        } catch {}
        (uint128 received,) = post.pool();
        collected += received - before;
    }

    /// @dev A report that is taken back before it vests: as if it had not been.
    function revoke(uint256 seed, uint96 earned) external {
        if (opened == 0) return;
        bytes32 id = idOf(uint64(seed % opened));
        nextBlock(61);
        Types.EpochReport[] memory list = new Types.EpochReport[](1);
        list[0] = reportFor(leafHash(id, LANE, leaf(earned)));
        submit(list[0]);
        (, uint32[] memory ids, address[] memory keys) = post.operatorSet();
        Types.Signature[] memory signatures = new Types.Signature[](ids.length);
        bytes32 typeHash = keccak256("RevokeReport(uint64 epoch,bytes32 report)");
        bytes32 structHash = keccak256(abi.encode(typeHash, list[0].epoch, reportDigest(list[0])));
        for (uint256 i = 0; i < ids.length; i++) {
            signatures[i] = signed(OPERATOR_KEY + ids[i], structHash);
        }
        post.revokeReport(list, ids, keys, signatures);
        nextBlock(100);
        Types.LaneClaim[] memory claims = new Types.LaneClaim[](1);
        claims[0].config = configOf(uint64(seed % opened));
        (claims[0].lane, claims[0].leaf) = (LANE, leaf(earned));
        try post.settle(list[0], claims) {
            stolen++;
        } catch {}
    }

    /// @dev The thief: nothing of this may go through.
    function steal(uint256 seed, uint96 amount) external {
        (bool found, uint64 nonce) = pickOpen(seed);
        if (!found) return;
        (uint32 lane, bytes32 id) = (pickLane(seed >> 8), idOf(nonce));
        Types.LaneView memory state = post.laneOf(id, lane);
        uint256 way = (seed >> 16) % 8;
        amount = uint96(bound(amount, 1, 1e15));
        bytes memory call;
        if (way == 0) {
            Types.Voucher memory v = voucher(STRANGER_KEY, id, lane, state.spent + amount, 0);
            call = abi.encodeCall(IPennypostFront.postVoucher, (configOf(nonce), lane, v, noRefund()));
        } else if (way == 1) {
            Types.Refund memory r = refund(SIGNER_KEY, id, lane, state.refunded + amount); // a sender refunds itself
            call = abi.encodeCall(IPennypostFront.postRefund, (configOf(nonce), lane, r));
        } else if (way == 2) {
            Types.LaneRelease[] memory list = new Types.LaneRelease[](1);
            list[0] = releaseOf(STRANGER_KEY, id, lane, state.cap, 0, state.seq);
            call = abi.encodeCall(IPennypostFront.release, (configOf(nonce), list));
        } else if (way == 3) {
            call = abi.encodeCall(IPennypostFront.requestClose, (configOf(nonce)));
        } else if (way == 4) {
            call = abi.encodeCall(IPayersAnnex.requestThaw, (configOf(nonce), lane, 0));
        } else if (way == 5) {
            call = abi.encodeCall(IOperatorsAnnex.withdrawStake, (uint32(seed % 3) + 1));
        } else if (way == 6) {
            call = abi.encodeCall(IOperatorsAnnex.scheduleOperatorAdd, (50, STRANGER, STRANGER));
        } else {
            Types.Voucher memory v = voucher(DELEGATE_KEY, id, lane, state.spent + amount, 0);
            call = abi.encodeCall(IPennypostFront.postVoucher, (configOf(nonce), lane, v, noRefund())); // no signer
        }
        attempts++;
        vm.prank(STRANGER);
        (bool ok,) = address(post).call(call);
        if (ok) stolen++;
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
        spent = uint96(bound(spent, 1, 2e15));
        if (seed % 5 != 0) sign(id, lane, spent);
        claims[0].voucher = voucher(seed % 5 == 0 ? STRANGER_KEY : SIGNER_KEY, id, lane, spent, 0);
        claims[1] = claims[0];
        (uint128 received,) = post.pool();
        cumulative[0] += uint128(share % (received / 8 + 1));
        cumulative[1] += uint128((share >> 64) % (received / 4 + 1));
        nextBlock(61);
        Types.EpochReport memory report = reportFor(leafHash(id, lane, claims[0].leaf), payouts(), total());
        submit(report);
        nextBlock(100);
        if (seed % 2 == 0) post.settle(report, claims);
        else settleAlone(report, claims[0]);
        settledClaims++;
        payOut(report, 0, TREASURY);
        payOut(report, 1, payee(1));
    }

    function settleAlone(Types.EpochReport memory report, Types.LaneClaim memory claim) private {
        Types.BatchClaim[] memory claims = new Types.BatchClaim[](1);
        claims[0] = Types.BatchClaim(claim.config, claim.lane, claim.voucher, claim.refund, claim.leaf);
        post.settleBatch(report, claims, new bytes32[](0), new bool[](0));
    }

    function total() private view returns (uint128) {
        return cumulative[0] + cumulative[1];
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
        } else if (seed % 3 == 0) {
            vm.prank(PAYER);
            post.cancelClose(configOf(nonce));
        }
        if (wait && post.channelOf(idOf(nonce)).state == Types.ChannelState.CLOSING) {
            nextBlock(300);
            post.finalizeClose(configOf(nonce));
        }
        returned += dollar.balanceOf(PAYER) - before;
    }

    /// @dev Every channel's payer leaves alone, in the challenge period that counts then, and gets what is not the pool's.
    function leaveAll() external returns (bool ok) {
        ok = true;
        for (uint64 n = 0; n < opened; n++) {
            Types.ChannelView memory channel = post.channelOf(idOf(n));
            if (channel.state == Types.ChannelState.CLOSED) continue;
            uint256 before = dollar.balanceOf(PAYER);
            if (channel.state == Types.ChannelState.OPEN) {
                vm.prank(PAYER);
                post.requestClose(configOf(n));
            }
            if (post.channelOf(idOf(n)).state == Types.ChannelState.CLOSING) {
                nextBlock(300);
                vm.prank(PAYER);
                post.finalizeClose(configOf(n));
            }
            uint256 got = dollar.balanceOf(PAYER) - before;
            returned += got;
            ok = ok && post.channelOf(idOf(n)).state == Types.ChannelState.CLOSED
                && got == channel.deposit - channel.credited;
        }
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
