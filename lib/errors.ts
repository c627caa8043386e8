/**
 * Every kind of error that newshound raises on purpose. A message says what happened, where, and what to do; the fields say it to programs.
 * `retryable` is true where the same call may succeed later with nothing changed. activities/failures.ts makes Temporal failures of them.
 */
export abstract class NewshoundError extends Error {
  abstract readonly retryable: boolean;
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A setting, pipeline or command line that cannot be carried out. */
export class ConfigError extends NewshoundError {
  readonly retryable = false;
  readonly file: string | null;
  readonly line: number | null;
  readonly column: number | null;
  constructor(message: string, where: { file?: string; line?: number; column?: number; cause?: unknown } = {}) {
    const place = [where.file, where.line, where.column].filter((part) => part !== undefined).join(':');
    super(place === '' ? message : `${place}: ${message}`, { cause: where.cause });
    this.file = where.file ?? null;
    this.line = where.line ?? null;
    this.column = where.column ?? null;
  }
}

/** Input data that cannot be used: a file that is missing or malformed, too many bad rows, a blocking check. */
export class DataError extends NewshoundError {
  readonly retryable = false;
}

/** A model folder whose files, shapes or vocabulary do not fit. */
export class CheckpointError extends NewshoundError {
  readonly retryable = false;
  readonly path: string;
  readonly tensor: string | null;
  constructor(found: { path: string; tensor?: string; problem: string; remedy?: string; cause?: unknown }) {
    const { path, tensor, problem, remedy, cause } = found;
    const where = tensor === undefined ? path : `${path}, tensor ${tensor}`;
    super(`${where}: ${problem}. ${remedy ?? 'Point at a whole Hugging Face model folder, or fetch it again'}`, {
      cause,
    });
    this.path = path;
    this.tensor = tensor ?? null;
  }
}

/** A stored artifact whose bytes are not those it was stored with. */
export class ArtifactCorrupt extends NewshoundError {
  readonly retryable = false;
  readonly key: string;
  /** The step that can make it again, where the manifest tells. */
  readonly step: string | null;
  constructor(key: string, what: string, step: string | null, cause?: unknown) {
    super(
      `${key} is corrupt: ${what}. ${step === null ? 'Delete it and run the pipeline again' : `Delete it and run step "${step}" again`}`,
      { cause },
    );
    this.key = key;
    this.step = step;
  }
}

export class ArtifactMissing extends NewshoundError {
  readonly retryable = false;
  readonly key: string;
  constructor(key: string, cause?: unknown) {
    super(`${key} is not in the store. Run the step that makes it`, { cause });
    this.key = key;
  }
}

/** S3 said no: credentials, permission, bucket. */
export class StorageRefused extends NewshoundError {
  readonly retryable = false;
}

/** S3 does not answer. It may come back. */
export class StorageUnreachable extends NewshoundError {
  readonly retryable = true;
}

export class DiskFull extends NewshoundError {
  readonly retryable = false;
}

/** A loss, gradient or weight that is not a finite number, or a gradient that explodes. The state it was found in is as it was before. */
export class NumericsError extends NewshoundError {
  readonly retryable = false;
  /** The parameter, fed value or operation where it showed first, where that is known. */
  readonly tensor: string | null;
  /** What it happened on: stored artifacts, step. */
  readonly batch: string | null;
  constructor(message: string, where: { tensor?: string | null; batch?: string; cause?: unknown } = {}) {
    super(where.batch === undefined ? message : `${where.batch}: ${message}`, { cause: where.cause });
    this.tensor = where.tensor ?? null;
    this.batch = where.batch ?? null;
  }

  /** Runs a step; a NumericsError that it throws then names the batch. */
  static async of<T>(batch: string, step: () => Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      if (!(error instanceof NumericsError)) throw error;
      throw new NumericsError(error.message, { tensor: error.tensor, batch, cause: error });
    }
  }
}

/** The judge cannot be used, or ranks the canary lists wrongly. Retryable where its endpoint gave no answer for now. */
export class JudgeError extends NewshoundError {
  readonly retryable: boolean;
  constructor(message: string, options: { cause?: unknown; retryable?: boolean } = {}) {
    super(message, { cause: options.cause });
    this.retryable = options.retryable ?? false;
  }
}

/** A pointer was changed by somebody else since it was read. */
export class PointerConflict extends NewshoundError {
  readonly retryable = false;
  readonly pointer: string;
  constructor(pointer: string, cause?: unknown) {
    super(`pointer ${pointer} was changed by somebody else meanwhile. Read it again and decide again`, { cause });
    this.pointer = pointer;
  }
}

/** Another newshound process holds the lock. */
export class AlreadyRunning extends NewshoundError {
  readonly retryable = false;
  readonly path: string;
  readonly pid: number;
  constructor(path: string, holder: { pid: number; since: string; doing: string }) {
    super(
      `another newshound process (pid ${holder.pid}) has been ${holder.doing} here since ${holder.since}. Wait for it, or stop it (Ctrl-C there, or: kill ${holder.pid})`,
    );
    this.path = path;
    this.pid = holder.pid;
  }
}

/** The servers were another process's, and it has ended. */
export class ServersEnded extends NewshoundError {
  readonly retryable = false;
  constructor(holder: { pid: number; doing: string }) {
    super(
      `the newshound whose servers this one used (pid ${holder.pid}, ${holder.doing}) has ended. Start again: the run goes on from here`,
    );
  }
}

export class PortTaken extends NewshoundError {
  readonly retryable = false;
  readonly port: number;
  constructor(server: string, port: number, setting: string) {
    super(
      `port ${port} (${setting}) for ${server} is taken by another program. Free it, or set ${setting} to a free port`,
    );
    this.port = port;
  }
}

/** A recall server of an A/B test died while it was needed: the day is repeated with a fresh one. */
export class RecallServerEnded extends NewshoundError {
  readonly retryable = true;
  constructor(how: string) {
    super(`the recall server ended (${how}) while readers were being served. A fresh one serves the day again`);
  }
}

/** A server or worker could not be started or kept running. */
export class ServerStartFailed extends NewshoundError {
  readonly retryable = false;
  readonly server: string;
  constructor(server: string, reason: string, cause?: unknown) {
    super(`${server} could not be started: ${reason}`, { cause });
    this.server = server;
  }
}
