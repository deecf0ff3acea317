// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IOperatorsAnnex} from "./IPennypost.sol";
import {OperatorSets} from "./OperatorSets.sol";

/// @title The operators: who may sign refunds of which lanes, and reports as of which block.
/// @dev A change is announced, waits for challenge + one epoch, and is then carried out by anyone. A node id and an
///      operator key are never reused. Whoever owns the registry can announce operators, so payers can leave first.
abstract contract Registry is OperatorSets, IOperatorsAnnex {
    /// @inheritdoc IOperatorsAnnex
    function scheduleOperatorAdd(uint32 nodeId, address operatorKey, address payee) external onlyOwner {
        uint64 changeAt = _changeTime();
        _announce(nodeId, operatorKey, payee, changeAt);
        emit OperatorChangeScheduled(nodeId, OperatorState.ADDING, operatorKey, payee, changeAt);
    }

    /// @inheritdoc IOperatorsAnnex
    function scheduleOperatorRemove(uint32 nodeId) external onlyOwner {
        Operator storage operator = operators[nodeId];
        if (operator.state != OperatorState.ACTIVE) revert OperatorStateUnexpected(nodeId, operator.state);
        operator.state = OperatorState.REMOVING;
        operator.changeAt = uint40(_changeTime());
        emit OperatorChangeScheduled(
            nodeId, OperatorState.REMOVING, operator.operatorKey, operator.payee, operator.changeAt
        );
    }

    /// @inheritdoc IOperatorsAnnex
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

    /// @inheritdoc IOperatorsAnnex
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

    /// @inheritdoc IOperatorsAnnex
    function operatorOf(uint32 nodeId) external view returns (OperatorView memory) {
        Operator storage operator = operators[nodeId];
        return OperatorView(operator.state, operator.operatorKey, operator.payee, operator.changeAt);
    }

    /// @inheritdoc IOperatorsAnnex
    function operatorSet() external view returns (bytes32, uint32[] memory, address[] memory) {
        return _operatorSet();
    }

    /// @inheritdoc IOperatorsAnnex
    function operatorSetAt(uint64 blockNumber) external view returns (bytes32, uint64) {
        return _operatorSetAt(blockNumber);
    }

    /// @dev CHAIN-062: a payer that dislikes the change has a whole challenge period and an epoch to leave.
    function _changeTime() private view returns (uint64) {
        Timers memory t = timing;
        return _now() + t.challenge + t.epoch;
    }
}
