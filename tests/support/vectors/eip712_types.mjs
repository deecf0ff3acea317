// The signed types of the protocol, in the one order in which their fields are hashed.
export const domainOf = (chainId, verifyingContract) => ({
  name: 'Pennypost',
  version: '1',
  chainId,
  verifyingContract,
});

const fields = (text) =>
  text.split(',').map((field) => {
    const [type, name] = field.split(' ');
    return { name, type };
  });

export const types = {
  Channel: fields('address payer,address signer,uint64 nonce'),
  Voucher: fields('bytes32 channelId,uint32 lane,uint96 spent,uint96 refundAck,bytes32 context'),
  Refund: fields('bytes32 channelId,uint32 lane,uint96 refunded,bytes32 reasons'),
  LaneRelease: fields('bytes32 channelId,uint32 lane,uint96 oldCap,uint96 newCap,uint64 seq'),
  Delegate: fields('bytes32 channelId,address key,uint96 maxSpent,uint32 lane,uint64 notAfter,uint32 index'),
  EpochReport: fields(
    'uint64 epoch,bytes32 previous,uint64 blockNumber,bytes32 lanesRoot,bytes32 payoutRoot,' +
      'uint128 payoutTotal,bytes32 operatorSet,uint64 endTime',
  ),
  RevokeReport: fields('uint64 epoch,bytes32 report'),
  Delete: fields('bytes32 channelId,uint32 lane,bytes32 stampId'),
  Leave: fields('bytes32 channelId,uint32 lane'),
  Accept: fields('bytes32 channelId,uint32 lane,bytes32 stampId'),
  Complain: fields('bytes32 channelId,uint32 lane,bytes32 stampId'),
  RegisterTopic: fields('uint32 nodeId,bytes32 topic,address key,uint64 number'),
};

export const encodeType = (name) => `${name}(${types[name].map((f) => `${f.type} ${f.name}`).join(',')})`;
