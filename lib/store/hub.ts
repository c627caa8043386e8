/**
 * A model folder from a hub with the API of huggingface.co: files of one commit, each fetched on from where an earlier attempt stopped,
 * and kept only when its digest is the one that the hub names.
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { ConfigError, DataError, DiskFull } from '../errors.ts';

export interface HubSettings {
  /** Without a slash at its end. */
  endpoint: string;
  /** Of a user who may read the model. */
  token?: string;
  /** Attempts in a row that bring nothing before it gives up; default 5. */
  tries?: number;
  /** Waited before the second attempt, twice as long before each next one; default 1000. */
  pauseMs?: number;
}

/** One file of a model as the hub names it. */
interface HubFile {
  name: string;
  bytes: number;
  /** Large files have a SHA-256, small ones the SHA-1 of a git blob. */
  digest: { algorithm: 'sha256' | 'git'; hex: string };
}

export interface Fetched {
  commit: string;
  files: number;
  /** Fetched now; the rest was there. */
  bytes: number;
}

/** Files that a model is read from (tensor/language-model.ts, tokenizer.ts). */
const modelFile =
  /^(config|generation_config|tokenizer|tokenizer_config)\.json$|^chat_template\.jinja$|^model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?$/;

/**
 * Fetches what a model is read from into `folder`. What is there with its digest is left alone; what was begun is gone on with. `check` sees
 * the config.json before any weights are fetched. Throws ConfigError where the hub has no such model or refuses it,
 * DataError where it cannot be reached or its bytes are not those it promised, DiskFull.
 */
export async function fetchModel(
  { model, revision, folder }: { model: string; revision: string; folder: string },
  settings: HubSettings,
  report: (line: string) => void,
  check: (configPath: string) => void,
): Promise<Fetched> {
  if (!/^[\w.-]+\/[\w.-]+$/.test(model)) throw new ConfigError(`"${model}" names no model of a hub. Write OWNER/NAME`);
  const { commit, files } = await listFiles(model, revision, settings);
  mkdirSync(folder, { recursive: true });
  let bytes = 0;
  // The config first, the weights last.
  const inOrder = files.toSorted((a, b) => rank(a) - rank(b) || a.bytes - b.bytes || (a.name < b.name ? -1 : 1));
  for (const file of inOrder) {
    const path = join(folder, file.name);
    if (!(await holds(path, file))) {
      report(`${file.name}: ${megabytes(file.bytes)}`);
      bytes += await fetchFile(`${settings.endpoint}/${model}/resolve/${commit}/${file.name}`, path, file, settings);
    }
    if (file.name === 'config.json') check(path);
  }
  return { commit, files: files.length, bytes };
}

function rank({ name }: HubFile): number {
  return name === 'config.json' ? 0 : 1;
}

