/** Ports on the loopback address. */
import { createServer } from 'node:net';
import { join } from 'node:path';
import { AlreadyRunning, PortTaken } from '../lib/errors.ts';
import { toolCacheFolder } from './environment.ts';
import { acquireLock } from './lock.ts';

/** A port that this process keeps for a server it starts. */
export interface Port {
  readonly port: number;
  /** Lets other newshound processes have it. */
  readonly release: () => void;
}

/**
 * A free port: `fixed` where the user asked for one (throws PortTaken when it is in use), else `usual` (if any) when free, else any.
 * Until released, no other newshound process of this user chooses it: two that start together do not meet on one port.
 */
export async function choosePort(
  server: string,
  usual: number | null,
  fixed: { port: number; setting: string } | null,
): Promise<Port> {
  if (fixed !== null) {
    const port = await reserve(fixed.port);
    if (port === null) throw new PortTaken(server, fixed.port, fixed.setting);
    return port;
  }
  const port = usual === null ? null : await reserve(usual);
  if (port !== null) return port;
  for (;;) {
    const any = await bind(0);
    const reserved = any === null ? null : await reserve(any);
    if (reserved !== null) return reserved;
  }
}

async function reserve(port: number): Promise<Port | null> {
  const path = join(toolCacheFolder(process.env), 'ports', `${port}.lock`);
  let lock: { release: () => void };
  try {
    lock = acquireLock(path, `serving on port ${port}`);
  } catch (error) {
    if (error instanceof AlreadyRunning) return null;
    throw error;
  }
  if ((await bind(port)) !== null) return { port, release: lock.release };
  lock.release();
  return null;
}

/** Binds and lets go again: the port that was bound, or null when it is taken. */
function bind(port: number): Promise<number | null> {
  return new Promise((settle, fail) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') settle(null);
      else fail(error);
    });
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : null;
      server.close(() => settle(bound));
    });
  });
}
