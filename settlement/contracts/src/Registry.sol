// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IPennypost} from "./IPennypost.sol";
import {Parameters} from "./Parameters.sol";

/// @title The operators: who may sign refunds of which lanes, and reports as of which block.
/// @dev A change is announced, waits for challenge + one epoch, and is then carried out by anyone. A node id and an
///      operator key are never reused. Whoever owns the registry can announce operators, so payers can leave first.
abstract contract Registry is Ownable2Step, Parameters {
    /// @dev A report carries the whole set; 128 operators cost about 25 kB of calldata.
    uint256 internal constant OPERATORS_MOST = 128;
    uint32 private constant NODE_ID_END = 1 << 24;

    struct Operator {
        address operatorKey;
        OperatorState state;
        uint64 changeAt;
        address payee;
    }

    /// @dev The set from `fromBlock` on, until the next record.
    struct SetRecord {
        uint64 fromBlock;
        uint64 fromTime;
        bytes32 setHash;
    }

    mapping(uint32 nodeId => Operator) private operators;
    mapping(address operatorKey => uint32 nodeId) private nodeOfKey;
    uint32[] private activeIds; // ascending
    SetRecord[] private sets; // fromBlock strictly ascending

    constructor(OperatorInit[] memory initial, address owner_) Ownable(owner_) {
        for (uint256 i = 0; i < initial.length; i++) {
            _announce(initial[i].nodeId, initial[i].operatorKey, initial[i].payee, 0);
            _activate(initial[i].nodeId);
        }
        _recordSet();
    }

    /// @inheritdoc IPennypost
    /// @dev Reverts with NodeIdOutOfRange, OperatorStateUnexpected, OperatorKeyUsed, ZeroAddress, TooManyOperators.
    function scheduleOperatorAdd(uint32 nodeId, address operatorKey, address payee) external onlyOwner {
        uint64 changeAt = _changeTime();
        _announce(nodeId, operatorKey, payee, changeAt);
        emit OperatorChangeScheduled(nodeId, OperatorState.ADDING, operatorKey, payee, changeAt);
    }

    /// @inheritdoc IPennypost
    /// @dev Reverts with OperatorStateUnexpected. From here on the operator gets no new caps; it signs until it is removed.
    function scheduleOperatorRemove(uint32 nodeId) external onlyOwner {
        Operator storage operator = operators[nodeId];
        if (operator.state != OperatorState.ACTIVE) revert OperatorStateUnexpected(nodeId, operator.state);
        operator.state = OperatorState.REMOVING;
        operator.changeAt = _changeTime();
        emit OperatorChangeScheduled(
            nodeId, OperatorState.REMOVING, operator.operatorKey, operator.payee, operator.changeAt
        );
    }

    /// @inheritdoc IPennypost
    /// @dev Reverts with OperatorStateUnexpected. An id whose addition is cancelled was never in use, so it is free again.
    function cancelOperatorChange(uint32 nodeId) external onlyOwner {
        Operator storage operator = operators[nodeId];
        OperatorState state = operator.state;
        if (state == OperatorState.ADDING) {
            delete nodeOfKey[operator.operatorKey];
            delete operators[nodeId];
        } else if (state == OperatorState.REMOVING) {
            operator.state = OperatorState.ACTIVE;
            operator.changeAt = 0;
        } else {
            revert OperatorStateUnexpected(nodeId, state);
        }
        emit OperatorChangeCancelled(nodeId, operator.state);
    }

    /// @inheritdoc IPennypost
    /// @dev Reverts with OperatorStateUnexpected, OperatorChangeTooEarly and TooManyOperators.
    function applyOperatorChange(uint32 nodeId) external {
        Operator storage operator = operators[nodeId];
        OperatorState state = operator.state;
        if (state != OperatorState.ADDING && state != OperatorState.REMOVING) {
            revert OperatorStateUnexpected(nodeId, state);
        }
        if (_now() < operator.changeAt) revert OperatorChangeTooEarly(operator.changeAt, _now());
        if (state == OperatorState.ADDING) _activate(nodeId);
        else _deactivate(nodeId);
        _recordSet();
    }

    /// @inheritdoc IPennypost
    function operatorOf(uint32 nodeId) external view returns (OperatorView memory) {
        Operator storage operator = operators[nodeId];
        return OperatorView(operator.state, operator.operatorKey, operator.payee, operator.changeAt);
    }

    /// @inheritdoc IPennypost
    function operatorSet()
        public
        view
        returns (bytes32 setHash, uint32[] memory nodeIds, address[] memory operatorKeys)
    {
        nodeIds = activeIds;
        operatorKeys = new address[](nodeIds.length);
        for (uint256 i = 0; i < nodeIds.length; i++) {
            operatorKeys[i] = operators[nodeIds[i]].operatorKey;
        }
        setHash = keccak256(abi.encode(nodeIds, operatorKeys)); // CHAIN-014
    }

    /// @inheritdoc IPennypost
    /// @dev The set at the end of that block; (0, 0) before the deployment. `replacedAt` is 0 for the current set.
    function operatorSetAt(uint64 blockNumber) public view returns (bytes32 setHash, uint64 replacedAt) {
        uint256 i = sets.length;
        while (i > 0) {
            SetRecord storage set = sets[--i];
            if (set.fromBlock <= blockNumber) return (set.setHash, replacedAt);
            replacedAt = set.fromTime;
        }
        return (0, 0);
    }

    /// @dev The key that signs refunds and releases of the lane; a removed operator's still counts. Zero: no such node.
    function _operatorKeyOf(uint32 lane) internal view returns (address) {
        return operators[lane >> 8].operatorKey;
    }

    /// @dev Where payouts of a node go; nodeId 0 is the treasury.
    function _payeeOf(uint32 nodeId) internal view returns (address) {
        return nodeId == 0 ? treasury : operators[nodeId].payee;
    }

    function _requireActive(uint32 nodeId) internal view {
        OperatorState state = operators[nodeId].state;
        if (state != OperatorState.ACTIVE) revert OperatorNotActive(nodeId, state);
    }

    /// @dev CHAIN-062: a payer that dislikes the change has a whole challenge period and an epoch to leave.
    function _changeTime() private view returns (uint64) {
        return _now() + CHALLENGE + EPOCH;
    }

    function _announce(uint32 nodeId, address operatorKey, address payee, uint64 changeAt) private {
        if (nodeId == 0 || nodeId >= NODE_ID_END) revert NodeIdOutOfRange(nodeId);
        if (operatorKey == address(0)) revert ZeroAddress("operatorKey");
        if (payee == address(0)) revert ZeroAddress("payee");
        Operator storage operator = operators[nodeId];
        if (operator.state != OperatorState.NONE) revert OperatorStateUnexpected(nodeId, operator.state);
        if (nodeOfKey[operatorKey] != 0) revert OperatorKeyUsed(operatorKey, nodeOfKey[operatorKey]);
        nodeOfKey[operatorKey] = nodeId;
        operators[nodeId] = Operator(operatorKey, OperatorState.ADDING, changeAt, payee);
    }

    function _activate(uint32 nodeId) private {
        if (activeIds.length >= OPERATORS_MOST) revert TooManyOperators(OPERATORS_MOST);
        Operator storage operator = operators[nodeId];
        operator.state = OperatorState.ACTIVE;
        operator.changeAt = 0;
        activeIds.push(nodeId);
        for (uint256 i = activeIds.length - 1; i > 0 && activeIds[i - 1] > nodeId; i--) {
            activeIds[i] = activeIds[i - 1];
            activeIds[i - 1] = nodeId;
        }
        emit OperatorAdded(nodeId, operator.operatorKey, operator.payee);
    }

    function _deactivate(uint32 nodeId) private {
        Operator storage operator = operators[nodeId];
        operator.state = OperatorState.REMOVED;
        operator.changeAt = 0;
        uint256 i = 0;
        while (activeIds[i] != nodeId) i++;
        for (; i + 1 < activeIds.length; i++) {
            activeIds[i] = activeIds[i + 1];
        }
        activeIds.pop();
        emit OperatorRemoved(nodeId);
    }

    /// @dev Two changes in one block leave one record: the set at the end of the block.
    function _recordSet() private {
        (bytes32 setHash,,) = operatorSet();
        uint64 blockNumber = uint64(block.number);
        SetRecord memory set = SetRecord(blockNumber, _now(), setHash);
        if (sets.length > 0 && sets[sets.length - 1].fromBlock == blockNumber) sets[sets.length - 1] = set;
        else sets.push(set);
        emit OperatorSetChanged(setHash, blockNumber, activeIds.length);
    }
}