async function listFiles(
  model: string,
  revision: string,
  settings: HubSettings,
): Promise<{ commit: string; files: HubFile[] }> {
  const url = `${settings.endpoint}/api/models/${model}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const text = await insist(url, settings, async () => {
    const answer = await request(url, settings);
    return answer.text().catch((error: unknown) => {
      throw new Interruption(reasonOf(error), false);
    });
  });
  const { sha, siblings } = parsed(text, url);
  const files = siblings.filter(({ rfilename }) => modelFile.test(rfilename)).map((file) => fileOf(file, url));
  if (!files.some(({ name }) => name === 'config.json')) {
    throw new ConfigError(
      `${model} at ${settings.endpoint} holds no config.json: it is no model that Transformers reads. Name another`,
    );
  }
  return { commit: sha, files };
}

const size = z.number().int().min(0);
const listing = z.object({
  sha: z.string().regex(/^[\da-f]{40}$/),
  siblings: z.array(
    z.object({
      rfilename: z.string(),
      size: size.optional(),
      blobId: z.string().optional(),
      lfs: z.object({ sha256: z.string().regex(/^[\da-f]{64}$/), size }).optional(),
    }),
  ),
});
type Sibling = z.infer<typeof listing>['siblings'][number];

/** What the hub says of a model. Throws DataError for anything else: a login page of a proxy, another server. */
function parsed(text: string, url: string): z.infer<typeof listing> {
  try {
    return listing.parse(JSON.parse(text));
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(new z.ZodError(cause.issues.slice(0, 1))) : 'no JSON';
    throw new DataError(
      `${url} answers what no hub answers (${why.slice(0, 200)}). Check HF_ENDPOINT, and proxies on the way`,
      {
        cause,
      },
    );
  }
}

function fileOf({ rfilename: name, size: bytes, blobId, lfs }: Sibling, url: string): HubFile {
  if (lfs) return { name, bytes: lfs.size, digest: { algorithm: 'sha256', hex: lfs.sha256 } };
  if (bytes === undefined || blobId === undefined)
    throw new DataError(`${url} names neither size nor digest of ${name}. Check HF_ENDPOINT`);
  return { name, bytes, digest: { algorithm: 'git', hex: blobId } };
}

/** Fetches into `path`.part, from where that ends, and renames it when it is whole and right. Returns the bytes that came. */
async function fetchFile(url: string, path: string, file: HubFile, settings: HubSettings): Promise<number> {
  const part = `${path}.part`;
  mkdirSync(dirname(path), { recursive: true });
  let came = 0;
  await insist(url, settings, async () => {
    const before = sizeOf(part);
    if (before > file.bytes) rmSync(part);
    const from = before > file.bytes ? 0 : before;
    if (from < file.bytes || file.bytes === 0) came += await append(url, part, { from, most: file.bytes }, settings);
    if (sizeOf(part) < file.bytes)
      throw new Interruption(`it ended after ${sizeOf(part)} of ${file.bytes} bytes`, came > 0);
  });
  if (await holds(part, file)) {
    renameSync(part, path);
    return came;
  }
  rmSync(part);
  throw new DataError(
    `${url}: its bytes do not have the digest ${file.digest.hex} that the hub names. Nothing was kept of it: fetch it again`,
  );
}

/** Appends what the hub has from byte `from` on; where it answers with the whole, that takes the place of what was there. Beyond `most` bytes in all nothing is taken. */
async function append(
  url: string,
  part: string,
  { from, most }: { from: number; most: number },
  settings: HubSettings,
): Promise<number> {
  const answer = await request(url, settings, from > 0 ? { Range: `bytes=${from}-` } : {});
  const start = answer.status === 206 ? from : 0;
  const before = start === 0 ? 0 : sizeOf(part);
  const flags = start === 0 ? 'w' : 'a';
  try {
    let room = most - start + 1;
    // One byte too many tells that it is not what was promised.
    const bounded = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const chunk of chunks) {
        yield chunk.subarray(0, room);
        room -= chunk.length;
        if (room <= 0) return;
      }
    };
    if (answer.body) await pipeline(Readable.fromWeb(answer.body), bounded, createWriteStream(part, { flags }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC')
      throw new DiskFull(`${part}: the disk is full. Make room; what was fetched is gone on with`, { cause: error });
    throw new Interruption(reasonOf(error), sizeOf(part) > before);
  }
  return sizeOf(part) - before;
}

/** The connection broke, or the hub is unwell: worth another attempt. */
class Interruption extends Error {
  readonly broughtSomething: boolean;
  constructor(reason: string, broughtSomething: boolean) {
    super(reason);
    this.broughtSomething = broughtSomething;
  }
}

/** Attempts until one succeeds; gives up after several in a row that bring nothing. */
async function insist<T>(url: string, settings: HubSettings, attempt: () => Promise<T>): Promise<T> {
  const { tries = 5, pauseMs = 1000 } = settings;
  for (let fruitless = 0; ; ) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Interruption)) throw error;
      fruitless = error.broughtSomething ? 0 : fruitless + 1;
      if (fruitless >= tries) {
        throw new DataError(
          `${url} cannot be fetched: ${error.message}. Check the network and HF_ENDPOINT; what was fetched is kept and gone on with`,
          { cause: error },
        );
      }
      await delay(pauseMs * 2 ** Math.max(0, fruitless - 1));
    }
  }
}

async function request(url: string, { token }: HubSettings, headers: Record<string, string> = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(url, { headers: { ...headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) } });
  } catch (error) {
    throw new Interruption(reasonOf(error), false);
  }
  if (answer.ok) return answer;
  await answer.body?.cancel();
  if (answer.status >= 500 || answer.status === 429) throw new Interruption(`the hub answers ${answer.status}`, false);
  throw new ConfigError(
    `${url}: the hub answers ${answer.status}. ${
      answer.status === 401 || answer.status === 403
        ? 'Set HF_TOKEN to a token of a user who may read the model'
        : 'Check the name of the model and its revision'
    }`,
  );
}

async function holds(path: string, { bytes, digest }: HubFile): Promise<boolean> {
  if (!existsSync(path) || statSync(path).size !== bytes) return false;
  const hash = createHash(digest.algorithm === 'git' ? 'sha1' : 'sha256');
  if (digest.algorithm === 'git') hash.update(`blob ${bytes}\0`);
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex') === digest.hex;
}

function sizeOf(path: string): number {
  return existsSync(path) ? statSync(path).size : 0;
}

/** What broke, in the words of the innermost cause. */
function reasonOf(error: unknown): string {
  let innermost = error;
  while (innermost instanceof Error && innermost.cause instanceof Error) innermost = innermost.cause;
  return innermost instanceof Error ? innermost.message : String(innermost);
}

function megabytes(bytes: number): string {
  return bytes < 1e5 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
