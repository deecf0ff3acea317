// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Store} from "./Store.sol";

/// @title The operators' sets, by block: what reports are checked against, and what the registry changes.
abstract contract OperatorSets is Store {
    /// @dev A report carries the whole set; 128 operators cost about 25 kB of calldata.
    uint256 internal constant OPERATORS_MOST = 128;
    uint32 private constant NODE_ID_END = 1 << 24;

    function _operatorSet()
        internal
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

    /// @dev The set at the end of that block; (0, 0) before the deployment. `replacedAt` is 0 for the current set.
    function _operatorSetAt(uint64 blockNumber) internal view returns (bytes32 setHash, uint64 replacedAt) {
        uint256 i = sets.length;
        while (i > 0) {
            SetRecord storage set = sets[--i];
            if (set.fromBlock <= blockNumber) return (set.setHash, replacedAt);
            replacedAt = set.fromTime;
        }
        return (0, 0);
    }

    function _announce(uint32 nodeId, address operatorKey, address payee, uint64 changeAt) internal {
        if (nodeId == 0 || nodeId >= NODE_ID_END) revert NodeIdOutOfRange(nodeId);
        if (operatorKey == address(0)) revert ZeroAddress("operatorKey");
        if (payee == address(0)) revert ZeroAddress("payee");
        Operator storage operator = operators[nodeId];
        if (operator.state != OperatorState.NONE) revert OperatorStateUnexpected(nodeId, operator.state);
        if (nodeOfKey[operatorKey] != 0) revert OperatorKeyUsed(operatorKey, nodeOfKey[operatorKey]);
        nodeOfKey[operatorKey] = nodeId;
        operators[nodeId] = Operator(operatorKey, OperatorState.ADDING, uint40(changeAt), 0, payee);
    }

    function _activate(uint32 nodeId) internal {
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

    function _deactivate(uint32 nodeId) internal {
        Operator storage operator = operators[nodeId];
        operator.state = OperatorState.REMOVED;
        operator.changeAt = 0;
        _lockStake(nodeId);
        uint256 i = 0;
        while (activeIds[i] != nodeId) i++;
        for (; i + 1 < activeIds.length; i++) {
            activeIds[i] = activeIds[i + 1];
        }
        activeIds.pop();
        emit OperatorRemoved(nodeId);
    }

    /// @dev Two changes in one block leave one record: the set at the end of the block.
    function _recordSet() internal {
        (bytes32 setHash,,) = _operatorSet();
        uint64 blockNumber = uint64(block.number);
        SetRecord memory set = SetRecord(blockNumber, _now(), setHash);
        if (sets.length > 0 && sets[sets.length - 1].fromBlock == blockNumber) sets[sets.length - 1] = set;
        else sets.push(set);
        emit OperatorSetChanged(setHash, blockNumber, activeIds.length);
    }
}
