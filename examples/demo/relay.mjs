// A wire between two programs on loopback that can be cut: what a partition does to a connection.
import net from 'node:net';

export class Relay {
  /** Listens on a free port and passes everything on to 127.0.0.1:`target`. */
  static async start(target) {
    const relay = new Relay();
    relay.target = target;
    relay.sockets = new Set();
    relay.isCut = false;
    relay.server = net.createServer((near) => relay.#join(near));
    await new Promise((resolve) => relay.server.listen(0, '127.0.0.1', resolve));
    relay.port = relay.server.address().port;
    relay.server.unref();
    return relay;
  }

  #join(near) {
    if (this.isCut) return near.destroy();
    const far = net.connect(this.target, '127.0.0.1');
    for (const socket of [near, far]) {
      this.sockets.add(socket);
      socket.unref();
      socket.on('error', () => socket.destroy());
      socket.on('close', () => this.sockets.delete(socket));
    }
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
    near.pipe(far);
    far.pipe(near);
  }

  cut() {
    this.isCut = true;
    for (const socket of this.sockets) socket.destroy();
  }

  mend() {
    this.isCut = false;
  }

  stop() {
    this.cut();
    this.server.close();
  }
}
